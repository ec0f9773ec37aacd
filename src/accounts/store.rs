//! The rows of users and sessions.

use super::model::{LOCALE, NewUser, SignIn, User};
use crate::{
    infra::db::{Constraint, Database, Transaction},
    kernel::{
        id::{DoctorId, SessionId, UserId},
        rejection::{Code, Internal, Refusal, Rejection},
        viewer::{Role, Viewer},
    },
};
use ::entity::{doctor, refresh_token, session, user};
use chrono::{DateTime, Utc};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, JoinType, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, RelationDef, Select,
    sea_query::{Expr, ExprTrait, LockType},
};
use std::collections::HashMap;

const EMAIL: Constraint = Constraint { name: "ux_user_email", sqlite: "user.email" };

impl TryFrom<user::Model> for User {
    type Error = Rejection;

    fn try_from(row: user::Model) -> Result<Self, Rejection> {
        Ok(Self {
            id: row.id,
            email: row.email,
            name: row.name,
            phone: row.phone,
            role: row.role,
            clinic_id: row.clinic_id,
            time_zone: row.time_zone.parse().map_err(|_| Internal::new("a user's time zone is unknown"))?,
            locale: row.locale,
            active: row.active,
            email_verified: row.email_verified_at.is_some(),
            phone_verified: row.phone_verified_at.is_some(),
            erased_at: row.erased_at,
        })
    }
}

/// The users with these ids.
///
/// # Errors
/// Where the database does not answer.
pub async fn users(database: &Database, ids: &[UserId]) -> Result<HashMap<UserId, User>, Rejection> {
    let rows = user::Entity::find().filter(user::Column::Id.is_in(ids.iter().copied())).all(database.reader()).await?;
    rows.into_iter().map(|row| Ok((row.id, row.try_into()?))).collect()
}

/// Takes the row of a user until this transaction ends, for what is counted by user. Others may refer to it meanwhile.
///
/// # Errors
/// Where the database refuses.
pub async fn lock_user_in(transaction: &Transaction, id: UserId) -> Result<(), Rejection> {
    let row = user::Entity::find_by_id(id).select_only().column(user::Column::Id).lock(LockType::NoKeyUpdate);
    row.into_tuple::<UserId>().one(&**transaction).await?;
    Ok(())
}

/// Writes a new user.
///
/// # Errors
/// `EmailTaken`, or where the database refuses.
pub async fn insert_user_in(transaction: &Transaction, user: NewUser, now: DateTime<Utc>) -> Result<(), Rejection> {
    let row = user::ActiveModel {
        id: Set(user.id),
        email: Set(user.email),
        password_hash: Set(user.password_hash),
        name: Set(user.name),
        phone: Set(user.phone),
        role: Set(user.role),
        clinic_id: Set(user.clinic_id),
        time_zone: Set(user.time_zone.name().to_owned()),
        locale: Set(LOCALE.to_owned()),
        active: Set(true),
        created_at: Set(now),
        email_verified_at: Set(None),
        phone_verified_at: Set(None),
        erased_at: Set(None),
    };
    match user::Entity::insert(row).exec_without_returning(&**transaction).await {
        Ok(_) => Ok(()),
        Err(error) if EMAIL.is_violated(&error) => Err(email_taken()),
        Err(error) => Err(error.into()),
    }
}

/// Somebody has an account with this address.
pub(super) fn email_taken() -> Rejection {
    Refusal::of("email", Code::EmailTaken, "There is an account with this address.").into()
}

/// Whether somebody has an account with this address.
///
/// # Errors
/// Where the database does not answer.
pub async fn is_email_taken(database: &Database, email: &str) -> Result<bool, Rejection> {
    Ok(user::Entity::find().filter(user::Column::Email.eq(email)).count(database.reader()).await? > 0)
}

/// Whether there is any user at all.
pub async fn has_users(database: &Database) -> Result<bool, Rejection> {
    Ok(user::Entity::find().limit(1).one(database.reader()).await?.is_some())
}

/// Changes how a doctor is called: whoever is none any more is called as they say themselves.
///
/// # Errors
/// Where the database refuses.
pub async fn rename_doctor_in(transaction: &Transaction, id: UserId, name: &str) -> Result<(), Rejection> {
    let update = user::Entity::update_many().col_expr(user::Column::Name, Expr::value(name));
    let is_doctor = user::Column::Role.eq(user::Role::Doctor);
    update.filter(user::Column::Id.eq(id)).filter(is_doctor).exec(&**transaction).await?;
    Ok(())
}

/// The user with this address, and the hash of their password.
pub async fn find_by_email(database: &Database, email: &str) -> Result<Option<(User, String)>, Rejection> {
    let row = user::Entity::find().filter(user::Column::Email.eq(email)).one(database.reader()).await?;
    let with_hash = |row: user::Model| {
        let hash = row.password_hash.clone();
        Ok((row.try_into()?, hash))
    };
    row.map(with_hash).transpose()
}

/// A new session and its first refresh token.
pub async fn insert_session_in(
    transaction: &Transaction,
    (user_id, id): (UserId, SessionId),
    device: Option<String>,
    (now, expires_at): (DateTime<Utc>, DateTime<Utc>),
    token_hash: String,
) -> Result<(), Rejection> {
    let row = session::ActiveModel {
        id: Set(id),
        user_id: Set(user_id),
        device: Set(device),
        created_at: Set(now),
        last_used_at: Set(now),
        expires_at: Set(expires_at),
        ended_at: Set(None),
    };
    session::Entity::insert(row).exec_without_returning(&**transaction).await?;
    insert_token_in(transaction, id, token_hash).await
}

async fn insert_token_in(transaction: &Transaction, session_id: SessionId, hash: String) -> Result<(), Rejection> {
    let row = refresh_token::ActiveModel { hash: Set(hash), session_id: Set(session_id), spent_at: Set(None) };
    refresh_token::Entity::insert(row).exec_without_returning(&**transaction).await?;
    Ok(())
}

/// What a refresh token turned out to be.
pub enum Presented {
    /// It continues this session, and is spent now.
    Good(SessionId),
    /// It was spent before.
    Spent(SessionId),
    /// There is no such token.
    Unknown,
}

/// Spends a refresh token.
pub async fn spend_token_in(transaction: &Transaction, hash: &str, now: DateTime<Utc>) -> Result<Presented, Rejection> {
    let spent = refresh_token::Entity::update_many()
        .col_expr(refresh_token::Column::SpentAt, Expr::value(now))
        .filter(refresh_token::Column::Hash.eq(hash))
        .filter(refresh_token::Column::SpentAt.is_null())
        .exec(&**transaction)
        .await?;
    let row = refresh_token::Entity::find_by_id(hash.to_owned()).one(&**transaction).await?;
    Ok(match row {
        Some(row) if spent.rows_affected == 1 => Presented::Good(row.session_id),
        Some(row) => Presented::Spent(row.session_id),
        None => Presented::Unknown,
    })
}

/// Lets a session go on with a new refresh token; tells whose it is, if it has not ended.
pub async fn continue_session_in(
    transaction: &Transaction,
    id: SessionId,
    (now, expires_at): (DateTime<Utc>, DateTime<Utc>),
    token_hash: String,
) -> Result<Option<User>, Rejection> {
    let continued = session::Entity::update_many()
        .col_expr(session::Column::LastUsedAt, Expr::value(now))
        .col_expr(session::Column::ExpiresAt, Expr::value(expires_at))
        .filter(session::Column::Id.eq(id))
        .filter(session::Column::EndedAt.is_null())
        .filter(session::Column::ExpiresAt.gt(now))
        .exec_with_returning(&**transaction)
        .await?;
    let Some(session) = continued.first() else {
        return Ok(None);
    };
    let user = user::Entity::find_by_id(session.user_id).one(&**transaction).await?;
    let Some(user) = user.filter(|user| user.active) else {
        return Ok(None);
    };
    insert_token_in(transaction, id, token_hash).await?;
    user.try_into().map(Some)
}

/// Ends a session; tells it back if it went on till then.
pub async fn end_session_in(
    transaction: &Transaction,
    id: SessionId,
    now: DateTime<Utc>,
) -> Result<Vec<SessionId>, Rejection> {
    end_in(transaction, session::Column::Id.eq(id), now).await
}

/// Ends the sessions of a user, all or that one; tells which.
pub async fn end_sessions_of_in(
    transaction: &Transaction,
    user_id: UserId,
    only: Option<SessionId>,
    now: DateTime<Utc>,
) -> Result<Vec<SessionId>, Rejection> {
    let of_user = session::Column::UserId.eq(user_id);
    let which = only.map_or(of_user.clone(), |id| of_user.and(session::Column::Id.eq(id)));
    end_in(transaction, which, now).await
}

/// Ends these sessions; tells which went on till then.
pub(super) async fn end_in(
    transaction: &Transaction,
    which: Expr,
    now: DateTime<Utc>,
) -> Result<Vec<SessionId>, Rejection> {
    let ended = session::Entity::update_many()
        .col_expr(session::Column::EndedAt, Expr::value(now))
        .filter(which)
        .filter(session::Column::EndedAt.is_null())
        .exec_with_returning(&**transaction)
        .await?;
    Ok(ended.into_iter().map(|session| session.id).collect())
}

/// The sessions that were ended at this instant or later.
pub async fn sessions_ended_since(database: &Database, instant: DateTime<Utc>) -> Result<Vec<SessionId>, Rejection> {
    let ended = session::Entity::find().select_only().column(session::Column::Id);
    let ended = ended.filter(session::Column::EndedAt.gte(instant));
    Ok(ended.into_tuple().all(database.reader()).await?)
}

/// Where a user is signed in, the last used first, at most a hundred places.
pub async fn sessions_of(database: &Database, user_id: UserId, now: DateTime<Utc>) -> Result<Vec<SignIn>, Rejection> {
    let rows = session::Entity::find()
        .filter(session::Column::UserId.eq(user_id))
        .filter(session::Column::EndedAt.is_null())
        .filter(session::Column::ExpiresAt.gt(now))
        .order_by_desc(session::Column::LastUsedAt)
        .limit(100)
        .all(database.reader())
        .await?;
    let sign_in = |row: session::Model| SignIn {
        id: row.id,
        device: row.device,
        created_at: row.created_at,
        last_used_at: row.last_used_at,
    };
    Ok(rows.into_iter().map(sign_in).collect())
}

/// Forgets refresh tokens that were spent before `instant`: nobody has kept one for so long.
pub async fn remove_tokens_in(transaction: &Transaction, instant: DateTime<Utc>) -> Result<(), Rejection> {
    let old = refresh_token::Column::SpentAt.lt(instant);
    refresh_token::Entity::delete_many().filter(old).exec(&**transaction).await?;
    Ok(())
}

/// Removes a batch of sessions that ended, or were forgotten, before `instant`; tells how many.
pub async fn remove_sessions_in(transaction: &Transaction, instant: DateTime<Utc>) -> Result<u64, Rejection> {
    let old =
        session::Entity::find().filter(session::Column::ExpiresAt.lt(instant)).limit(500).all(&**transaction).await?;
    let ids = old.iter().map(|session| session.id);
    let removed = session::Entity::delete_many().filter(session::Column::Id.is_in(ids)).exec(&**transaction).await?;
    Ok(removed.rows_affected)
}

#[derive(FromQueryResult)]
struct ViewerRow {
    id: SessionId,
    user_id: UserId,
    role: user::Role,
    clinic_id: Option<::entity::id::ClinicId>,
    time_zone: String,
    doctor_id: Option<DoctorId>,
    doctor_clinic_id: Option<::entity::id::ClinicId>,
}

impl TryFrom<ViewerRow> for Viewer {
    type Error = Rejection;

    fn try_from(row: ViewerRow) -> Result<Self, Rejection> {
        let role = match (row.role, row.clinic_id, row.doctor_id.zip(row.doctor_clinic_id)) {
            (user::Role::Patient, ..) => Role::Patient,
            (user::Role::Doctor, _, Some((doctor, clinic))) => Role::Doctor(doctor, clinic),
            (user::Role::Doctor, _, None) => {
                return Err(Internal::new("a doctor without a profile").into());
            }
            (user::Role::Admin, Some(clinic), _) => Role::ClinicAdmin(clinic),
            (user::Role::Admin, None, _) => Role::PlatformAdmin,
        };
        let time_zone = row.time_zone.parse().map_err(|_| Internal::new("a user's time zone is unknown"))?;
        Ok(Self { user_id: row.user_id, session_id: row.id, role, time_zone })
    }
}

/// Who is signed in with this session, if it goes on and the user may still sign in.
pub async fn find_viewer(
    connection: &impl ConnectionTrait,
    session_id: SessionId,
    now: DateTime<Utc>,
) -> Result<Option<Viewer>, Rejection> {
    let row = viewers(now).filter(session::Column::Id.eq(session_id)).into_model::<ViewerRow>().one(connection).await?;
    row.map(TryInto::try_into).transpose()
}

/// Who is signed in with these sessions, as far as they go on.
pub async fn find_viewers(
    connection: &impl ConnectionTrait,
    mut sessions: Vec<SessionId>,
    now: DateTime<Utc>,
) -> Result<HashMap<SessionId, Viewer>, Rejection> {
    let Some(last) = sessions.last().copied() else { return Ok(HashMap::new()) };
    // A few sizes, so that the database need not learn a statement for each number.
    sessions.resize(sessions.len().next_power_of_two(), last);
    let rows =
        viewers(now).filter(session::Column::Id.is_in(sessions)).into_model::<ViewerRow>().all(connection).await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| Viewer::try_from(row).ok())
        .map(|viewer| (viewer.session_id, viewer))
        .collect())
}

fn viewers(now: DateTime<Utc>) -> Select<session::Entity> {
    let to_user: RelationDef =
        session::Entity::belongs_to(user::Entity).from(session::Column::UserId).to(user::Column::Id).into();
    let to_doctor: RelationDef =
        session::Entity::belongs_to(doctor::Entity).from(session::Column::UserId).to(doctor::Column::UserId).into();
    session::Entity::find()
        .select_only()
        .column(session::Column::Id)
        .column(session::Column::UserId)
        .column(user::Column::Role)
        .column(user::Column::ClinicId)
        .column(user::Column::TimeZone)
        .column_as(doctor::Column::Id, "doctor_id")
        .column_as(doctor::Column::ClinicId, "doctor_clinic_id")
        .join(JoinType::InnerJoin, to_user)
        .join(JoinType::LeftJoin, to_doctor)
        .filter(session::Column::EndedAt.is_null())
        .filter(session::Column::ExpiresAt.gt(now))
        .filter(user::Column::Active.eq(true))
}
