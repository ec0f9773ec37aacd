//! Specialties.

use super::{
    context::Reach,
    doctor::{DoctorConnection, DoctorOrder},
    failure::Failure,
    guard::For,
    input,
    loaders::{by_arguments, fetch},
    page::{self, Arguments, connection},
    user_error::{UserError, outcome},
};
use crate::{
    availability,
    directory::{self, NewSpecialty, SpecialtyPatch},
    kernel::{
        id::{DoctorId, SpecialtyId},
        page::{Page, PageRequest},
        rejection::Rejection,
    },
};
use async_graphql::{Context, Description, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use std::collections::HashMap;

/// A field of medicine, such as cardiology. Shared by all clinics.
#[derive(Description, Clone)]
pub struct Specialty(pub directory::Specialty);

impl From<directory::Specialty> for Specialty {
    fn from(specialty: directory::Specialty) -> Self {
        Self(specialty)
    }
}

#[Object(use_type_description)]
impl Specialty {
    /// Names the specialty.
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

    /// What it is about.
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// The listed doctors who practise it, by name.
    #[graphql(complexity = "page::cost(first, None, child_complexity)")]
    async fn doctors(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How many, 1 to 100; 20 where nothing is said.")] first: Option<i32>,
        #[graphql(desc = "The cursor behind which to begin.")] after: Option<String>,
        #[graphql(desc = "In which order; by name where nothing is said.")] order_by: Option<DoctorOrder>,
    ) -> Result<DoctorConnection, Failure> {
        let order = order_by.map(Into::into).unwrap_or_default();
        let request = Arguments { first, after, ..Arguments::default() }.request(context)?;
        let page = context.loaders().specialty_doctors.load((self.0.id, (order, request))).await?;
        Ok(page.unwrap_or_else(Page::empty).into())
    }
}

connection!(SpecialtyConnection, SpecialtyEdge, Specialty, "specialties", counted);

/// Queries about specialties.
#[derive(Default)]
pub struct SpecialtyQuery;

#[Object]
impl SpecialtyQuery {
    /// All specialties, by name.
    #[graphql(complexity = "page::cost(first, last, child_complexity)")]
    async fn specialties(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How many from the front, 1 to 100; 20 where nothing is said.")] first: Option<i32>,
        #[graphql(desc = "The cursor behind which to begin.")] after: Option<String>,
        #[graphql(desc = "How many from the back, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which to end.")] before: Option<String>,
    ) -> Result<SpecialtyConnection, Failure> {
        let request = Arguments { first, after, last, before }.request(context)?;
        Ok(context.services().directory.list_specialties(&request).await?.into())
    }

    /// A specialty by its ID or by its name in addresses: exactly one of the two.
    async fn specialty(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Its ID.")] id: Option<ID>,
        #[graphql(desc = "Its name in addresses.")] slug: Option<String>,
    ) -> Result<Option<Specialty>, Failure> {
        let found = match (id, slug) {
            (Some(id), None) => match id.parse() {
                Ok(id) => context.loaders().specialties.load(id).await?,
                Err(_) => None,
            },
            (None, Some(slug)) => directory::specialty_by_slug(&context.services().database, &slug).await?,
            _ => return Err(Rejection::BadInput("Give either `id` or `slug`.".into()).into()),
        };
        Ok(found.map(Specialty))
    }
}

/// What a specialty shall be.
#[derive(InputObject)]
pub struct CreateSpecialtyInput {
    /// Its name, at most 200 characters.
    name: String,
    /// Its name in addresses; made from the name where there is none.
    slug: Option<String>,
    /// What it is about, at most 4,000 characters.
    description: Option<String>,
}

/// What shall be changed of a specialty: an absent field stays, null clears it.
#[derive(InputObject)]
pub struct UpdateSpecialtyInput {
    /// Which.
    id: ID,
    /// Its name, at most 200 characters.
    name: MaybeUndefined<String>,
    /// Its name in addresses.
    slug: MaybeUndefined<String>,
    /// What it is about, at most 4,000 characters.
    description: MaybeUndefined<String>,
}

/// What shall be deleted.
#[derive(InputObject)]
pub struct DeleteInput {
    /// Which.
    pub id: ID,
}

/// What became of a specialty.
#[derive(SimpleObject)]
pub struct SpecialtyPayload {
    /// The specialty as it is now; null where something was refused.
    specialty: Option<Specialty>,
    /// What was refused, and why; nothing was written then.
    user_errors: Vec<UserError>,
}

/// What became of the wish to delete something.
#[derive(SimpleObject)]
pub struct DeletePayload {
    /// What was deleted; null where something was refused.
    pub deleted_id: Option<ID>,
    /// What was refused, and why; nothing was deleted then.
    pub user_errors: Vec<UserError>,
}

impl SpecialtyPayload {
    fn from_outcome(result: Result<directory::Specialty, Rejection>) -> Result<Self, Failure> {
        let (specialty, user_errors) = outcome(result)?;
        Ok(Self { specialty: specialty.map(Specialty), user_errors })
    }
}

/// Mutations of specialties.
#[derive(Default)]
pub struct SpecialtyMutation;

#[Object]
impl SpecialtyMutation {
    /// Make a specialty. For admins of the platform.
    #[graphql(guard = "For::PlatformAdmins")]
    async fn create_specialty(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What it shall be.")] input: CreateSpecialtyInput,
    ) -> Result<SpecialtyPayload, Failure> {
        let new = NewSpecialty { name: input.name, slug: input.slug, description: input.description };
        let created = context.services().directory.create_specialty(context.signed_in()?, new).await;
        SpecialtyPayload::from_outcome(created)
    }

    /// Change a specialty. For admins of the platform.
    #[graphql(guard = "For::PlatformAdmins")]
    async fn update_specialty(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "What shall be changed.")] input: UpdateSpecialtyInput,
    ) -> Result<SpecialtyPayload, Failure> {
        let patch = SpecialtyPatch {
            name: input::patch(input.name),
            slug: input::patch(input.slug),
            description: input::patch(input.description),
        };
        let update = async {
            let id = input::id(&input.id, "id")?;
            context.services().directory.update_specialty(context.signed_in()?, id, patch).await
        };
        SpecialtyPayload::from_outcome(update.await)
    }

    /// Delete a specialty that no doctor practises. For admins of the platform.
    #[graphql(guard = "For::PlatformAdmins")]
    async fn delete_specialty(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Which.")] input: DeleteInput,
    ) -> Result<DeletePayload, Failure> {
        let delete = async {
            let id = input::id(&input.id, "id")?;
            context.services().directory.delete_specialty(context.signed_in()?, id).await
        };
        let (deleted, user_errors) = outcome(delete.await)?;
        Ok(DeletePayload { deleted_id: deleted.map(|()| input.id), user_errors })
    }
}

fetch!(
    /// Specialties by their ids.
    Specialties(services, _caller): SpecialtyId => directory::Specialty,
    |keys| directory::specialties(&services.database, keys).await
);

fetch!(
    /// What doctors practise.
    DoctorSpecialties(services, _caller): DoctorId => Vec<directory::Specialty>,
    |keys| directory::specialties_of(&services.database, keys).await
);

fetch!(
    /// The doctors who practise specialties.
    SpecialtyDoctors(services, _caller): (SpecialtyId, (availability::DoctorOrder, PageRequest)) => Page<directory::Doctor>,
    |keys| {
        let mut found = HashMap::new();
        for ((order, request), ids) in by_arguments(keys) {
            let pages = services.availability.doctors_of_specialties(&ids, order, &request).await?;
            found.extend(pages.into_iter().map(|(id, page)| ((id, (order, request.clone())), page)));
        }
        Ok(found)
    }
);
