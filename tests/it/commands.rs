//! The program itself: its command line.

use crate::{
    processes::{demo_patient, open_slot},
    support::{Actor, Server, TestDatabase},
};
use serde_json::{Value, json};
use std::{
    collections::HashSet,
    io::Write,
    process::{Command, Stdio},
    time::Duration,
};

#[tokio::test]
async fn demo_data_are_made_once() {
    let database = TestDatabase::create().await;
    let seeding = || String::from_utf8(Server::command(&database, &["seed"]).output().unwrap().stdout).unwrap();
    assert!(seeding().contains("admin@medislot.test"));
    assert!(seeding().contains("nothing was changed"));
    let server = Server::start(&database, &[]);
    let seen = Actor::visitor(&server.address).sees("{ clinics { totalCount nodes { timeZone } } specialties { totalCount } doctors { totalCount nodes { visitTypes { name } nextSlots { id } } } }").await;
    assert_eq!(
        (&seen["clinics"]["totalCount"], &seen["specialties"]["totalCount"], &seen["doctors"]["totalCount"]),
        (&json!(2), &json!(6), &json!(12))
    );
    assert_ne!(seen["clinics"]["nodes"][0]["timeZone"], seen["clinics"]["nodes"][1]["timeZone"]);
    for doctor in seen["doctors"]["nodes"].as_array().unwrap() {
        assert_eq!(
            (doctor["visitTypes"].as_array().unwrap().len(), doctor["nextSlots"].as_array().unwrap().len()),
            (2, 3)
        );
    }
}

#[tokio::test]
async fn a_large_installation_is_made_as_large_as_it_is_asked_for_and_works() {
    let database = TestDatabase::create().await;
    let sizes = ["--doctors", "30", "--specialties", "8", "--clinics", "9", "--days", "10", "--appointments", "400"];
    let arguments = [&["seed", "--scale"][..], &sizes].concat();
    let seeding = || String::from_utf8(Server::command(&database, &arguments).output().unwrap().stdout).unwrap();
    let made = seeding();
    assert!(made.starts_with("Demo data made, and "), "{made}");
    assert!(seeding().contains("nothing was changed"));
    let server = Server::start(&database, &[]);
    let mut admin = Actor::visitor(&server.address);
    let login = json!({ "email": "admin@medislot.test", "password": "medislot-demo" });
    let session = admin.does("login", "LoginInput", login, "session { accessToken }").await;
    admin.token = session["session"]["accessToken"].as_str().map(str::to_owned);
    let query = "{ doctors { totalCount } specialties { totalCount } appointments { totalCount } clinics { totalCount nodes { timeZone } } }";
    let seen = admin.sees(query).await;
    for (list, size) in [("doctors", 30), ("specialties", 8), ("clinics", 9)] {
        assert_eq!(seen[list]["totalCount"], size, "{list}");
    }
    let appointments = seen["appointments"]["totalCount"].as_u64().unwrap();
    assert!((400..450).contains(&appointments), "{appointments}");
    let zones: HashSet<_> =
        seen["clinics"]["nodes"].as_array().unwrap().iter().map(|clinic| &clinic["timeZone"]).collect();
    assert_eq!(zones.len(), 6);
    let patient = demo_patient(&server.address).await;
    let booked = patient.books(&open_slot(&patient).await.0).await;
    assert_eq!(booked["appointment"]["status"], "PENDING", "{booked}");
}

#[tokio::test]
async fn a_frozen_clock_stands_still_for_slots_and_for_tokens() {
    let database = TestDatabase::create().await;
    assert!(
        Server::command(&database, &["seed"])
            .env("MEDISLOT_NOW", "2031-01-06T08:00:00Z")
            .stdout(Stdio::null())
            .status()
            .unwrap()
            .success()
    );
    let server = Server::start(&database, &["--now", "2031-01-06T08:00:00Z", "--frozen"]);
    let patient = demo_patient(&server.address).await;
    let (slot, _) = open_slot(&patient).await;
    let booked = patient
        .does("bookAppointment", "BookAppointmentInput", json!({ "slotId": slot }), "appointment { createdAt }")
        .await;
    assert_eq!(booked["appointment"]["createdAt"], "2031-01-06T08:00:00Z");
}

#[tokio::test]
async fn production_wants_its_key_and_does_not_pretend() {
    let database = TestDatabase::create().await;
    let refuses = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = Server::command(&database, arguments);
        command.env("MEDISLOT_ENVIRONMENT", "production").envs(variables.iter().copied()).stderr(Stdio::piped());
        let output = command.output().unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let key =
        String::from_utf8(Command::new("openssl").args(["genpkey", "-algorithm", "ed25519"]).output().unwrap().stdout)
            .unwrap();
    let key = ("MEDISLOT_SIGNING_KEY", key.as_str());
    let (mail, public) =
        (("MEDISLOT_SMTP_URL", "smtp://127.0.0.1:9"), ("MEDISLOT_PUBLIC_URL", "https://api.clinic.example"));
    assert!(refuses(&["serve"], &[]).contains("MEDISLOT_SIGNING_KEY"));
    assert!(refuses(&["serve"], &[key, public]).contains("MEDISLOT_SMTP_URL"));
    assert!(refuses(&["serve"], &[key, mail]).contains("MEDISLOT_PUBLIC_URL"));
    let unsafe_link = ("MEDISLOT_LINK_URL", "http://clinic.example");
    assert!(refuses(&["serve"], &[key, mail, public, unsafe_link]).contains("https"));
    assert!(refuses(&["serve", "--now", "2031-01-06T08:00:00Z"], &[key, mail, public]).contains("--now"));
    assert!(refuses(&["seed"], &[key, mail, public]).contains("seed"));
    assert!(refuses(&["serve"], &[key, mail, public, ("MEDISLOT_RATE_LIMITS", "off")]).contains("rate limits"));
    assert!(
        refuses(&["serve"], &[key, mail, public, ("MEDISLOT_LITSEN", "127.0.0.1:1")]).contains("litsen"),
        "a setting that does not exist"
    );
    let nonsense = ("MEDISLOT_SIGNING_KEY", "nonsense");
    assert!(refuses(&["serve"], &[nonsense, mail, public]).contains("MEDISLOT_SIGNING_KEY"));

    let mut admin = Server::command(&database, &["admin", "root@clinic.example"])
        .env("MEDISLOT_ENVIRONMENT", "production")
        .envs([key, mail, public])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    admin.stdin.take().unwrap().write_all(b"correct horse battery\n").unwrap();
    assert!(admin.wait().unwrap().success());
    let mut serve = Server::command(&database, &["serve", "--listen", "127.0.0.1:0"]);
    serve.env("MEDISLOT_ENVIRONMENT", "production").envs([key, mail, public]);
    let server = Server::spawn(serve);
    let mut root = Actor::visitor(&server.address);
    root.signs_in("root@clinic.example").await;
    assert_eq!(
        root.sees("{ viewer { role clinic { id } } doctors { totalCount } }").await,
        json!({ "viewer": { "role": "ADMIN", "clinic": null }, "doctors": { "totalCount": 0 } })
    );
    let hidden = root.asks("{ __schema { queryType { name } } }", json!({})).await;
    assert!(hidden["data"]["__schema"].is_null());
}

#[tokio::test]
async fn what_the_readme_says_to_paste_books_an_appointment_and_watches_it() {
    let database = TestDatabase::create().await;
    assert!(Server::command(&database, &["seed"]).stdout(Stdio::null()).status().unwrap().success());
    let server = Server::start(&database, &[]);
    let readme = std::fs::read_to_string("README.md").unwrap().replace("127.0.0.1:8000", &server.address);
    let script = |chapter: &str| {
        let chapter = readme.split(chapter).nth(1).unwrap();
        chapter.split("```sh\n").nth(1).unwrap().split("```").next().unwrap().to_owned()
    };
    let mut watching =
        Command::new("bash").args(["-c", &script("## Watch it")]).stdout(Stdio::piped()).spawn().unwrap();
    tokio::time::sleep(Duration::from_millis(700)).await;
    let output = Command::new("bash").args(["-c", &script("## Book something")]).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> =
        printed.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{printed}"))).collect();
    let booked = &lines[0]["data"]["bookAppointment"]["appointment"];
    assert_eq!(booked["status"], "PENDING", "{printed}");
    assert_eq!(lines[1]["data"]["appointments"]["nodes"][0]["reference"], booked["reference"], "{printed}");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    // The stream ends with the server.
    server.dies();
    let mut watched = String::new();
    std::io::Read::read_to_string(&mut watching.stdout.take().unwrap(), &mut watched).unwrap();
    watching.wait().unwrap();
    assert!(watched.contains("event: next") && watched.contains("SLOT_TAKEN"), "{watched}");
    assert!(watched.contains(booked["startsAt"].as_str().unwrap()), "{watched}");
}
