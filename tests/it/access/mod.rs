//! Who may see and do what: every field, query, mutation and subscription of the schema, tried by everybody, against the table in
//! `tests/access.csv`, which people have read. A field without a row fails, with a proposal of the row.
//!
//! What the cells say: `yes` there is a value, or a mutation is done, or refused for what is in its input; `null` or `empty` there is none for
//! them; `absent` as if the thing were not there; `forbidden`; `unauthenticated`; `silent` nothing is told.

mod ids;
mod inputs;
mod probe;
mod scene;
mod shape;
mod ways;

use probe::Outcomes;
use scene::{EYES, Scene};
use shape::Shape;
use std::{collections::BTreeMap, fmt::Write};

const TABLE: &str = "tests/access.csv";

/// The table, by the names of its rows.
fn table() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(TABLE).unwrap_or_default();
    let rows = text.lines().skip(1).map(|line| line.split_once(',').unwrap_or((line, "")));
    rows.map(|(name, cells)| (name.to_owned(), cells.to_owned())).collect()
}

#[tokio::test]
async fn everybody_may_see_and_do_what_the_table_says() {
    let scene = Scene::new().await;
    let shape = Shape::read(&scene.app.visitor()).await;
    let mut seen: BTreeMap<String, Outcomes> = BTreeMap::new();
    // Things are looked at before anybody changes them.
    probe::queries(&scene, &shape, &mut seen).await;
    probe::things(&scene, &shape, &mut seen).await;
    probe::links(&scene, &shape, &mut seen).await;
    probe::mutations(&scene, &shape, &mut seen).await;
    probe::belongings(&scene, &shape, &mut seen).await;
    probe::errors(&scene, &shape, &mut seen).await;
    probe::subscriptions(&scene, &shape, &mut seen).await;
    for of in shape.objects() {
        for field in shape.fields(of) {
            let name = format!("{of}.{}", field.name);
            assert!(seen.contains_key(&name), "nobody has tried {name}: say how in tests/it/access");
        }
    }
    let (table, mut wrong) = (table(), String::new());
    for (name, outcomes) in &seen {
        let found = outcomes.join(",");
        match table.get(name) {
            None => writeln!(wrong, "no row, perhaps:  {name},{found}").unwrap(),
            Some(cells) if *cells != found => writeln!(wrong, "{name}\n  table: {cells}\n  found: {found}").unwrap(),
            Some(_) => {}
        }
    }
    for name in table.keys().filter(|name| !seen.contains_key(*name)) {
        writeln!(wrong, "no such field:  {name}").unwrap();
    }
    if !wrong.is_empty() {
        let mut proposal = format!("field,{}\n", EYES.join(","));
        for (name, outcomes) in &seen {
            writeln!(proposal, "{name},{}", outcomes.join(",")).unwrap();
        }
        let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("access.csv");
        std::fs::write(&path, proposal).unwrap();
        panic!("{TABLE} says something else. All that was found is in {}; read what differs:\n{wrong}", path.display());
    }
}

#[tokio::test]
async fn ids_of_what_one_may_not_see_answer_exactly_as_ids_of_nothing() {
    let scene = Scene::new().await;
    let shape = Shape::read(&scene.app.visitor()).await;
    let places = ids::places(&scene, &shape);
    assert!(places.len() > 40, "only {} places take an ID: this test looks the wrong way", places.len());
    let mut compared = 0;
    for place in &places {
        for eye in 0..EYES.len() {
            compared += ids::compare(&scene, &shape, place, eye).await;
        }
    }
    assert!(compared > 100, "only {compared} hidden things were asked for");
}
