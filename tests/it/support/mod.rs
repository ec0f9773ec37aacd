//! A server with a database of its own, and the people who use it.

mod actor;
mod browser;
mod database;
mod openid;
mod postbox;
mod process;
mod socket;

pub use actor::{Actor, PASSWORD, code, codes};
pub use browser::{Browser, Tab};
pub use database::{Backend, TestDatabase};
pub use openid::{CLIENT, OpenIdProvider, SECRET, Wanderer};
pub use postbox::{Postbox, Way, code_in};
pub use process::Server;
pub use socket::Socket;

use chrono::{DateTime, TimeDelta, Utc};
use medislot::{
    api::Lifetime,
    app::App,
    booking,
    config::Config,
    infra::bus::Bus,
    kernel::{
        clock::Clock,
        viewer::{Role, Viewer},
    },
    privacy,
};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::net::TcpListener;

/// A clock that moves when it is told to.
#[derive(Debug)]
pub struct TestClock(Mutex<DateTime<Utc>>);

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

/// A server on a port of its own, over real sockets, with nothing in its database but the admin of the platform.
pub struct TestApp {
    pub app: App,
    pub address: String,
    pub admin: Actor,
    clock: Arc<TestClock>,
    shutdown: tokio_util::sync::DropGuard,
    _database: TestDatabase,
}

impl TestApp {
    /// It is Monday, the 1st of June 2026, eight o'clock in UTC.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let database = TestDatabase::create().await;
        let mut config = database.config();
        change(&mut config);
        Self::start_on(database, config).await
    }

    pub async fn start_on(database: TestDatabase, config: Config) -> Self {
        Self::start_over(database, config, |bus| bus).await
    }

    /// The same over another bus.
    pub async fn start_over(
        database: TestDatabase,
        config: Config,
        wrap: impl FnOnce(Arc<dyn Bus>) -> Arc<dyn Bus>,
    ) -> Self {
        let clock = Arc::new(TestClock(Mutex::new(instant("2026-06-01T08:00:00Z"))));
        let app = App::start_over(config, Arc::clone(&clock) as Arc<dyn Clock>, wrap).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let lifetime = Lifetime::default();
        let shutdown = lifetime.shutdown.clone();
        tokio::spawn(app.serve(listener, lifetime));
        let account = medislot::accounts::Account {
            email: "root@example.com".to_owned(),
            password: actor::PASSWORD.into(),
            name: "Root".to_owned(),
            phone: None,
            time_zone: None,
        };
        app.services.accounts.create_platform_admin(account).await.unwrap();
        let mut admin = Actor::visitor(&address);
        admin.signs_in("root@example.com").await;
        Self { app, address, admin, clock, shutdown: shutdown.drop_guard(), _database: database }
    }

    /// The admin of the platform, for what the API has no way to do yet.
    pub fn root(&self) -> Viewer {
        Viewer {
            user_id: self.admin.id.parse().unwrap(),
            session_id: entity::id::SessionId::new(),
            role: Role::PlatformAdmin,
            time_zone: chrono_tz::Tz::UTC,
        }
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub fn passes(&self, time: TimeDelta) {
        *self.clock.0.lock().unwrap() += time;
    }

    /// Tells the server to stop; what it was put together from goes on.
    pub fn stops(self) -> App {
        drop(self.shutdown);
        self.app
    }

    pub fn visitor(&self) -> Actor {
        Actor::visitor(&self.address)
    }

    pub async fn patient(&self, name: &str) -> Actor {
        let mut patient = self.visitor();
        patient.registers(name).await;
        patient
    }

    /// A clinic in UTC.
    pub async fn clinic(&self, name: &str) -> String {
        let input = json!({ "name": name, "timeZone": "UTC" });
        let made = self.admin.does("createClinic", "CreateClinicInput", input, "clinic { id }").await;
        made["clinic"]["id"].as_str().unwrap().to_owned()
    }

    pub async fn specialty(&self, name: &str) -> String {
        let made = self
            .admin
            .does("createSpecialty", "CreateSpecialtyInput", json!({ "name": name }), "specialty { id }")
            .await;
        made["specialty"]["id"].as_str().unwrap().to_owned()
    }

    /// A doctor in a clinic of their own, in UTC, who works from nine to noon every day in slots of half an hour.
    pub async fn doctor(&self, name: &str) -> Doctor {
        let clinic = self.clinic(&format!("{name}'s clinic")).await;
        let specialty = self.specialty(&format!("{name}'s specialty")).await;
        self.doctor_in(name, &clinic, &[&specialty]).await
    }

    pub async fn doctor_in(&self, name: &str, clinic: &str, specialties: &[&str]) -> Doctor {
        let email = format!(
            "{}@example.com",
            name.to_lowercase().replace(' ', ".").replace(|letter: char| !letter.is_ascii(), "x")
        );
        let input = json!({
            "clinicId": clinic, "specialtyIds": specialties, "name": name, "email": email, "password": actor::PASSWORD,
        });
        let made = self.admin.does("createDoctor", "CreateDoctorInput", input, "doctor { id }").await;
        let id = made["doctor"]["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
        let mut actor = self.visitor();
        actor.signs_in(&email).await;
        let doctor = Doctor { id, actor };
        let days = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"];
        let rule = |day| json!({ "weekday": day, "startTime": "09:00", "endTime": "12:00", "slotMinutes": 30 });
        doctor.works(days.map(rule).to_vec().into()).await;
        doctor
    }

    /// An admin of a clinic.
    pub async fn clinic_admin(&self, name: &str, clinic: &str) -> Actor {
        let email = format!("{}@example.com", uuid::Uuid::now_v7().simple());
        let input = json!({
            "email": email, "name": name, "role": "ADMIN", "clinicId": clinic, "password": actor::PASSWORD,
        });
        let invited = self.admin.does("inviteUser", "InviteUserInput", input, "user { id }").await;
        assert!(invited["user"].is_object(), "{invited}");
        let mut actor = self.visitor();
        actor.signs_in(&email).await;
        actor
    }

    /// What a number, or an address, was sent last.
    pub async fn message_to(&self, address: &str) -> Option<String> {
        use entity::captured_mail::{Column, Entity};
        use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
        let messages = Entity::find().filter(Column::Recipient.eq(address)).order_by_desc(Column::Id);
        messages.one(self.app.services.database.reader()).await.unwrap().map(|message| message.text)
    }

    /// Somebody gives a number, and confirms it.
    pub async fn confirms_phone(&self, actor: &Actor, phone: &str) {
        actor.does("updateProfile", "UpdateProfileInput", json!({ "phone": phone }), "user { id }").await;
        self.works().await;
        let code = code_in(&self.message_to(phone).await.unwrap());
        let input = json!({ "code": code, "password": PASSWORD });
        let verified = actor.does("verifyPhone", "VerifyPhoneInput", input, "user { phoneVerified }").await;
        assert_eq!(verified["user"]["phoneVerified"], true, "{verified}");
    }

    /// The token of the link to this page in a letter to this address.
    pub async fn token_for(&self, address: &str, page: &str) -> String {
        use entity::captured_mail::{Column, Entity};
        use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
        self.works().await;
        let letters = Entity::find().filter(Column::Recipient.eq(address));
        let letters = letters.all(self.app.services.database.reader()).await.unwrap();
        let link = format!("/account/{page}#token=");
        let token = letters.iter().find_map(|letter| letter.text.split_once(&link)).expect("nothing was sent").1;
        token.split_whitespace().next().unwrap().to_owned()
    }

    /// From now on it takes seconds to find out whether somebody is still signed in.
    pub async fn looks_up_slowly(&self, actor: &Actor) {
        use sea_orm::ConnectionTrait;
        let id = actor.id.parse::<entity::id::UserId>().unwrap().0;
        let slow = match Backend::chosen() {
            Backend::Postgres => format!("user_id = '{id}' THEN (SELECT 1 FROM pg_sleep(4)) = 1"),
            Backend::Sqlite => {
                let count = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 5000000) SELECT count(*) FROM c";
                format!("user_id = x'{}' THEN ({count}) > 1", id.simple())
            }
        };
        let view = format!("CREATE VIEW session AS SELECT * FROM session_row WHERE CASE WHEN {slow} ELSE TRUE END");
        let database = self.app.services.database.reader();
        database.execute_unprepared("ALTER TABLE session RENAME TO session_row").await.unwrap();
        database.execute_unprepared(&view).await.unwrap();
        // Tokens are believed while nothing is heard of who is signed in: of a new time zone everybody is told.
        let input = json!({ "timeZone": "Asia/Tokyo" });
        let changed = actor.does("updateProfile", "UpdateProfileInput", input, "user { timeZone }").await;
        assert_eq!(changed["user"]["timeZone"], "Asia/Tokyo", "{changed}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }

    /// Gives a table of the database another name, so that nobody finds it.
    pub async fn renames(&self, table: &str, name: &str) {
        use sea_orm::ConnectionTrait;
        let statement = format!("ALTER TABLE {table} RENAME TO {name}");
        self.app.services.database.reader().execute_unprepared(&statement).await.unwrap();
    }

    /// Does the background work that is due.
    pub async fn works(&self) {
        let services = &self.app.services;
        while booking::confirm_due(&services.database, &*services.clock).await.unwrap() > 0 {}
        while booking::expire_due(&services.booking).await.unwrap() > 0 {}
        privacy::look_after_due(&services.booking).await.unwrap();
        while self.app.mail.send_due().await.unwrap() > 0 {}
    }
}

/// Somebody who can be booked.
pub struct Doctor {
    pub id: String,
    pub actor: Actor,
}

impl Doctor {
    /// Sets the weekly hours.
    pub async fn works(&self, rules: Value) -> Value {
        let input = json!({ "doctorId": self.id, "rules": rules });
        self.actor.does("setAvailability", "SetAvailabilityInput", input, "doctor { id calendarVersion }").await
    }

    pub async fn adds_override(&self, input: Value) -> Value {
        let selection = "conflicts { id } doctor { availabilityOverrides { id date kind } calendarVersion }";
        self.actor.does("addAvailabilityOverride", "AddAvailabilityOverrideInput", input, selection).await
    }

    /// The ids of the open slots of some days from now on, as a visitor sees them.
    pub async fn slots(&self, app: &TestApp, days: i64) -> Vec<String> {
        let visitor = app.visitor();
        let found = visitor.asks(
            "query ($id: ID!, $from: DateTime!, $to: DateTime!) { doctor(id: $id) { slots(from: $from, to: $to) { id } } }",
            json!({ "id": self.id, "from": app.now(), "to": app.now() + TimeDelta::days(days) }),
        );
        let found = found.await;
        let slots = found["data"]["doctor"]["slots"].as_array().unwrap_or_else(|| panic!("{found}"));
        slots.iter().map(|slot| slot["id"].as_str().unwrap().to_owned()).collect()
    }
}

/// The starts of slots, without year and seconds.
pub fn starts(slots: &Value) -> Vec<String> {
    let start = |slot: &Value| slot["startsAt"].as_str().unwrap()[5..16].to_owned();
    slots.as_array().unwrap().iter().map(start).collect()
}

pub fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Tries until it is so, for as long as anybody should have to wait.
pub async fn eventually<T>(what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let patience = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(found) = attempt().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < patience, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
