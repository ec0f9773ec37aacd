//! Making and changing doctors.

use super::{
    appointment::Appointment,
    context::Reach,
    doctor::Doctor,
    failure::Failure,
    guard::For,
    input, page,
    scalars::{EmailAddress, TimeZone},
    user_error::{UserError, outcome},
};
use crate::{
    directory::{self, DoctorPatch, NewDoctor},
    kernel::{
        id::{DoctorId, SpecialtyId},
        patch::Patch,
        rejection::{Code, Refusal, Rejection},
    },
};
use async_graphql::{Context, Description, ID, InputObject, MaybeUndefined, Object};
use secrecy::SecretString;

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
    /// The password to sign in with, 8 characters to 1,000 bytes, and not easy to guess; where nothing is said, the doctor sets one by the link
    /// in the e-mail.
    password: Option<String>,
    /// A title, such as "Dr. med.".
    title: Option<String>,
    /// A few words about the doctor, at most 4,000 characters.
    bio: Option<String>,
    /// The time zone that working hours are in; the clinic's where nothing is said.
    time_zone: Option<TimeZone>,
    /// The slot length where neither a rule nor a visit type names one, 5 to 480 minutes.
    #[graphql(default_with = "Some(30)")]
    slot_minutes: Option<i32>,
    /// The pause after a visit, 0 to 240 minutes.
    #[graphql(default_with = "Some(0)")]
    buffer_minutes: Option<i32>,
    /// How long before its start a visit must be booked, 0 to 43,200 minutes.
    #[graphql(default_with = "Some(0)")]
    min_notice_minutes: Option<i32>,
    /// How many days ahead a visit may be booked, 0 to 366.
    #[graphql(default_with = "Some(60)")]
    max_advance_days: Option<i32>,
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
            password: self.password.map(SecretString::from),
            title: self.title,
            bio: self.bio,
            time_zone: self.time_zone.map(Into::into),
            slot_minutes: self.slot_minutes.unwrap_or(30),
            buffer_minutes: self.buffer_minutes.unwrap_or(0),
            min_notice_minutes: self.min_notice_minutes.unwrap_or(0),
            max_advance_days: self.max_advance_days.unwrap_or(60),
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
    /// Whether the doctor is listed and can be booked. For admins; true brings a deactivated doctor back, if the person is a doctor still.
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
    #[graphql(complexity = "page::times(20, child_complexity)")]
    async fn conflicts(&self, context: &Context<'_>) -> Result<Vec<Appointment>, Failure> {
        let Some(doctor) = &self.doctor else { return Ok(Vec::new()) };
        let found = context.services().booking.conflicts(context.signed_in()?, doctor.id).await?;
        Ok(found.into_iter().map(|found| Appointment::shown(context, found)).collect())
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
    /// Make a doctor: the profile, and the account to sign in with. For admins of the clinic and of the platform. An e-mail that is registered is
    /// `EMAIL_TAKEN`; a doctor of the clinic who has not confirmed the address yet is then sent the invitation again.
    #[graphql(guard = "For::Admins", complexity = "super::session::HASHING + child_complexity")]
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
