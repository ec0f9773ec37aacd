//! Visit types.

use super::{
    context::Reach,
    doctor_mutation::DoctorPayload,
    failure::Failure,
    guard::For,
    input,
    loaders::fetch,
    money::{Money, MoneyInput},
};
use crate::{
    directory::{self, SavedVisitType},
    kernel::{
        id::{DoctorId, VisitTypeId},
        rejection::Rejection,
    },
};
use async_graphql::{Context, Description, Enum, ID, InputObject, Object};

/// What a doctor offers.
#[derive(Description, Clone)]
pub struct VisitType(pub directory::VisitType);

#[Object(use_type_description)]
impl VisitType {
    /// Names the visit type.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// Its name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// How long it takes, in minutes.
    async fn duration_minutes(&self) -> i32 {
        self.0.duration_minutes
    }

    /// The distance of two starts, in minutes; null: the duration and both pauses.
    async fn step_minutes(&self) -> Option<i32> {
        self.0.step_minutes
    }

    /// The pause before it, in minutes; null: none.
    async fn buffer_before_minutes(&self) -> Option<i32> {
        self.0.buffer_before_minutes
    }

    /// The pause after it, in minutes; null: the doctor's `bufferMinutes`.
    async fn buffer_after_minutes(&self) -> Option<i32> {
        self.0.buffer_after_minutes
    }

    /// What it costs, paid at the desk; null where no price is named.
    async fn price(&self) -> Option<Money> {
        self.0.price.clone().map(Money::from)
    }

    /// Where it takes place.
    async fn mode(&self) -> VisitMode {
        self.0.mode.into()
    }

    /// Whether it can be booked.
    async fn active(&self) -> bool {
        self.0.active
    }
}

/// Where a visit takes place.
#[derive(Clone, Copy, Debug, Enum, PartialEq, Eq)]
#[graphql(remote = "directory::VisitMode")]
pub enum VisitMode {
    /// At the clinic.
    InPerson,
    /// On the screen.
    Video,
}

/// What a visit type shall be: a new one, or, with an ID, that one instead of what it was.
#[derive(InputObject)]
pub struct SaveVisitTypeInput {
    /// Who offers it.
    doctor_id: ID,
    /// The one to change; without it a new one is made.
    visit_type_id: Option<ID>,
    /// Its name, at most 200 characters.
    name: String,
    /// How long it takes, 5 to 480 minutes.
    duration_minutes: i32,
    /// The distance of two starts, 5 to 480 minutes; null: the duration and both pauses.
    step_minutes: Option<i32>,
    /// The pause before it, 0 to 240 minutes; null: none.
    buffer_before_minutes: Option<i32>,
    /// The pause after it, 0 to 240 minutes; null: the doctor's `bufferMinutes`.
    buffer_after_minutes: Option<i32>,
    /// What it costs; null where no price is named.
    price: Option<MoneyInput>,
    /// Where it takes place.
    #[graphql(default_with = "Some(VisitMode::InPerson)")]
    mode: Option<VisitMode>,
    /// Whether it can be booked.
    #[graphql(default_with = "Some(true)")]
    active: Option<bool>,
}

impl SaveVisitTypeInput {
    fn parse(self) -> Result<SavedVisitType, Rejection> {
        let replaces = self.visit_type_id.map(|id| input::id(&id, "visitTypeId")).transpose()?;
        let visit_type = directory::VisitType {
            id: VisitTypeId::new(),
            doctor_id: input::id(&self.doctor_id, "doctorId")?,
            name: self.name,
            duration_minutes: self.duration_minutes,
            step_minutes: self.step_minutes,
            buffer_before_minutes: self.buffer_before_minutes,
            buffer_after_minutes: self.buffer_after_minutes,
            price: self.price.map(Into::into),
            mode: self.mode.unwrap_or(VisitMode::InPerson).into(),
            active: self.active.unwrap_or(true),
        };
        Ok(SavedVisitType { replaces, visit_type })
    }
}

/// Mutations of visit types.
#[derive(Default)]
pub struct VisitTypeMutation;

#[Object]
impl VisitTypeMutation {
    /// Make or change a visit type. For the doctor, and admins of the clinic and of the platform.
    #[graphql(guard = "For::Staff")]
    async fn save_visit_type(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What it shall be.")] input: SaveVisitTypeInput,
    ) -> Result<DoctorPayload, Failure> {
        let save = async {
            let saved = input.parse()?;
            let doctor_id = saved.visit_type.doctor_id;
            context.services().directory.save_visit_type(context.signed_in()?, saved).await.map(|()| doctor_id)
        };
        DoctorPayload::from_outcome(context, save.await).await
    }
}

fetch!(
    /// Visit types by their ids.
    VisitTypes(services, _caller): VisitTypeId => directory::VisitType,
    |keys| directory::visit_types(services.database.reader(), keys).await
);

fetch!(
    /// What doctors offer.
    DoctorVisitTypes(services, _caller): DoctorId => Vec<directory::VisitType>,
    |keys| directory::visit_types_of(services.database.reader(), keys).await
);
