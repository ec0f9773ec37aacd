//! Clinics.

use super::{
    context::Reach,
    doctor::{DoctorConnection, DoctorFilter, DoctorOrder},
    failure::Failure,
    guard::For,
    input,
    loaders::{by_arguments, fetch},
    money::{Money, MoneyInput},
    page::{self, Arguments, connection},
    scalars::TimeZone,
    specialty::{DeleteInput, DeletePayload},
    user_error::{UserError, outcome},
};
use crate::{
    availability::DoctorListing,
    directory::{self, ClinicPatch, NewClinic},
    kernel::{
        id::ClinicId,
        page::{Page, PageRequest},
        rejection::Rejection,
    },
};
use async_graphql::{Context, Description, Enum, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use std::collections::HashMap;

/// What happens to patients who cancel too late.
#[derive(Clone, Copy, Debug, Enum, PartialEq, Eq)]
#[graphql(remote = "directory::CancellationPolicy")]
pub enum CancellationPolicy {
    /// They cannot: they have to call.
    Refuse,
    /// They can, for the clinic's fee.
    Fee,
}

/// A place where doctors work.
#[derive(Description, Clone)]
pub struct Clinic(pub directory::Clinic);

impl From<directory::Clinic> for Clinic {
    fn from(clinic: directory::Clinic) -> Self {
        Self(clinic)
    }
}

#[Object(use_type_description)]
impl Clinic {
    /// Names the clinic.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// Its name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Its name in addresses: lower-case letters, digits and hyphens, unique.
    async fn slug(&self) -> &str {
        &self.0.slug
    }

    /// Where it is.
    async fn address(&self) -> Option<&str> {
        self.0.address.as_deref()
    }

    /// Its telephone number.
    async fn phone(&self) -> Option<&str> {
        self.0.phone.as_deref()
    }

    /// Its time zone.
    async fn time_zone(&self) -> TimeZone {
        self.0.time_zone.into()
    }

    /// Until how many hours before a visit patients may cancel it, where the doctor says nothing else.
    async fn cancellation_notice_hours(&self) -> i32 {
        self.0.cancellation_notice_hours
    }

    /// What happens to patients who cancel after that.
    async fn cancellation_policy(&self) -> CancellationPolicy {
        self.0.cancellation_policy.into()
    }

    /// What a late cancellation costs under the policy `FEE`.
    async fn cancellation_fee(&self) -> Option<Money> {
        self.0.cancellation_fee.clone().map(Money::from)
    }

    /// For how many minutes a patient holds a slot.
    async fn hold_minutes(&self) -> i32 {
        self.0.hold_minutes
    }

    /// The listed doctors who work here, by name.
    #[graphql(complexity = "page::cost(first, None, child_complexity)")]
    async fn doctors(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How many, 1 to 100; 20 where nothing is said.")] first: Option<i32>,
        #[graphql(desc = "The cursor behind which to begin.")] after: Option<String>,
        #[graphql(desc = "Only these.")] filter: Option<DoctorFilter>,
        #[graphql(desc = "In which order; by name where nothing is said.")] order_by: Option<DoctorOrder>,
    ) -> Result<DoctorConnection, Failure> {
        let request = Arguments { first, after, ..Arguments::default() }.request(context)?;
        let Some(listing) = filter.unwrap_or_default().listing(order_by)? else {
            return Ok(Page::<directory::Doctor>::empty().into());
        };
        let page = context.loaders().clinic_doctors.load((self.0.id, (listing, request))).await?;
        Ok(page.unwrap_or_else(Page::empty).into())
    }
}

connection!(ClinicConnection, ClinicEdge, Clinic, "clinics", counted);

/// Queries about clinics.
#[derive(Default)]
pub struct ClinicQuery;

#[Object]
impl ClinicQuery {
    /// All clinics, by name.
    #[graphql(complexity = "page::cost(first, last, child_complexity)")]
    async fn clinics(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How many from the front, 1 to 100; 20 where nothing is said.")] first: Option<i32>,
        #[graphql(desc = "The cursor behind which to begin.")] after: Option<String>,
        #[graphql(desc = "How many from the back, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> Result<ClinicConnection, Failure> {
        let request = Arguments { first, after, last, before }.request(context)?;
        Ok(context.services().directory.list_clinics(&request).await?.into())
    }

    /// A clinic by its ID.
    async fn clinic(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Its ID.")] id: ID,
    ) -> Result<Option<Clinic>, Failure> {
        let Ok(id) = id.parse() else { return Ok(None) };
        Ok(context.loaders().clinics.load(id).await?.map(Clinic))
    }
}

/// What a clinic shall be.
#[derive(InputObject)]
pub struct CreateClinicInput {
    /// Its name, at most 200 characters.
    name: String,
    /// Its name in addresses; made from the name where there is none.
    slug: Option<String>,
    /// Where it is, at most 4,000 characters.
    address: Option<String>,
    /// Its telephone number.
    phone: Option<String>,
    /// Its time zone.
    time_zone: TimeZone,
    /// Until how many hours before a visit patients may cancel it, 0 to 8,784; 24 where nothing is said.
    cancellation_notice_hours: Option<i32>,
    /// What happens to patients who cancel after that.
    #[graphql(default_with = "Some(CancellationPolicy::Refuse)")]
    cancellation_policy: Option<CancellationPolicy>,
    /// What a late cancellation costs; needed for the policy `FEE`.
    cancellation_fee: Option<MoneyInput>,
    /// For how many minutes a patient holds a slot, 1 to 60.
    #[graphql(default_with = "Some(10)")]
    hold_minutes: Option<i32>,
}

/// What shall be changed of a clinic: an absent field stays, null clears it.
#[derive(InputObject)]
pub struct UpdateClinicInput {
    /// Which.
    id: ID,
    /// Its name, at most 200 characters.
    name: MaybeUndefined<String>,
    /// Its name in addresses.
    slug: MaybeUndefined<String>,
    /// Where it is, at most 4,000 characters.
    address: MaybeUndefined<String>,
    /// Its telephone number.
    phone: MaybeUndefined<String>,
    /// Its time zone. That of its doctors stays.
    time_zone: MaybeUndefined<TimeZone>,
    /// Until how many hours before a visit patients may cancel it, 0 to 8,784.
    cancellation_notice_hours: MaybeUndefined<i32>,
    /// What happens to patients who cancel after that.
    cancellation_policy: MaybeUndefined<CancellationPolicy>,
    /// What a late cancellation costs; needed for the policy `FEE`.
    cancellation_fee: MaybeUndefined<MoneyInput>,
    /// For how many minutes a patient holds a slot, 1 to 60.
    hold_minutes: MaybeUndefined<i32>,
}

/// What became of a clinic.
#[derive(SimpleObject)]
pub struct ClinicPayload {
    /// The clinic as it is now; null where something was refused.
    clinic: Option<Clinic>,
    /// What was refused, and why; nothing was written then.
    user_errors: Vec<UserError>,
}

impl ClinicPayload {
    /// The payload of a mutation that concerns this clinic.
    pub async fn from_id(context: &Context<'_>, result: Result<ClinicId, Rejection>) -> Result<Self, Failure> {
        let (id, user_errors) = outcome(result)?;
        let clinic = match id {
            Some(id) => Some(context.loaders().clinics.load_known(id).await?),
            None => None,
        };
        Ok(Self { clinic: clinic.map(Clinic), user_errors })
    }

    fn from_outcome(result: Result<directory::Clinic, Rejection>) -> Result<Self, Failure> {
        let (clinic, user_errors) = outcome(result)?;
        Ok(Self { clinic: clinic.map(Clinic), user_errors })
    }
}

/// Mutations of clinics.
#[derive(Default)]
pub struct ClinicMutation;

#[Object]
impl ClinicMutation {
    /// Make a clinic. For admins of the platform.
    #[graphql(guard = "For::PlatformAdmins")]
    async fn create_clinic(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What it shall be.")] input: CreateClinicInput,
    ) -> Result<ClinicPayload, Failure> {
        let new = NewClinic {
            name: input.name,
            slug: input.slug,
            address: input.address,
            phone: input.phone,
            time_zone: input.time_zone.into(),
            cancellation_notice_hours: input.cancellation_notice_hours,
            cancellation_policy: input.cancellation_policy.map(Into::into),
            cancellation_fee: input.cancellation_fee.map(Into::into),
            hold_minutes: input.hold_minutes,
        };
        ClinicPayload::from_outcome(context.services().directory.create_clinic(context.signed_in()?, new).await)
    }

    /// Change a clinic. For its admins and those of the platform.
    #[graphql(guard = "For::Admins")]
    async fn update_clinic(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What shall be changed.")] input: UpdateClinicInput,
    ) -> Result<ClinicPayload, Failure> {
        let patch = ClinicPatch {
            name: input::patch(input.name),
            slug: input::patch(input.slug),
            address: input::patch(input.address),
            phone: input::patch(input.phone),
            time_zone: input::patch(input.time_zone),
            cancellation_notice_hours: input::patch(input.cancellation_notice_hours),
            cancellation_policy: input::patch(input.cancellation_policy),
            cancellation_fee: input::patch(input.cancellation_fee),
            hold_minutes: input::patch(input.hold_minutes),
        };
        let update = async {
            let id = input::id(&input.id, "id")?;
            context.services().directory.update_clinic(context.signed_in()?, id, patch).await
        };
        ClinicPayload::from_outcome(update.await)
    }

    /// Delete a clinic that has neither doctors nor admins. For admins of the platform.
    #[graphql(guard = "For::PlatformAdmins")]
    async fn delete_clinic(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which.")] input: DeleteInput,
    ) -> Result<DeletePayload, Failure> {
        let delete = async {
            let id = input::id(&input.id, "id")?;
            context.services().directory.delete_clinic(context.signed_in()?, id).await
        };
        let (deleted, user_errors) = outcome(delete.await)?;
        Ok(DeletePayload { deleted_id: deleted.map(|()| input.id), user_errors })
    }
}

fetch!(
    /// Clinics by their ids.
    Clinics(services, _caller): ClinicId => directory::Clinic,
    |keys| directory::clinics(services.database.reader(), keys).await
);

fetch!(
    /// The doctors who work in clinics.
    ClinicDoctors(services, _caller): (ClinicId, (DoctorListing, PageRequest)) => Page<directory::Doctor>,
    |keys| {
        let mut found = HashMap::new();
        for ((listing, request), ids) in by_arguments(keys) {
            let pages = services.availability.doctors_of_clinics(&ids, &listing, &request).await?;
            found.extend(pages.into_iter().map(|(id, page)| ((id, (listing.clone(), request.clone())), page)));
        }
        Ok(found)
    }
);
