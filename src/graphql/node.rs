//! Anything by its ID (Relay's Global Object Identification Specification).

use super::{
    appointment::Appointment,
    audit::AuditEntry,
    availability::{AvailabilityOverride, AvailabilityRule},
    clinic::Clinic,
    context::Reach,
    doctor::Doctor,
    failure::Failure,
    page,
    session::SignIn,
    slot::Slot,
    specialty::Specialty,
    user::User,
    visit_type::VisitType,
};
use crate::{
    availability::SlotKey,
    kernel::{
        id::{
            AppointmentId, AuditEntryId, AvailabilityOverrideId, AvailabilityRuleId, ClinicId, DoctorId, SessionId,
            SpecialtyId, UserId, VisitTypeId,
        },
        rejection::Rejection,
    },
};
use async_graphql::{Context, ID, Interface, Object};
use futures_util::future::try_join_all;

/// Anything that has an ID.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Names the thing: opaque, and the same for ever."))]
pub enum Node {
    /// A specialty.
    Specialty(Specialty),
    /// A clinic.
    Clinic(Clinic),
    /// A doctor.
    Doctor(Doctor),
    /// A visit type.
    VisitType(VisitType),
    /// A rule.
    AvailabilityRule(AvailabilityRule),
    /// An override.
    AvailabilityOverride(AvailabilityOverride),
    /// A slot.
    Slot(Slot),
    /// An appointment.
    Appointment(Appointment),
    /// A user.
    User(User),
    /// A session.
    SignIn(SignIn),
    /// An entry of the audit log.
    AuditEntry(AuditEntry),
}

/// Queries for anything.
#[derive(Default)]
pub struct NodeQuery;

#[Object]
impl NodeQuery {
    /// Anything by its ID; null where the ID is malformed, unknown, or not yours to see.
    async fn node(&self, context: &Context<'_>, #[graphql(desc = "Its ID.")] id: ID) -> Result<Option<Node>, Failure> {
        find(context, &id).await
    }

    /// Many things by their IDs, at most 100, each in its place.
    #[graphql(complexity = "page::times(ids.len(), child_complexity)")]
    async fn nodes(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Their IDs.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Node>>, Failure> {
        if ids.len() > 100 {
            return Err(Rejection::BadInput("At most 100 IDs.".into()).into());
        }
        try_join_all(ids.iter().map(|id| find(context, id))).await
    }
}

async fn find(context: &Context<'_>, id: &ID) -> Result<Option<Node>, Failure> {
    let loaders = context.loaders();
    let kind = id.rsplit_once('_').map_or("", |(kind, _)| kind);
    macro_rules! load {
        ($loader:ident, $Id:ty, $wrap:expr) => {
            match id.parse::<$Id>() {
                Ok(id) => loaders.$loader.load(id).await?.map($wrap),
                Err(_) => None,
            }
        };
    }
    Ok(match kind {
        SpecialtyId::PREFIX => load!(specialties, SpecialtyId, |found| Specialty(found).into()),
        ClinicId::PREFIX => load!(clinics, ClinicId, |found| Clinic(found).into()),
        DoctorId::PREFIX => load!(doctors, DoctorId, |found| Doctor(found).into()),
        VisitTypeId::PREFIX => load!(visit_types, VisitTypeId, |found| VisitType(found).into()),
        AvailabilityRuleId::PREFIX => load!(rules, AvailabilityRuleId, |found| AvailabilityRule(found).into()),
        AppointmentId::PREFIX => load!(appointments, AppointmentId, |found| Appointment::shown(context, found).into()),
        AuditEntryId::PREFIX => load!(audit_entries, AuditEntryId, |found| AuditEntry::shown(context, found).into()),
        AvailabilityOverrideId::PREFIX => find_override(context, id).await?.map(Node::from),
        UserId::PREFIX => match id.parse() {
            Ok(id) => User::find(context, id).await?.map(Node::from),
            Err(_) => None,
        },
        SessionId::PREFIX => find_session(context, id).await?.map(Node::from),
        // A slot's ID may have an underscore in what follows its prefix.
        _ => load!(slots, SlotKey, |found| Slot(found).into()),
    })
}

async fn find_override(context: &Context<'_>, id: &ID) -> Result<Option<AvailabilityOverride>, Failure> {
    let Ok(id) = id.parse() else { return Ok(None) };
    let Some((doctor_id, exception)) = context.loaders().overrides.load(id).await? else { return Ok(None) };
    let doctor = context.loaders().doctors.load_known(doctor_id).await?;
    let shows_reason = context.viewer().is_some_and(|viewer| doctor.is_kept_by(viewer));
    Ok(Some(AvailabilityOverride { exception, shows_reason }))
}

async fn find_session(context: &Context<'_>, id: &ID) -> Result<Option<SignIn>, Failure> {
    let (Ok(id), Some(viewer)) = (id.parse(), context.viewer()) else { return Ok(None) };
    let own = context.loaders().own_sessions.load(viewer.user_id).await?.unwrap_or_default();
    Ok(own.into_iter().find(|sign_in| sign_in.id == id).map(|sign_in| SignIn::new(sign_in, viewer)))
}
