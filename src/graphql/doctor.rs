//! Doctors.

use super::{
    appointment::Appointment,
    availability::{AvailabilityOverride, AvailabilityRule},
    clinic::Clinic,
    context::Reach,
    failure::Failure,
    guard::For,
    input,
    loaders::fetch,
    page::{self, Arguments, connection},
    scalars::{Date, DateTime, EmailAddress, TimeZone},
    slot::{self, Slot, SlotStatus},
    specialty::Specialty,
    user_error::{UserError, outcome},
    visit_type::VisitType,
};
use crate::{
    directory::{self, DoctorPatch, NewDoctor},
    kernel::{
        id::{DoctorId, SpecialtyId},
        page::Page,
        patch::Patch,
        rejection::{Code, Refusal, Rejection},
    },
};
use async_graphql::{Context, Description, Enum, ID, InputObject, MaybeUndefined, Object};
use secrecy::SecretString;

/// Somebody who can be booked: a professional profile in one clinic.
#[derive(Description, Clone)]
pub struct Doctor(pub directory::Doctor);

impl From<directory::Doctor> for Doctor {
    fn from(doctor: directory::Doctor) -> Self {
        Self(doctor)
    }
}

#[Object(use_type_description)]
impl Doctor {
    /// Names the doctor.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// How patients know the doctor.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// A title, such as "Dr. med.".
    async fn title(&self) -> Option<&str> {
        self.0.title.as_deref()
    }

    /// A few words about the doctor.
    async fn bio(&self) -> Option<&str> {
        self.0.bio.as_deref()
    }

    /// The time zone that the doctor's working hours and dates are in.
    async fn time_zone(&self) -> TimeZone {
        self.0.time_zone.into()
    }

    /// Where the doctor works.
    async fn clinic(&self, context: &Context<'_>) -> Result<Clinic, Failure> {
        Ok(Clinic(context.loaders().clinics.load_known(self.0.clinic_id).await?))
    }

    /// What the doctor practises, by name.
    #[graphql(complexity = "3 * child_complexity + 1")]
    async fn specialties(&self, context: &Context<'_>) -> Result<Vec<Specialty>, Failure> {
        let found = context.loaders().doctor_specialties.load(self.0.id).await?;
        Ok(found.unwrap_or_default().into_iter().map(Specialty).collect())
    }

    /// What the doctor offers or once offered, by name; at most 100.
    #[graphql(complexity = "5 * child_complexity + 1")]
    async fn visit_types(&self, context: &Context<'_>) -> Result<Vec<VisitType>, Failure> {
        let found = context.loaders().doctor_visit_types.load(self.0.id).await?;
        Ok(found.unwrap_or_default().into_iter().map(VisitType).collect())
    }

    /// The slot length, in minutes, where neither a rule nor a visit type names one.
    async fn slot_minutes(&self) -> i32 {
        self.0.slot_minutes
    }

    /// The pause after a visit, in minutes, where the visit type names none.
    async fn buffer_minutes(&self) -> i32 {
        self.0.buffer_minutes
    }

    /// How long before its start a visit must be booked, in minutes.
    async fn min_notice_minutes(&self) -> i32 {
        self.0.min_notice_minutes
    }

    /// How many days ahead a visit may be booked, today being 0.
    async fn max_advance_days(&self) -> i32 {
        self.0.max_advance_days
    }

    /// Until how many hours before a visit patients may cancel it.
    async fn cancellation_notice_hours(&self) -> i32 {
        self.0.cancellation_notice_hours()
    }

    /// False: not listed and no slots; the appointments remain.
    async fn active(&self) -> bool {
        self.0.active
    }

    /// The weekly working hours, from Monday on; at most 100.
    #[graphql(complexity = "7 * child_complexity + 1")]
    async fn availability_rules(&self, context: &Context<'_>) -> Result<Vec<AvailabilityRule>, Failure> {
        let found = context.loaders().doctor_rules.load(self.0.id).await?;
        Ok(found.unwrap_or_default().into_iter().map(AvailabilityRule).collect())
    }

    /// The exceptions to the weekly hours, by date.
    #[graphql(complexity = "10 * child_complexity + 1")]
    async fn availability_overrides(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The first date; today where nothing is said.")] from: Option<Date>,
        #[graphql(desc = "The last date; 366 days after the first where nothing is said, and at most.")] to: Option<
            Date,
        >,
    ) -> Result<Vec<AvailabilityOverride>, Failure> {
        let dates = slot::dates(context, self.0.time_zone, from, to)?;
        let found = context.loaders().doctor_overrides.load((self.0.id, dates)).await?;
        let shows_reason = context.viewer().is_some_and(|viewer| self.0.is_kept_by(viewer));
        let exception = |exception| AvailabilityOverride { exception, shows_reason };
        Ok(found.unwrap_or_default().into_iter().map(exception).collect())
    }

    /// The slots that start in `[from, to)`, in order. Without visit type and duration they are as long as the hours say.
    #[graphql(complexity = "slot::cost(&from, &to) * child_complexity + 1")]
    async fn slots(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The first start.")] from: DateTime,
        #[graphql(desc = "Behind the last start; at most 62 days after `from`.")] to: DateTime,
        #[graphql(desc = "What for; no slots for a visit type that this doctor does not offer.")] visit_type_id: Option<
            ID,
        >,
        #[graphql(desc = "How long, in minutes, 5 to 480; not together with a visit type.")] duration_minutes: Option<
            i32,
        >,
        #[graphql(desc = "In which states; OPEN where nothing is said.")] statuses: Option<Vec<SlotStatus>>,
    ) -> Result<Vec<Slot>, Failure> {
        let Some(query) = slot::query((from.into(), to.into()), visit_type_id, duration_minutes, statuses)? else {
            return Ok(Vec::new());
        };
        let found = context.loaders().doctor_slots.load((self.0.id, query)).await?;
        Ok(found.unwrap_or_default().into_iter().map(Slot).collect())
    }

    /// The next open slots, in order.
    #[graphql(complexity = "page::size(Some(first), None) * child_complexity + 1")]
    async fn next_slots(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How many at most, 1 to 100.", default = 3)] first: i32,
        #[graphql(desc = "What for; no slots for a visit type that this doctor does not offer.")] visit_type_id: Option<
            ID,
        >,
    ) -> Result<Vec<Slot>, Failure> {
        let request = Arguments { first: Some(first), ..Arguments::default() }.request(context)?;
        let visit_type_id = match visit_type_id.map(|id| id.parse()) {
            None => None,
            Some(Ok(id)) => Some(id),
            Some(Err(_)) => return Ok(Vec::new()),
        };
        let found = context.loaders().doctor_next_slots.load((self.0.id, (visit_type_id, request.size))).await?;
        Ok(found.unwrap_or_default().into_iter().map(Slot).collect())
    }

    /// Grows by one with each event of this doctor's calendar. Never newer than the slots in the same answer.
    async fn calendar_version(&self) -> i32 {
        self.0.calendar_version
    }
}

connection!(DoctorConnection, DoctorEdge, Doctor, "doctors", counted);

/// The order of a list of doctors.
#[derive(Clone, Copy, Debug, Default, Enum, PartialEq, Eq)]
pub enum DoctorOrder {
    /// By name.
    #[default]
    Name,
}

/// Which doctors.
#[derive(Debug, Default, InputObject)]
pub struct DoctorFilter {
    /// Those who practise this.
    specialty_id: Option<ID>,
    /// Those who work here.
    clinic_id: Option<ID>,
    /// Those with this in name, title or bio, in any case; at most 200 characters.
    search: Option<String>,
}

impl DoctorFilter {
    /// The filter; nothing where it names something that cannot be there.
    pub fn parse(self) -> Result<Option<directory::DoctorFilter>, Rejection> {
        directory::check_search(self.search.as_deref())?;
        let parse = || {
            Some(directory::DoctorFilter {
                specialty_id: self.specialty_id.map(|id| id.parse()).transpose().ok()?,
                clinic_id: self.clinic_id.map(|id| id.parse()).transpose().ok()?,
                search: self.search,
            })
        };
        Ok(parse())
    }
}

/// Queries about doctors.
#[derive(Default)]
pub struct DoctorQuery;

#[Object]
impl DoctorQuery {
    /// The listed doctors.
    #[graphql(complexity = "page::size(first, last) * child_complexity + 1")]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn doctors(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How many from the front, 1 to 100; 20 where nothing is said.")] first: Option<i32>,
        #[graphql(desc = "The cursor behind which to begin.")] after: Option<String>,
        #[graphql(desc = "How many from the back, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
        #[graphql(desc = "Only these.")] filter: Option<DoctorFilter>,
        #[graphql(desc = "In which order; by name where nothing is said.")] order_by: Option<DoctorOrder>,
    ) -> Result<DoctorConnection, Failure> {
        let DoctorOrder::Name = order_by.unwrap_or_default();
        let request = Arguments { first, after, last, before }.request(context)?;
        let Some(filter) = filter.unwrap_or_default().parse()? else {
            return Ok(Page::<directory::Doctor>::empty().into());
        };
        Ok(context.services().directory.list_doctors(&filter, &request).await?.into())
    }

    /// A doctor by ID, listed or not.
    async fn doctor(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The doctor's ID.")] id: ID,
    ) -> Result<Option<Doctor>, Failure> {
        let Ok(id) = id.parse() else { return Ok(None) };
        Ok(context.loaders().doctors.load(id).await?.map(Doctor))
    }
}

/// What a doctor shall be.
#[derive(InputObject)]
pub struct CreateDoctorInput {
    /// Where the doctor works.
    clinic_id: ID,
    /// What the doctor practises, 1 to 100 specialties.
    specialty_ids: Vec<ID>,
    /// How patients know the doctor, at most 200 characters.
    name: String,
    /// The e-mail address to sign in with: one that nobody signs in with yet.
    email: EmailAddress,
    /// The password to sign in with, 8 characters to 1,000 bytes.
    password: String,
    /// A title, such as "Dr. med.".
    title: Option<String>,
    /// A few words about the doctor, at most 4,000 characters.
    bio: Option<String>,
    /// The time zone that working hours are in; the clinic's where nothing is said.
    time_zone: Option<TimeZone>,
    /// The slot length where neither a rule nor a visit type names one, 5 to 480 minutes.
    #[graphql(default = 30)]
    slot_minutes: i32,
    /// The pause after a visit, 0 to 240 minutes.
    #[graphql(default = 0)]
    buffer_minutes: i32,
    /// How long before its start a visit must be booked, 0 to 43,200 minutes.
    #[graphql(default = 0)]
    min_notice_minutes: i32,
    /// How many days ahead a visit may be booked, 0 to 366.
    #[graphql(default = 60)]
    max_advance_days: i32,
    /// Until how many hours before a visit patients may cancel it, 0 to 8,784; as the clinic says where nothing is said.
    cancellation_notice_hours: Option<i32>,
}

impl CreateDoctorInput {
    fn parse(self) -> Result<NewDoctor, Rejection> {
        Ok(NewDoctor {
            clinic_id: input::id(&self.clinic_id, "clinicId")?,
            specialty_ids: input::ids(&self.specialty_ids, "specialtyIds")?,
            name: self.name,
            email: self.email.into(),
            password: SecretString::from(self.password),
            title: self.title,
            bio: self.bio,
            time_zone: self.time_zone.map(Into::into),
            slot_minutes: self.slot_minutes,
            buffer_minutes: self.buffer_minutes,
            min_notice_minutes: self.min_notice_minutes,
            max_advance_days: self.max_advance_days,
            cancellation_notice_hours: self.cancellation_notice_hours,
        })
    }
}

/// What shall be changed of a doctor: an absent field stays, null clears it.
#[derive(InputObject)]
pub struct UpdateDoctorInput {
    /// Which.
    doctor_id: ID,
    /// How patients know the doctor, at most 200 characters.
    name: MaybeUndefined<String>,
    /// A title, such as "Dr. med.".
    title: MaybeUndefined<String>,
    /// A few words about the doctor, at most 4,000 characters.
    bio: MaybeUndefined<String>,
    /// The time zone that working hours are in. Bookings stay at their instants.
    time_zone: MaybeUndefined<TimeZone>,
    /// The slot length for what is set later, 5 to 480 minutes.
    slot_minutes: MaybeUndefined<i32>,
    /// The pause after a visit, 0 to 240 minutes.
    buffer_minutes: MaybeUndefined<i32>,
    /// How long before its start a visit must be booked, 0 to 43,200 minutes.
    min_notice_minutes: MaybeUndefined<i32>,
    /// How many days ahead a visit may be booked, 0 to 366.
    max_advance_days: MaybeUndefined<i32>,
    /// Until how many hours before a visit patients may cancel it, 0 to 8,784; null: as the clinic says.
    cancellation_notice_hours: MaybeUndefined<i32>,
    /// What the doctor practises, 1 to 100 specialties.
    specialty_ids: MaybeUndefined<Vec<ID>>,
    /// Whether the doctor is listed and can be booked. For admins; true brings a deactivated doctor back.
    active: MaybeUndefined<bool>,
}

impl UpdateDoctorInput {
    fn parse(self) -> Result<(DoctorId, DoctorPatch), Rejection> {
        let specialty_ids: Patch<Vec<SpecialtyId>> = match self.specialty_ids {
            MaybeUndefined::Undefined => Patch::Keep,
            MaybeUndefined::Null => {
                return Err(Refusal::of("specialtyIds", Code::Invalid, "A doctor has at least one specialty.").into());
            }
            MaybeUndefined::Value(ids) => Patch::Set(input::ids(&ids, "specialtyIds")?),
        };
        let patch = DoctorPatch {
            name: input::patch(self.name),
            title: input::patch(self.title),
            bio: input::patch(self.bio),
            time_zone: input::patch(self.time_zone),
            slot_minutes: input::patch(self.slot_minutes),
            buffer_minutes: input::patch(self.buffer_minutes),
            min_notice_minutes: input::patch(self.min_notice_minutes),
            max_advance_days: input::patch(self.max_advance_days),
            cancellation_notice_hours: input::patch(self.cancellation_notice_hours),
            specialty_ids,
            active: input::patch(self.active),
        };
        Ok((input::id(&self.doctor_id, "doctorId")?, patch))
    }
}

/// Which doctor shall be taken off the list.
#[derive(InputObject)]
pub struct DeactivateDoctorInput {
    /// Which.
    doctor_id: ID,
}

/// What became of a doctor.
#[derive(Description)]
pub struct DoctorPayload {
    doctor: Option<directory::Doctor>,
    user_errors: Vec<UserError>,
}

impl DoctorPayload {
    /// The payload of a mutation of this doctor.
    pub async fn from_outcome(context: &Context<'_>, result: Result<DoctorId, Rejection>) -> Result<Self, Failure> {
        let (id, user_errors) = outcome(result)?;
        let doctor = match id {
            Some(id) => Some(context.loaders().doctors.load_known(id).await?),
            None => None,
        };
        Ok(Self { doctor, user_errors })
    }
}

#[Object(use_type_description)]
impl DoctorPayload {
    /// The doctor as it is now; null where something was refused.
    async fn doctor(&self) -> Option<Doctor> {
        self.doctor.clone().map(Doctor)
    }

    /// Appointments to come that lie outside the doctor's hours now, the earliest first, at most 1,000. They stay: move or cancel them.
    #[graphql(complexity = "20 * child_complexity + 1")]
    async fn conflicts(&self, context: &Context<'_>) -> Result<Vec<Appointment>, Failure> {
        let Some(doctor) = &self.doctor else { return Ok(Vec::new()) };
        let found = context.services().booking.conflicts(context.signed_in()?, doctor.id).await?;
        Ok(found.into_iter().map(Appointment).collect())
    }

    /// What was refused, and why; nothing was written then.
    async fn user_errors(&self) -> &[UserError] {
        &self.user_errors
    }
}

/// Mutations of doctors.
#[derive(Default)]
pub struct DoctorMutation;

#[Object]
impl DoctorMutation {
    /// Make a doctor: the profile, and the account to sign in with. For admins of the clinic and of the platform.
    #[graphql(guard = "For::Admins")]
    async fn create_doctor(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What the doctor shall be.")] input: CreateDoctorInput,
    ) -> Result<DoctorPayload, Failure> {
        let create = async { context.services().directory.create_doctor(context.signed_in()?, input.parse()?).await };
        DoctorPayload::from_outcome(context, create.await).await
    }

    /// Change a doctor's profile or booking settings. For the doctor, and admins of the clinic and of the platform.
    #[graphql(guard = "For::Staff")]
    async fn update_doctor(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What shall be changed.")] input: UpdateDoctorInput,
    ) -> Result<DoctorPayload, Failure> {
        let update = async {
            let (id, patch) = input.parse()?;
            context.services().directory.update_doctor(context.signed_in()?, id, patch).await.map(|()| id)
        };
        DoctorPayload::from_outcome(context, update.await).await
    }

    /// Take a doctor off the list: no new bookings; the appointments remain. For admins of the clinic and of the platform.
    #[graphql(guard = "For::Admins")]
    async fn deactivate_doctor(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which.")] input: DeactivateDoctorInput,
    ) -> Result<DoctorPayload, Failure> {
        let deactivate = async {
            let id = input::id(&input.doctor_id, "doctorId")?;
            context.services().directory.deactivate_doctor(context.signed_in()?, id).await.map(|()| id)
        };
        DoctorPayload::from_outcome(context, deactivate.await).await
    }
}

fetch!(
    /// Doctors by their ids.
    Doctors(services, _caller): DoctorId => directory::Doctor,
    |keys| directory::doctors(services.database.reader(), keys).await
);
