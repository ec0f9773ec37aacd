//! The rows of the log, and those of the history of appointments as entries of it.

use super::model::{ASK_PATIENT, AppointmentStatus, Entry, Filter, READ_LOG, STEPS, step, step_of_entry};
use crate::{
    infra::{
        db::{Database, Transaction},
        listing::{Listing, Rows},
    },
    kernel::{
        id::{AppointmentId, AuditEntryId, ClinicId, UserId},
        page::{Page, PageRequest, decode_instant_cursor, encode_cursor},
        rejection::Rejection,
        viewer::{Extent, Scope, Viewer},
    },
};
use ::entity::{appointment, appointment_transition, audit_entry, clinic_patient};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, FromQueryResult, JoinType, Order, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, RelationDef, Select, Value, sea_query::Expr,
};
use std::collections::HashMap;

const LIST: &str = "audit log";
/// As many rows as a statement of SQLite takes.
const BATCH: usize = 4_000;

/// Writes entries, in the transaction of what they tell of.
///
/// # Errors
/// Where the database refuses.
pub async fn record_in(transaction: &Transaction, entries: Vec<Entry>) -> Result<(), Rejection> {
    let mut entries = entries.into_iter().map(to_row);
    loop {
        let batch: Vec<_> = entries.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            return Ok(());
        }
        audit_entry::Entity::insert_many(batch).exec_without_returning(&**transaction).await?;
    }
}

/// Writes entries.
pub async fn record(database: &Database, entries: Vec<Entry>) -> Result<(), Rejection> {
    if database.is_postgres() && entries.len() <= BATCH {
        let rows = entries.into_iter().map(to_row);
        audit_entry::Entity::insert_many(rows).exec_without_returning(database.reader()).await?;
        return Ok(());
    }
    let transaction = database.begin().await?;
    record_in(&transaction, entries).await?;
    transaction.commit().await
}

/// What was seen or done of the viewer's data, the latest first, at most ten thousand entries; what was done to appointments is in their history.
///
/// # Errors
/// Where the database does not answer.
pub async fn about(database: &Database, viewer: &Viewer) -> Result<Vec<Entry>, Rejection> {
    let own = audit_entry::Entity::find()
        .filter(audit_entry::Column::PatientId.eq(viewer.user_id))
        .order_by_desc(audit_entry::Column::At)
        .order_by_desc(audit_entry::Column::Id)
        .limit(10_000);
    Ok(own.all(database.reader()).await?.into_iter().map(Entry::from).collect())
}

fn to_row(entry: Entry) -> audit_entry::ActiveModel {
    audit_entry::ActiveModel {
        id: Set(entry.id),
        at: Set(entry.at),
        actor_id: Set(entry.actor_id),
        patient_id: Set(entry.patient_id),
        clinic_id: Set(entry.clinic_id),
        action: Set(entry.action),
        subject_id: Set(entry.subject_id),
    }
}

impl From<audit_entry::Model> for Entry {
    fn from(row: audit_entry::Model) -> Self {
        Self {
            id: row.id,
            at: row.at,
            actor_id: row.actor_id,
            patient_id: row.patient_id,
            clinic_id: row.clinic_id,
            action: row.action,
            subject_id: row.subject_id,
        }
    }
}

#[derive(FromQueryResult)]
struct StepRow {
    id: i64,
    at: DateTime<Utc>,
    actor_id: Option<UserId>,
    appointment_id: AppointmentId,
    to_status: AppointmentStatus,
    patient_id: UserId,
    clinic_id: ClinicId,
}

impl From<StepRow> for Entry {
    fn from(row: StepRow) -> Self {
        let (appointment, whose) = ((row.appointment_id, row.to_status), (row.patient_id, row.clinic_id));
        step((row.id, row.at), row.actor_id, appointment, whose)
    }
}

/// The entries that may be seen.
fn entries_in(scope: Scope) -> Select<audit_entry::Entity> {
    let all = audit_entry::Entity::find();
    match scope.extent() {
        Extent::Platform => all,
        Extent::Clinic(clinic) => all.filter(audit_entry::Column::ClinicId.eq(clinic)),
        Extent::Patient(_) | Extent::Doctor(_) => all.filter(Expr::cust("1 = 0")),
    }
}

/// The steps that may be seen.
fn steps_in(scope: Scope) -> Select<appointment_transition::Entity> {
    let to_appointment: RelationDef = appointment_transition::Entity::belongs_to(appointment::Entity)
        .from(appointment_transition::Column::AppointmentId)
        .to(appointment::Column::Id)
        .into();
    let all = appointment_transition::Entity::find()
        .join(JoinType::InnerJoin, to_appointment)
        .column_as(appointment::Column::PatientId, "patient_id")
        .column_as(appointment::Column::ClinicId, "clinic_id");
    match scope.extent() {
        Extent::Platform => all,
        Extent::Clinic(clinic) => all.filter(appointment::Column::ClinicId.eq(clinic)),
        Extent::Patient(_) | Extent::Doctor(_) => all.filter(Expr::cust("1 = 0")),
    }
}

/// Where a page begins.
type Place = Option<(DateTime<Utc>, AuditEntryId)>;

/// A page of the log, the latest entry first: what is next of the one and of the other kind, put in order.
pub async fn page(
    database: &Database,
    scope: Scope,
    filter: &Filter,
    request: &PageRequest,
) -> Result<Page<Entry>, Rejection> {
    let cursor = request.cursor.as_deref();
    let place: Place = cursor.map(|cursor| decode_instant_cursor(LIST, cursor)).transpose()?;
    let step = filter.action.as_deref().map(|action| STEPS.iter().find(|(_, name)| *name == action));
    let mut found: Vec<Entry> = Vec::new();
    if !matches!(step, Some(Some(_))) {
        let listing = entry_listing(scope, filter, place);
        found.extend(read::<_, audit_entry::Model>(database, listing, request).await?);
    }
    if !matches!(step, Some(None)) {
        let status = step.flatten().map(|(status, _)| *status);
        let listing = step_listing(scope, filter, status, place);
        found.extend(read::<_, StepRow>(database, listing, request).await?);
    }
    found.sort_unstable_by_key(|entry| std::cmp::Reverse((entry.at, entry.id)));
    let items = found.into_iter().map(|entry| (encode_cursor(LIST, &(entry.at, entry.id)), entry));
    Ok(Page::read(request, items.collect(), None))
}

async fn read<E: EntityTrait, M: FromQueryResult + Into<Entry>>(
    database: &Database,
    listing: Listing<E>,
    request: &PageRequest,
) -> Result<Vec<Entry>, Rejection>
where
    E::Model: Send + Sync,
{
    let Rows { rows, .. } = listing.page::<_, M>(database.reader(), request).await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

fn entry_listing(scope: Scope, filter: &Filter, place: Place) -> Listing<audit_entry::Entity> {
    use audit_entry::Column;
    let mut select = entries_in(scope).filter(between(Column::At, filter));
    if let Some(patient) = filter.patient_id {
        select = select.filter(Column::PatientId.eq(patient)).filter(found_by_patient(scope));
    }
    if let Some(actor) = filter.actor_id {
        select = select.filter(Column::ActorId.eq(actor));
    }
    // Who has read the log is listed where somebody wants to know: else every look at it would find the one before.
    select = select.filter(match &filter.action {
        Some(action) => Column::Action.eq(action),
        None => Column::Action.ne(READ_LOG),
    });
    let after = place.map(|(at, id)| [Value::from(at), Value::from(id)]);
    Listing { select, columns: [Column::At, Column::Id], order: Order::Desc, after }
}

/// The entries that may be found by whom they concern: a clinic does not learn so whom it has asked, unless they are its patients.
fn found_by_patient(scope: Scope) -> Condition {
    let Extent::Clinic(clinic) = scope.extent() else { return Condition::all() };
    let joined = clinic_patient::Entity::find().select_only().column(clinic_patient::Column::PatientId);
    let joined = joined.filter(clinic_patient::Column::ClinicId.eq(clinic)).into_query();
    let visited = appointment::Entity::find()
        .select_only()
        .column(appointment::Column::PatientId)
        .filter(appointment::Column::ClinicId.eq(clinic))
        // What was only held makes nobody known.
        .filter(appointment::Column::ExpiresAt.is_null())
        .into_query();
    Condition::any()
        .add(audit_entry::Column::Action.ne(ASK_PATIENT))
        .add(audit_entry::Column::PatientId.in_subquery(joined))
        .add(audit_entry::Column::PatientId.in_subquery(visited))
}

fn step_listing(
    scope: Scope,
    filter: &Filter,
    status: Option<AppointmentStatus>,
    place: Place,
) -> Listing<appointment_transition::Entity> {
    use appointment_transition::Column;
    let mut select = steps_in(scope).filter(between(Column::At, filter));
    if let Some(patient) = filter.patient_id {
        select = select.filter(appointment::Column::PatientId.eq(patient));
    }
    if let Some(actor) = filter.actor_id {
        select = select.filter(Column::ActorId.eq(actor));
    }
    if let Some(status) = status {
        select = select.filter(Column::ToStatus.eq(status));
    }
    // Behind an entry of the other kind come all steps of its instant.
    let after = place.map(|(at, id)| [Value::from(at), Value::from(step_of_entry(id).unwrap_or(i64::MAX))]);
    Listing { select, columns: [Column::At, Column::Id], order: Order::Desc, after }
}

fn between(at: impl ColumnTrait, filter: &Filter) -> Condition {
    Condition::all().add_option(filter.from.map(|from| at.gte(from))).add_option(filter.to.map(|to| at.lt(to)))
}

/// Those of these entries that may be seen.
pub async fn entries(
    database: &Database,
    scope: Scope,
    ids: &[AuditEntryId],
) -> Result<HashMap<AuditEntryId, Entry>, Rejection> {
    let (mut steps, mut others) = (Vec::new(), Vec::new());
    for id in ids {
        match step_of_entry(*id) {
            Some(number) => steps.push(number),
            None => others.push(*id),
        }
    }
    let mut found: Vec<Entry> = Vec::new();
    if !others.is_empty() {
        let rows = entries_in(scope).filter(audit_entry::Column::Id.is_in(others)).all(database.reader()).await?;
        found.extend(rows.into_iter().map(Entry::from));
    }
    if !steps.is_empty() {
        let rows = steps_in(scope).filter(appointment_transition::Column::Id.is_in(steps));
        found.extend(rows.into_model::<StepRow>().all(database.reader()).await?.into_iter().map(Entry::from));
    }
    Ok(found.into_iter().map(|entry| (entry.id, entry)).collect())
}
