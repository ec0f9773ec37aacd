//! The schema, put together.

use super::{
    account::AccountMutation,
    appointment::AppointmentQuery,
    appointment_event::AppointmentEventSubscription,
    appointment_move::AppointmentMoveMutation,
    appointment_mutation::AppointmentMutation,
    audit::AuditQuery,
    availability::AvailabilityMutation,
    clinic::{ClinicMutation, ClinicQuery},
    doctor::DoctorQuery,
    doctor_mutation::DoctorMutation,
    linked_account::LinkedAccountMutation,
    login_code::LoginCodeMutation,
    member::{MemberMutation, MemberQuery},
    node::{Node, NodeQuery},
    session::SessionMutation,
    slot::SlotQueries,
    slot_board::SlotBoardSubscription,
    slot_event::SlotEventSubscription,
    specialty::{SpecialtyMutation, SpecialtyQuery},
    unavailability::UnavailabilityQuery,
    user::UserQuery,
    user_error::UserError,
    visit_type::VisitTypeMutation,
};
use crate::config::Limits;
use async_graphql::{MergedObject, MergedSubscription, SDLExportOptions, Schema, SchemaBuilder, ValidationMode};

/// What can be asked.
#[derive(Default, MergedObject)]
pub struct Query(
    NodeQuery,
    UserQuery,
    SpecialtyQuery,
    ClinicQuery,
    DoctorQuery,
    SlotQueries,
    UnavailabilityQuery,
    AppointmentQuery,
    AuditQuery,
    MemberQuery,
);

/// What can be done. A mutation takes one `input` and returns one payload: what came of it, and what was refused.
#[derive(Default, MergedObject)]
pub struct Mutation(
    SessionMutation,
    LoginCodeMutation,
    AccountMutation,
    LinkedAccountMutation,
    AppointmentMutation,
    AppointmentMoveMutation,
    AvailabilityMutation,
    VisitTypeMutation,
    DoctorMutation,
    ClinicMutation,
    SpecialtyMutation,
    MemberMutation,
);

/// Live changes, over WebSocket (graphql-transport-ws) or as server-sent events.
#[derive(Default, MergedSubscription)]
pub struct Subscription(SlotEventSubscription, SlotBoardSubscription, AppointmentEventSubscription);

/// The schema.
pub type MedislotSchema = Schema<Query, Mutation, Subscription>;

/// The schema under these limits, to be given its services.
#[must_use]
pub fn schema(limits: &Limits) -> SchemaBuilder<Query, Mutation, Subscription> {
    Schema::build(Query::default(), Mutation::default(), Subscription::default())
        .register_output_type::<Node>()
        .register_output_type::<UserError>()
        .limit_depth(limits.depth)
        .limit_complexity(limits.complexity)
        .disable_suggestions()
}

/// The schema to run what [`Pricing`](super::Pricing) has looked over: that is not done twice.
#[must_use]
pub fn running(limits: &Limits) -> MedislotSchema {
    schema(limits).validation_mode(ValidationMode::Fast).finish()
}

/// The schema as a document in its definition language, always in the same order.
#[must_use]
pub fn sdl(schema: &MedislotSchema) -> String {
    let options = SDLExportOptions::new();
    schema.sdl_with_options(options.prefer_single_line_descriptions().include_specified_by())
}
