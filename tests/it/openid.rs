//! Coming in by a third party.

use crate::support::{Actor, OpenIdProvider, TestApp, Wanderer, code, eventually};
use medislot::{
    config,
    kernel::clock::{Clock, SystemClock},
};
use sea_orm::{EntityTrait, sea_query::Expr};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const PUBLIC: &str = "http://clinic.example";
const FRONTEND: &str = "https://clinic.example";

struct Scene {
    app: TestApp,
    _provider: OpenIdProvider,
}

impl Scene {
    async fn set() -> Self {
        let provider = OpenIdProvider::start(&format!("{PUBLIC}/auth/local/callback"));
        let settings = config::OpenIdProvider {
            name: "local".to_owned(),
            issuer: provider.issuer.clone(),
            client_id: crate::support::CLIENT.to_owned(),
            client_secret: Some(crate::support::SECRET.into()),
        };
        let app = TestApp::start_with(|config| {
            config.public_url = Some(PUBLIC.to_owned());
            config.link_url = Some(FRONTEND.to_owned());
            config.oidc = vec![settings];
        })
        .await;
        // What the provider signs is good at the present time alone.
        app.passes(SystemClock.now() - app.now());
        let mut scene = Self { app, _provider: provider };
        let root = scene.app.admin.email.clone();
        scene.app.admin.signs_in(&root).await;
        scene
    }

    fn here(&self, url: &str) -> String {
        url.replace(PUBLIC, &format!("http://{}", self.app.address))
    }

    /// To the provider; where it sends whoever signs in there.
    async fn goes(&self, wanderer: &mut Wanderer, name: &str) -> String {
        let provider = wanderer.opens(&format!("http://{}/auth/local", self.app.address)).await.unwrap();
        let back = wanderer.signs_in(&provider, name).await;
        assert!(back.starts_with(&format!("{PUBLIC}/auth/local/callback?code=")), "{back}");
        self.here(&back)
    }

    /// There and back; what the frontend is told.
    async fn returns(&self, name: &str) -> String {
        let mut wanderer = Wanderer::default();
        let back = self.goes(&mut wanderer, name).await;
        told(&wanderer.opens(&back).await.unwrap())
    }

    async fn comes_in(&self, told: &str) -> Value {
        let code = told.strip_prefix("code=").unwrap_or_else(|| panic!("{told}"));
        let selection = "session { accessToken user { id name email emailVerified role } }";
        self.app.visitor().does("loginWithCode", "LoginWithCodeInput", json!({ "code": code }), selection).await
    }

    async fn patient(&self, email: &str) -> Actor {
        let mut patient = self.app.visitor();
        let input = json!({ "email": email, "password": "correct horse battery", "name": "Ada" });
        patient.does("register", "RegisterInput", input, "session { accessToken }").await;
        patient.signs_in(email).await;
        patient
    }
}

fn told(location: &str) -> String {
    location.strip_prefix(&format!("{FRONTEND}/account/sign-in#")).unwrap_or_else(|| panic!("{location}")).to_owned()
}

#[tokio::test]
async fn whoever_comes_by_a_provider_gets_an_account_and_finds_it_again() {
    let scene = Scene::set().await;
    let first = scene.returns("newcomer").await;
    let session = scene.comes_in(&first).await;
    let user = &session["session"]["user"];
    let expected = json!({
        "id": user["id"], "name": "newcomer of the provider", "email": "newcomer@example.com", "emailVerified": true, "role": "PATIENT",
    });
    assert_eq!(*user, expected, "{session}");
    let query = "{ auditLog(filter: { action: \"user.register\" }) { nodes { patient { id } } } }";
    assert_eq!(scene.app.admin.sees(query).await["auditLog"]["nodes"], json!([{ "patient": { "id": user["id"] } }]));
    assert_eq!(code(&scene.comes_in(&first).await), "INVALID_TOKEN", "a code works once");
    let again = scene.comes_in(&scene.returns("newcomer").await).await;
    assert_eq!(again["session"]["user"]["id"], user["id"]);
    let input = json!({ "email": "newcomer@example.com", "password": "" });
    let refused = scene.app.visitor().does("login", "LoginInput", input, "session { accessToken }").await;
    assert_eq!(code(&refused), "INVALID_CREDENTIALS", "there is no password, and the empty one is none");
}

#[tokio::test]
async fn accounts_are_linked_only_where_both_sides_know_that_the_address_is_theirs() {
    let scene = Scene::set().await;
    let ada = scene.patient("ada@example.com").await;
    assert_eq!(scene.returns("ada").await, "error=ACCOUNT_NOT_VERIFIED");
    scene.app.works().await;
    let letters = entity::captured_mail::Entity::find().all(scene.app.app.services.database.reader()).await.unwrap();
    let letter = letters.iter().find(|letter| letter.recipient == "ada@example.com").unwrap();
    let token = letter.text.split_once("#token=").unwrap().1.split_whitespace().next().unwrap();
    ada.does("verifyEmail", "VerifyEmailInput", json!({ "token": token }), "user { id }").await;
    let session = scene.comes_in(&scene.returns("ada").await).await;
    assert_eq!(session["session"]["user"]["id"], ada.id);
    scene.patient("unverified-ben@example.com").await;
    assert_eq!(scene.returns("unverified-ben").await, "error=EMAIL_NOT_VERIFIED");
    assert_eq!(scene.returns("unverified-nobody").await, "error=EMAIL_NOT_VERIFIED");
}

#[tokio::test]
async fn a_link_to_a_provider_is_told_and_ends_when_the_account_moves_to_another_address() {
    let scene = Scene::set().await;
    let ada = scene.patient("ada@example.com").await;
    let token = scene.app.token_for("ada@example.com", "verify-email").await;
    ada.does("verifyEmail", "VerifyEmailInput", json!({ "token": token }), "user { id }").await;
    for _ in 0..2 {
        let session = scene.comes_in(&scene.returns("ada").await).await;
        assert_eq!(session["session"]["user"]["id"], ada.id);
    }
    let input = json!({ "email": "ada@new.example", "password": "correct horse battery" });
    ada.does("changeEmail", "ChangeEmailInput", input, "").await;
    let token = scene.app.token_for("ada@new.example", "verify-email").await;
    ada.does("verifyEmail", "VerifyEmailInput", json!({ "token": token }), "user { id }").await;
    let letters = entity::captured_mail::Entity::find().all(scene.app.app.services.database.reader()).await.unwrap();
    let told = letters.iter().filter(|letter| letter.text.contains("by local"));
    assert_eq!(told.map(|letter| &*letter.recipient).collect::<Vec<_>>(), ["ada@example.com"]);
    let session = scene.comes_in(&scene.returns("ada").await).await;
    assert_ne!(session["session"]["user"]["id"], ada.id, "whoever has the old address now");
    assert_eq!(session["session"]["user"]["email"], "ada@example.com");
}

async fn unlinks(actor: &Actor) -> Value {
    let input = json!({ "provider": "local" });
    actor.does("unlinkAccount", "UnlinkAccountInput", input, "user { linkedAccounts { provider } }").await
}

#[tokio::test]
async fn whoever_is_let_in_by_a_provider_sees_that_and_ends_it_with_all_that_came_of_it() {
    let scene = Scene::set().await;
    let mut ada = scene.patient("ada@example.com").await;
    let token = scene.app.token_for("ada@example.com", "verify-email").await;
    ada.does("verifyEmail", "VerifyEmailInput", json!({ "token": token }), "user { id }").await;
    let linked = async |actor: &Actor| {
        actor.sees("{ viewer { linkedAccounts { provider linkedAt } } }").await["viewer"]["linkedAccounts"].clone()
    };
    assert_eq!(linked(&ada).await, json!([]));
    let refused = unlinks(&ada).await;
    assert_eq!((code(&refused), &refused["userErrors"][0]["field"]), ("NOT_FOUND".to_owned(), &json!(["provider"])));
    let session = scene.comes_in(&scene.returns("ada").await).await;
    let mut elsewhere = scene.app.visitor();
    elsewhere.token = session["session"]["accessToken"].as_str().map(str::to_owned);
    let seen = linked(&elsewhere).await;
    assert_eq!(seen, json!([{ "provider": "local", "linkedAt": seen[0]["linkedAt"] }]));
    assert_eq!(linked(&ada).await, seen);
    let ben = scene.patient("ben@example.com").await;
    assert_eq!((linked(&ben).await, code(&unlinks(&ben).await)), (json!([]), "NOT_FOUND".to_owned()));

    let on_the_way = scene.returns("ada").await;
    scene.app.works().await;
    assert_eq!(unlinks(&ada).await["user"]["linkedAccounts"], json!([]));
    assert_eq!(linked(&ada).await, json!([]));
    let over = elsewhere.asks("{ viewer { id } }", json!({})).await;
    assert_eq!(code(&over), "UNAUTHENTICATED", "it may have begun that way");
    assert_eq!(code(&scene.comes_in(&on_the_way).await), "INVALID_TOKEN");
    scene.app.works().await;
    let letter = scene.app.message_to("ada@example.com").await.unwrap();
    assert!(letter.contains("by local any more"), "{letter}");
    let log = "{ auditLog(filter: { action: \"user.unlink_identity\" }) { nodes { patient { id } actor { id } } } }";
    let noted = json!([{ "patient": { "id": ada.id }, "actor": { "id": ada.id } }]);
    assert_eq!(scene.app.admin.sees(log).await["auditLog"]["nodes"], noted);
    assert_eq!(scene.returns("ada").await, "error=UNLINKED", "the same one has the address still");
    ada.signs_in("ada@example.com").await;
    assert_eq!(code(&unlinks(&ada).await), "NOT_FOUND");
}

#[tokio::test]
async fn whoever_comes_back_while_the_provider_is_unlinked_is_turned_away_too() {
    let scene = Scene::set().await;
    let session = scene.comes_in(&scene.returns("newcomer").await).await;
    let id = session["session"]["user"]["id"].as_str().unwrap().parse().unwrap();
    let mut wanderer = Wanderer::default();
    let back = scene.goes(&mut wanderer, "newcomer").await;
    let transaction = scene.app.app.services.database.begin().await.unwrap();
    medislot::accounts::lock_user_in(&transaction, id).await.unwrap();
    let unlink = entity::identity::Entity::update_many()
        .col_expr(entity::identity::Column::UnlinkedAt, Expr::value(scene.app.now()));
    unlink.exec(&*transaction).await.unwrap();
    let commits = async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        transaction.commit().await.unwrap();
    };
    let (location, ()) = tokio::join!(wanderer.opens(&back), commits);
    assert_eq!(told(&location.unwrap()), "error=UNLINKED");
}

#[tokio::test]
async fn nobody_ends_the_only_way_in_that_they_have_beside_codes_by_mail() {
    let scene = Scene::set().await;
    let session = scene.comes_in(&scene.returns("newcomer").await).await;
    let mut newcomer = scene.app.visitor();
    newcomer.token = session["session"]["accessToken"].as_str().map(str::to_owned);
    let refused = unlinks(&newcomer).await;
    assert_eq!((code(&refused), &refused["userErrors"][0]["field"]), ("IN_USE".to_owned(), &json!(["provider"])));
    assert!(scene.comes_in(&scene.returns("newcomer").await).await["session"].is_object(), "nothing was changed");
    let email = json!({ "email": "newcomer@example.com" });
    newcomer.does("requestPasswordReset", "RequestPasswordResetInput", email, "").await;
    let token = scene.app.token_for("newcomer@example.com", "reset-password").await;
    let input = json!({ "token": token, "password": "correct horse battery" });
    newcomer.does("resetPassword", "ResetPasswordInput", input, "session { accessToken }").await;
    newcomer.signs_in("newcomer@example.com").await;
    assert_eq!(unlinks(&newcomer).await["user"]["linkedAccounts"], json!([]));
    assert_eq!(scene.returns("newcomer").await, "error=UNLINKED");
    let relinks = async |provider: &str, password: &str| {
        let input = json!({ "provider": provider, "password": password });
        newcomer.does("relinkAccount", "RelinkAccountInput", input, "user { linkedAccounts { provider } }").await
    };
    assert_eq!(code(&relinks("local", "wrong password").await), "INVALID_CREDENTIALS");
    assert_eq!(code(&relinks("elsewhere", "correct horse battery").await), "NOT_FOUND");
    assert_eq!(scene.returns("newcomer").await, "error=UNLINKED", "nothing was changed");
    assert_eq!(relinks("local", "correct horse battery").await["user"]["linkedAccounts"], json!([]));
    assert_eq!(code(&relinks("local", "correct horse battery").await), "NOT_FOUND");
    scene.app.works().await;
    assert!(scene.comes_in(&scene.returns("newcomer").await).await["session"].is_object(), "and is linked again");
    scene.app.works().await;
    let letter = scene.app.message_to("newcomer@example.com").await.unwrap();
    assert!(letter.contains("came into your account at Medislot by local"), "{letter}");
}

#[tokio::test]
async fn a_way_back_that_this_browser_did_not_set_out_on_leads_nowhere() {
    let scene = Scene::set().await;
    let (mut ada, mut mallory) = (Wanderer::default(), Wanderer::default());
    let back = scene.goes(&mut mallory, "mallory").await;
    // Ada is made to follow Mallory's link: with no way of her own, and while she is on one.
    assert_eq!(told(&ada.opens(&back).await.unwrap()), "error=UNPROVEN");
    let own = scene.goes(&mut ada, "ada").await;
    assert_eq!(told(&ada.opens(&back).await.unwrap()), "error=UNPROVEN");
    // A way is gone once, whichever way it ended.
    assert_eq!(told(&ada.opens(&own).await.unwrap()), "error=UNPROVEN");
    assert!(told(&mallory.opens(&back).await.unwrap()).starts_with("code="));
    assert_eq!(told(&mallory.opens(&back).await.unwrap()), "error=UNPROVEN");
    let forged = format!("http://{}/auth/local/callback?code=x&state=y", scene.app.address);
    assert_eq!(told(&ada.opens(&forged).await.unwrap()), "error=UNPROVEN");
    let refused = format!("http://{}/auth/local/callback?error=access_denied&state=y", scene.app.address);
    assert_eq!(told(&ada.opens(&refused).await.unwrap()), "error=UNPROVEN");
}

#[tokio::test]
async fn a_proof_of_another_time_proves_nothing() {
    let scene = Scene::set().await;
    scene.app.passes(chrono::TimeDelta::hours(2));
    assert_eq!(scene.returns("late").await, "error=UNPROVEN");
}

#[tokio::test]
async fn there_is_no_way_to_a_provider_that_nobody_set() {
    let app = TestApp::start_with(|config| {
        config.oidc = vec![config::OpenIdProvider {
            name: "gone".to_owned(),
            issuer: "http://127.0.0.1:9".to_owned(),
            client_id: "medislot".to_owned(),
            client_secret: None,
        }];
    })
    .await;
    let get = async |path: &str| reqwest::get(format!("http://{}{path}", app.address)).await.unwrap().status().as_u16();
    assert_eq!(get("/auth/unknown").await, 404);
    assert_eq!(get("/auth/unknown/callback?code=x&state=y").await, 404);
    assert_eq!(get("/auth/gone").await, 502);
}

/// An app with a provider that takes connections and never says a word.
async fn app_with_a_silent_provider(budget: u32) -> (TestApp, tokio::net::TcpListener) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let app = TestApp::start_with(|config| {
        (config.limits.complexity, config.limits.budget) = (10_000, budget);
        config.oidc = vec![config::OpenIdProvider {
            name: "silent".to_owned(),
            issuer,
            client_id: "medislot".to_owned(),
            client_secret: None,
        }];
    });
    (app.await, listener)
}

#[tokio::test]
async fn nobody_queues_for_a_provider_that_does_not_answer() {
    let (app, _silent) = app_with_a_silent_provider(600_000).await;
    let departs = async || reqwest::get(format!("http://{}/auth/silent", app.address)).await.unwrap().status().as_u16();
    let begun = Instant::now();
    assert_eq!(futures_util::future::join_all((0..10).map(|_| departs())).await, [502; 10]);
    assert_eq!(departs().await, 502);
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn the_way_to_a_provider_is_paid_by_where_one_comes_from() {
    let (app, _silent) = app_with_a_silent_provider(20_000).await;
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let get = async |path: &str| client.get(format!("http://{}{path}", app.address)).send().await.unwrap();
    assert_eq!(get("/auth/silent").await.status(), 502);
    for path in ["/auth/silent", "/auth/silent/callback?code=x&state=y"] {
        eventually("it is too much", async || {
            let answer = get(path).await;
            assert!(answer.headers().contains_key("ratelimit"));
            (answer.status() == 429 && answer.headers().contains_key("retry-after")).then_some(())
        })
        .await;
    }
}
