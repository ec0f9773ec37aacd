//! The audit log.

use super::{
    context::Reach,
    failure::Failure,
    guard::For,
    loaders::fetch,
    page::{self, Arguments, connection},
    scalars::DateTime,
    user::User,
};
use crate::{
    audit,
    kernel::{id::AuditEntryId, page::Page, viewer::Role},
};
use async_graphql::{Context, Description, ID, InputObject, Object};
use std::collections::HashMap;

/// Somebody has seen or changed something. Entries are never changed and never removed.
#[derive(Clone, Description)]
pub struct AuditEntry(audit::Entry);

impl AuditEntry {
    /// An entry that the viewer is shown: where a patient is concerned, that is written down in its turn, once a patient and clinic; but not of
    /// whoever reads who has read.
    pub fn shown(context: &Context<'_>, entry: audit::Entry) -> Self {
        if let Some(patient_id) = entry.patient_id.filter(|_| entry.action != audit::READ_LOG) {
            // Whom a clinic has asked it does not learn by who has read of that.
            let clinic_id = entry.clinic_id.filter(|_| entry.action != audit::ASK_PATIENT);
            context.caller().sees(audit::Sight {
                action: audit::READ_LOG,
                patient_id,
                clinic_id,
                subject_id: patient_id.to_string(),
            });
        }
        Self(entry)
    }

    /// Whether the viewer may know who is concerned: asking whoever has an address is no way to learn whose it is.
    async fn names_patient(&self, context: &Context<'_>) -> Result<bool, Failure> {
        let Some(id) = self.0.patient_id.filter(|_| self.0.action == audit::ASK_PATIENT) else { return Ok(true) };
        let is_of_platform = context.viewer().is_some_and(|viewer| viewer.role == Role::PlatformAdmin);
        Ok(is_of_platform || context.loaders().known_patients.load(id).await?.is_some())
    }
}

#[Object(use_type_description)]
impl AuditEntry {
    /// Names the entry.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// When.
    async fn at(&self) -> DateTime {
        self.0.at.into()
    }

    /// Who did it; null where the system did.
    async fn actor(&self, context: &Context<'_>) -> Result<Option<User>, Failure> {
        let Some(id) = self.0.actor_id else { return Ok(None) };
        Ok(context.loaders().users.load(id).await?.map(User::from))
    }

    /// Whose data; null where no patient is concerned, and for a clinic that has asked (`patient.ask`) somebody who is not, or not yet, its
    /// patient.
    async fn patient(&self, context: &Context<'_>) -> Result<Option<User>, Failure> {
        let Some(id) = self.0.patient_id else { return Ok(None) };
        if !self.names_patient(context).await? {
            return Ok(None);
        }
        Ok(context.loaders().users.load(id).await?.map(User::from))
    }

    /// What was done: `appointment.read`, `patient.read`, `audit.read`, `appointment.book`, `appointment.cancel`, `user.register`, `user.invite`
    /// and others.
    async fn action(&self) -> &str {
        &self.0.action
    }

    /// The ID of what it was done to; null where there is none, or where `patient` is not shown.
    async fn subject_id(&self, context: &Context<'_>) -> Result<Option<ID>, Failure> {
        Ok(if self.names_patient(context).await? { self.0.subject_id.clone().map(ID) } else { None })
    }
}

connection!(AuditEntryConnection, AuditEntryEdge, AuditEntry, "entries of the audit log", uncounted);

/// Which entries.
#[derive(Default, InputObject)]
pub struct AuditFilter {
    /// About this patient.
    patient_id: Option<ID>,
    /// Of what this person did.
    actor_id: Option<ID>,
    /// Of this kind, such as `appointment.read`. Who has read the log (`audit.read`) is listed only where that is named here.
    action: Option<String>,
    /// At this instant or later.
    from: Option<DateTime>,
    /// Before this instant.
    to: Option<DateTime>,
}

impl AuditFilter {
    /// The filter; nothing where it names something that cannot be there.
    fn parse(self) -> Option<audit::Filter> {
        Some(audit::Filter {
            patient_id: self.patient_id.map(|id| id.parse()).transpose().ok()?,
            actor_id: self.actor_id.map(|id| id.parse()).transpose().ok()?,
            // Nothing is called so, and PostgreSQL would not take a NUL.
            action: match self.action {
                Some(action) if action.len() > 100 || action.contains('\0') => return None,
                action => action,
            },
            from: self.from.map(Into::into),
            to: self.to.map(Into::into),
        })
    }
}

/// Queries about the audit log.
#[derive(Default)]
pub struct AuditQuery;

#[Object]
impl AuditQuery {
    /// Who saw or changed which patient's data, the latest first. For admins: a clinic's see what concerns their clinic, those of the platform
    /// everything. Whoever reads in it about a patient is in it too, listed where the filter asks for `audit.read`.
    #[graphql(guard = "For::Admins", complexity = "page::cost(first, None, child_complexity)")]
    async fn audit_log(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "How many, 1 to 100; 20 where nothing is said.")] first: Option<i32>,
        #[graphql(desc = "The cursor behind which to begin.")] after: Option<String>,
        #[graphql(desc = "Only these.")] filter: Option<AuditFilter>,
    ) -> Result<AuditEntryConnection, Failure> {
        let request = Arguments { first, after, ..Arguments::default() }.request(context)?;
        let Some(filter) = filter.unwrap_or_default().parse() else {
            return Ok(Page::<AuditEntry>::empty().into());
        };
        let entries = context.services().audit.list(context.signed_in()?, &filter, &request).await?;
        Ok(entries.map(|entry| AuditEntry::shown(context, entry)).into())
    }
}

fetch!(
    /// Those entries of the audit log that the viewer may see.
    AuditEntries(services, caller): AuditEntryId => audit::Entry,
    |keys| {
        let Some(viewer) = caller.viewer() else { return Ok(HashMap::new()) };
        services.audit.entries(viewer, keys).await
    }
);
