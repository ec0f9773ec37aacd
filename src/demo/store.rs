//! Many rows at a time, past the services: a million bookings one by one would take hours. The constraints of the database hold here too.

use super::plan::{PlannedClinic, PlannedDoctor, PlannedPatient, PlannedVisit};
use crate::{
    infra::db::{Database, Transaction},
    kernel::{
        id::SpecialtyId,
        rejection::{Internal, Rejection},
    },
};
use ::entity::{
    appointment::{self, AppointmentStatus},
    appointment_transition, availability_rule, calendar,
    clinic::{self, CancellationPolicy},
    doctor, doctor_specialty, specialty,
    user::{self, Role},
    visit_type,
};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, Iterable,
    QueryFilter,
};

/// SQLite takes no more values in one statement, and PostgreSQL not many more.
const VALUES: usize = 30_000;

/// Writes rows, as many in a statement as fit.
async fn insert_in<A>(transaction: &Transaction, rows: impl Iterator<Item = A>) -> Result<(), Rejection>
where
    A: ActiveModelTrait + ActiveModelBehavior + Send,
{
    let columns = <A::Entity as EntityTrait>::Column::iter().count();
    let mut rows = rows.peekable();
    while rows.peek().is_some() {
        let part: Vec<_> = rows.by_ref().take(VALUES / columns).collect();
        A::Entity::insert_many(part).exec_without_returning(&**transaction).await?;
    }
    Ok(())
}

/// What the password of this account is kept as.
pub async fn password_hash(database: &Database, email: &str) -> Result<String, Rejection> {
    let select = user::Entity::find().filter(user::Column::Email.eq(email));
    let row = select.one(database.reader()).await?;
    Ok(row.ok_or_else(|| Internal::new("the demo data lack an account"))?.password_hash)
}

/// Writes specialties and clinics.
pub async fn insert_places_in(
    transaction: &Transaction,
    specialties: &[(SpecialtyId, String)],
    clinics: &[PlannedClinic],
) -> Result<(), Rejection> {
    let specialty = |(id, name): &(SpecialtyId, String)| specialty::ActiveModel {
        id: Set(*id),
        name: Set(name.clone()),
        slug: Set(slug::slugify(name)),
        description: Set(None),
    };
    insert_in(transaction, specialties.iter().map(specialty)).await?;
    let clinic = |planned: &PlannedClinic| clinic::ActiveModel {
        id: Set(planned.id),
        name: Set(planned.name.clone()),
        slug: Set(slug::slugify(&planned.name)),
        address: Set(None),
        phone: Set(None),
        time_zone: Set(planned.time_zone.name().to_owned()),
        cancellation_notice_hours: Set(24),
        cancellation_policy: Set(CancellationPolicy::Refuse),
        cancellation_fee_amount: Set(None),
        cancellation_fee_currency: Set(None),
        hold_minutes: Set(10),
    };
    insert_in(transaction, clinics.iter().map(clinic)).await
}

fn user_row(planned: &PlannedPatient, role: Role, password_hash: &str, now: DateTime<Utc>) -> user::ActiveModel {
    user::ActiveModel {
        id: Set(planned.id),
        email: Set(planned.email.clone()),
        password_hash: Set(password_hash.to_owned()),
        name: Set(planned.name.clone()),
        phone: Set(None),
        role: Set(role),
        clinic_id: Set(None),
        time_zone: Set(planned.time_zone.name().to_owned()),
        locale: Set("en".to_owned()),
        active: Set(true),
        created_at: Set(now),
        email_verified_at: Set(None),
        phone_verified_at: Set(None),
        erased_at: Set(None),
    }
}

/// Writes patients, who sign in with the password that is kept as `password_hash`.
pub async fn insert_patients_in(
    transaction: &Transaction,
    patients: &[PlannedPatient],
    password_hash: &str,
    now: DateTime<Utc>,
) -> Result<(), Rejection> {
    insert_in(transaction, patients.iter().map(|patient| user_row(patient, Role::Patient, password_hash, now))).await
}

/// Writes doctors with their hours and what they offer; the log of their calendars is as if it had been cut.
pub async fn insert_doctors_in(
    transaction: &Transaction,
    doctors: &[PlannedDoctor],
    password_hash: &str,
    now: DateTime<Utc>,
) -> Result<(), Rejection> {
    let users = doctors.iter().map(|planned| user_row(&planned.user, Role::Doctor, password_hash, now));
    insert_in(transaction, users).await?;
    insert_in(transaction, doctors.iter().map(doctor_row)).await?;
    let calendars = doctors.iter().map(|planned| calendar::ActiveModel {
        doctor_id: Set(planned.schedule.doctor_id),
        version: Set(planned.version),
        schedule_version: Set(4),
    });
    insert_in(transaction, calendars).await?;
    let practised = doctors.iter().map(|planned| doctor_specialty::ActiveModel {
        doctor_id: Set(planned.schedule.doctor_id),
        specialty_id: Set(planned.specialty_id),
    });
    insert_in(transaction, practised).await?;
    let rules = doctors.iter().flat_map(|planned| {
        planned.schedule.rules.iter().map(|rule| availability_rule::ActiveModel {
            id: Set(rule.id),
            doctor_id: Set(planned.schedule.doctor_id),
            weekday: Set(i16::try_from(rule.weekday.number_from_monday()).unwrap_or_default()),
            start_minute: Set(rule.start.minutes()),
            end_minute: Set(rule.end.minutes()),
            slot_minutes: Set(rule.slot_minutes),
            effective_from: Set(None),
            effective_until: Set(None),
        })
    });
    insert_in(transaction, rules).await?;
    let visit_types = doctors.iter().flat_map(|planned| &planned.visit_types).map(|offered| visit_type::ActiveModel {
        id: Set(offered.id),
        doctor_id: Set(offered.doctor_id),
        name: Set(offered.name.clone()),
        duration_minutes: Set(offered.duration_minutes),
        step_minutes: Set(None),
        buffer_before_minutes: Set(None),
        buffer_after_minutes: Set(None),
        price_amount: Set(None),
        price_currency: Set(None),
        mode: Set(offered.mode),
        active: Set(true),
    });
    insert_in(transaction, visit_types).await
}

fn doctor_row(planned: &PlannedDoctor) -> doctor::ActiveModel {
    let schedule = &planned.schedule;
    doctor::ActiveModel {
        id: Set(schedule.doctor_id),
        user_id: Set(planned.user.id),
        clinic_id: Set(planned.clinic_id),
        name: Set(planned.user.name.clone()),
        title: Set(None),
        bio: Set(None),
        search_text: Set(planned.user.name.to_lowercase()),
        time_zone: Set(schedule.time_zone.name().to_owned()),
        slot_minutes: Set(schedule.slot_minutes),
        buffer_minutes: Set(planned.buffer_minutes),
        min_notice_minutes: Set(schedule.min_notice_minutes),
        max_advance_days: Set(schedule.max_advance_days),
        cancellation_notice_hours: Set(None),
        active: Set(true),
    }
}

/// Writes confirmed visits with their history.
pub async fn insert_visits_in(
    transaction: &Transaction,
    visits: &[PlannedVisit],
    now: DateTime<Utc>,
) -> Result<(), Rejection> {
    let appointment = |planned: &PlannedVisit| appointment::ActiveModel {
        id: Set(planned.id),
        reference: Set(planned.reference.clone()),
        doctor_id: Set(planned.doctor_id),
        clinic_id: Set(planned.clinic_id),
        patient_id: Set(planned.patient_id),
        visit_type_id: Set(None),
        starts_at: Set(planned.visit.start),
        ends_at: Set(planned.visit.end),
        occupied_from: Set(planned.occupied.start),
        occupied_until: Set(planned.occupied.end),
        time_zone: Set(planned.time_zone.name().to_owned()),
        status: Set(AppointmentStatus::Confirmed),
        notes: Set(None),
        expires_at: Set(None),
        hold_renewed: Set(false),
        cancellation_fee_amount: Set(None),
        cancellation_fee_currency: Set(None),
        rescheduled_from: Set(None),
        version: Set(2),
        created_at: Set(now),
    };
    insert_in(transaction, visits.iter().map(appointment)).await?;
    let moves = [(None, AppointmentStatus::Pending), (Some(AppointmentStatus::Pending), AppointmentStatus::Confirmed)];
    let transitions = visits.iter().flat_map(|planned| {
        moves.map(|(from, to)| appointment_transition::ActiveModel {
            appointment_id: Set(planned.id),
            from_status: Set(from),
            to_status: Set(to),
            actor_id: Set(from.is_none().then_some(planned.patient_id)),
            reason: Set(None),
            at: Set(now),
            ..Default::default()
        })
    });
    insert_in(transaction, transitions).await
}

/// Has the database look at how much there is now, so that it plans accordingly.
pub async fn analyze(database: &Database) -> Result<(), Rejection> {
    Ok(database.reader().execute_unprepared("ANALYZE").await.map(|_| ())?)
}
