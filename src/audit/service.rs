//! Writing down what was seen, and showing the log to admins.

use super::{
    model::{Entry, Filter, Sights},
    store,
};
use crate::{
    infra::db::Database,
    kernel::{
        clock::Clock,
        id::AuditEntryId,
        page::{Page, PageRequest},
        rejection::Rejection,
        viewer::Viewer,
    },
};
use std::{collections::HashMap, sync::Arc};

/// The log of who saw or changed what.
#[derive(Debug)]
pub struct Audit {
    database: Database,
    clock: Arc<dyn Clock>,
}

impl Audit {
    /// The log in `database`.
    #[must_use]
    pub fn new(database: Database, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock }
    }

    /// Writes down what the viewer is about to be shown, in one statement.
    ///
    /// # Errors
    /// Where the database refuses: then it must not be shown.
    pub async fn write(&self, viewer: Option<&Viewer>, sights: &Sights) -> Result<(), Rejection> {
        let sights = sights.take();
        if sights.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let entries = sights.into_iter().map(|sight| Entry {
            id: AuditEntryId::new(),
            at: now,
            actor_id: viewer.map(|viewer| viewer.user_id),
            patient_id: Some(sight.patient_id),
            clinic_id: sight.clinic_id,
            action: sight.action.to_owned(),
            subject_id: Some(sight.subject_id),
        });
        // Nearly nobody gets here: what is asked for most must not carry the room that this takes.
        Box::pin(store::record(&self.database, entries.collect())).await
    }

    /// The log, the latest entry first: a clinic's for its admins, all of it for admins of the platform.
    ///
    /// # Errors
    /// Where the cursor is none, or the database does not answer.
    pub async fn list(
        &self,
        viewer: &Viewer,
        filter: &Filter,
        request: &PageRequest,
    ) -> Result<Page<Entry>, Rejection> {
        store::page(&self.database, viewer.scope(), filter, request).await
    }

    /// Those of these entries that the viewer may see.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn entries(
        &self,
        viewer: &Viewer,
        ids: &[AuditEntryId],
    ) -> Result<HashMap<AuditEntryId, Entry>, Rejection> {
        store::entries(&self.database, viewer.scope(), ids).await
    }
}
