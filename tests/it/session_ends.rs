//! Sessions that end, and who learns of it when.

use crate::{
    support::{Actor, Backend, Server, TestApp, TestDatabase, code, codes, eventually},
    tokens::new_key,
};
use chrono::TimeDelta;
use medislot::{accounts::Tokens, infra::db::count_statements, kernel::id::SessionId};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use secrecy::ExposeSecret;
use serde_json::json;
use std::{
    process::Stdio,
    time::{Duration, Instant},
};

/// How long it takes until a socket on one process is closed after its session has ended on another.
async fn time_to_the_end(here: &Actor, there: &str) -> Duration {
    let mut one = here.clone();
    let email = one.email.clone();
    one.signs_in(&email).await;
    let mut elsewhere = one.clone();
    there.clone_into(&mut elsewhere.address);
    let mut socket = elsewhere.connects().await;
    socket.watches("1", "subscription { appointmentEvents { transition { to } } }", json!({})).await;
    assert!(elsewhere.sees("{ viewer { id } }").await["viewer"].is_object());
    assert_eq!(codes(&one.does("logout", "LogoutInput", json!({}), "").await), [""; 0]);
    let begun = Instant::now();
    assert_eq!(socket.is_closed().await, 4403);
    let took = begun.elapsed();
    assert_eq!(code(&elsewhere.asks("{ viewer { id } }", json!({})).await), "UNAUTHENTICATED");
    took
}

#[tokio::test]
async fn a_session_that_ends_on_one_process_is_over_at_once_on_all_and_within_a_second_without_the_bus() {
    if Backend::chosen() == Backend::Sqlite {
        // There is one process.
        return;
    }
    let mut database = TestDatabase::create().await;
    assert!(Server::command(&database, &["migrate"]).stdout(Stdio::null()).status().unwrap().success());
    let (one, two) = (Server::start(&database, &[]), Server::start(&database, &[]));
    let mut ada = Actor::visitor(&one.address);
    ada.registers("Ada").await;
    let mut times = Vec::new();
    for _ in 0..7 {
        times.push(time_to_the_end(&ada, &two.address).await);
    }
    times.sort_unstable();
    // Whoever only looks into the database every half a second needs a quarter of one.
    assert!(times[3] < Duration::from_millis(100), "{times:?}");

    database.redis_url = None;
    let (one, two) = (Server::start(&database, &[]), Server::start(&database, &[]));
    ada.address.clone_from(&one.address);
    for _ in 0..3 {
        let time = time_to_the_end(&ada, &two.address).await;
        assert!(time < Duration::from_secs(1), "{time:?}");
    }
}

#[tokio::test]
async fn a_token_is_refused_elsewhere_as_soon_as_its_session_has_ended() {
    if Backend::chosen() == Backend::Sqlite {
        return;
    }
    let database = TestDatabase::create().await;
    let (one, two) = (Server::start(&database, &[]), Server::start(&database, &[]));
    let mut here = Actor::visitor(&one.address);
    here.registers("Ada").await;
    let mut there = here.clone();
    there.address.clone_from(&two.address);
    let mut refused_at_once = 0;
    for _ in 0..5 {
        let email = here.email.clone();
        here.signs_in(&email).await;
        there.token.clone_from(&here.token);
        // It is believed for a second, and read anew before that is over, as long as it is used.
        assert!(there.sees("{ viewer { id } }").await["viewer"].is_object());
        here.does("logout", "LogoutInput", json!({}), "").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        refused_at_once += usize::from(there.asks("{ viewer { id } }", json!({})).await.get("errors").is_some());
    }
    assert!(refused_at_once >= 4, "{refused_at_once} of 5");
}

#[tokio::test]
async fn nobody_who_uses_a_token_waits_for_the_database_and_whatever_changes_counts_within_a_second() {
    let app = TestApp::start().await;
    let ada = app.patient("Ada").await;
    let (services, token) = (&app.app.services, ada.token.clone().unwrap());
    let uses_it = async || services.accounts.authenticate(&token).await;
    assert!(uses_it().await.is_ok());
    eventually("it is known without a look", async || {
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        let (proven, statements) = count_statements(uses_it()).await;
        assert!(proven.is_ok());
        (statements == 0).then_some(())
    })
    .await;
    let transaction = services.database.begin().await.unwrap();
    entity::user::Entity::update_many()
        .col_expr(entity::user::Column::Active, Expr::value(false))
        .filter(entity::user::Column::Email.eq(ada.email.clone()))
        .exec(&*transaction)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(uses_it().await.is_err());
}

/// So many sessions of a user, as if she had signed in as often, and their access tokens, signed with `key`.
async fn signs_in_often(app: &TestApp, ada: &Actor, key: &str, often: usize) -> Vec<(SessionId, String)> {
    let (user_id, now) = (ada.id.parse().unwrap(), app.now());
    let sessions: Vec<_> = (0..often).map(|_| SessionId::new()).collect();
    let row = |id: &SessionId| entity::session::ActiveModel {
        id: Set(*id),
        user_id: Set(user_id),
        device: Set(None),
        created_at: Set(now),
        last_used_at: Set(now),
        expires_at: Set(now + TimeDelta::days(30)),
        ended_at: Set(None),
    };
    let transaction = app.app.services.database.begin().await.unwrap();
    for some in sessions.chunks(500) {
        entity::session::Entity::insert_many(some.iter().map(row)).exec(&*transaction).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let tokens = Tokens::from_pem(key).unwrap();
    let token = |id| (id, tokens.issue(user_id, id, now).unwrap().0.expose_secret().to_owned());
    sessions.into_iter().map(token).collect()
}

#[tokio::test]
async fn however_many_use_their_tokens_nobody_waits_for_the_database_and_an_ended_session_is_over_within_a_second() {
    let key = new_key();
    let app = TestApp::start_with(|config| config.signing_key = Some(key.clone().into())).await;
    let ada = app.patient("Ada").await;
    let many = signs_in_often(&app, &ada, &key, 3_000).await;
    let services = &app.app.services;
    let uses_all = async || {
        for (_, token) in &many {
            assert!(services.accounts.authenticate(token).await.is_ok());
        }
    };
    uses_all().await;
    eventually("all are known without a look", async || {
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        let ((), statements) = count_statements(uses_all()).await;
        (statements == 0).then_some(())
    })
    .await;
    // They end where nobody is told.
    let ended: Vec<_> = many.iter().step_by(100).collect();
    let transaction = services.database.begin().await.unwrap();
    entity::session::Entity::update_many()
        .col_expr(entity::session::Column::EndedAt, Expr::value(app.now()))
        .filter(entity::session::Column::Id.is_in(ended.iter().map(|(id, _)| *id)))
        .exec(&*transaction)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    for (_, token) in ended {
        assert!(services.accounts.authenticate(token).await.is_err());
    }
}
