//! The house is built as its map says.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

/// The rooms in the order of `lib.rs`.
fn rooms() -> Vec<String> {
    let map = fs::read_to_string("src/lib.rs").unwrap();
    let rooms = map.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    rooms.map(str::to_owned).collect()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The room that a file belongs to.
fn room_of(path: &Path) -> String {
    let inside = path.strip_prefix("src").unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The rooms that a text names by `crate::room`, also in groups such as `use crate::{accounts, calendar::Hub}`.
fn named(text: &str, rooms: &[String]) -> Vec<String> {
    let mut names = Vec::new();
    for (place, _) in text.match_indices("crate::") {
        let rest = &text[place + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut word = String::new();
            let mut is_first = true;
            for character in group.chars() {
                match character {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        names.push(std::mem::take(&mut word));
                        is_first = true;
                    }
                    ':' if depth == 0 => is_first = false,
                    _ if depth == 0 && is_first && (character.is_alphanumeric() || character == '_') => {
                        word.push(character);
                    }
                    _ => {}
                }
            }
            names.push(word);
        } else {
            names.push(rest.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect());
        }
    }
    names.retain(|name| rooms.contains(name));
    names
}

#[test]
fn a_room_uses_only_rooms_above_it() {
    let rooms = rooms();
    let places: HashMap<_, _> = rooms.iter().enumerate().map(|(place, room)| (room.clone(), place)).collect();
    let mut seen = 0;
    for path in sources(Path::new("src")) {
        let room = room_of(&path);
        let Some(place) = places.get(&room) else { continue };
        for used in named(&fs::read_to_string(&path).unwrap(), &rooms) {
            assert!(places[&used] <= *place, "{} uses {used}, which stands below {room}", path.display());
            seen += usize::from(used != room);
        }
    }
    assert!(seen > 50, "only {seen} uses were seen: this test looks the wrong way");
}

#[test]
fn every_room_is_on_the_map() {
    let rooms = rooms();
    for entry in fs::read_dir("src").unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let name = name.trim_end_matches(".rs");
        assert!(matches!(name, "lib" | "main") || rooms.iter().any(|room| room == name), "{name} is not in lib.rs");
    }
}

#[test]
fn only_stores_and_infrastructure_know_the_database() {
    for path in sources(Path::new("src")) {
        let text = fs::read_to_string(&path).unwrap();
        let inside = path.to_str().unwrap();
        let may =
            inside.contains("/store") || inside.starts_with("src/infra/") || inside.ends_with("accounts/token.rs");
        assert!(may || !text.contains("sea_orm::"), "{inside} uses sea_orm");
    }
}

#[test]
fn only_the_graphql_room_and_the_edge_know_graphql() {
    for path in sources(Path::new("src")) {
        let room = room_of(&path);
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            matches!(&*room, "graphql" | "api") || !text.contains("async_graphql"),
            "{} names async_graphql",
            path.display()
        );
    }
}

#[test]
fn only_the_guard_makes_claims() {
    let those_who_write = |text: &str| -> Vec<String> {
        // Other rooms have stores of their own.
        let all = sources(Path::new(if text.starts_with("store::") { "src/booking" } else { "src" }));
        let writing = all.iter().filter(|path| fs::read_to_string(path).unwrap().contains(text));
        writing.map(|path| path.to_str().unwrap().to_owned()).collect()
    };
    // Both take what the guard has permitted, which nobody else can make.
    assert_eq!(those_who_write("store::insert_in("), ["src/booking/transaction.rs"]);
    assert_eq!(those_who_write("store::write_at_once("), ["src/booking/at_once.rs"]);
    assert_eq!(those_who_write("Permitted {"), ["src/booking/guard.rs"]);
    // Demo data are made before anybody can book.
    assert_eq!(those_who_write("appointment::ActiveModel"), ["src/booking/store/mod.rs", "src/demo/store.rs"]);
    assert_eq!(those_who_write("appointment::Entity::insert"), ["src/booking/store/mod.rs"]);
    assert_eq!(those_who_write("INSERT INTO appointment ("), ["src/booking/store/at_once.rs"]);
}

#[test]
fn errors_of_the_library_which_show_any_text_are_made_in_one_place() {
    for path in sources(Path::new("src")) {
        let text = fs::read_to_string(&path).unwrap();
        let may = matches!(path.to_str().unwrap(), "src/graphql/failure.rs" | "src/graphql/guard.rs");
        let names = text.contains("async_graphql::Error") || text.contains("async_graphql::Result");
        assert!(may || !names, "{} names the library's errors", path.display());
    }
}

/// Who reads rows of people without a scope, and why that shows nobody anything.
const UNSCOPED: [(&str, &[&str]); 6] = [
    // Who signs in is found by what they prove to know, and is shown nothing but themselves.
    ("src/accounts/store.rs", &["is_email_taken", "has_users", "find_by_email", "continue_session_in"]),
    (
        "src/accounts/care/store.rs",
        &["find", "find_in", "find_locked_in", "has_password_in", "find_by_email", "find_by_email_in", "find_by_phone"],
    ),
    // Links lead only to those whose name the viewer may see; more than that is asked for in `graphql/user.rs`.
    ("src/accounts/store.rs", &["users", "lock_user_in"]),
    // A part of what is within a scope, or of who may change it.
    (
        "src/accounts/members/store.rs",
        &["visited", "joined", "lock_with_platform_admins_in", "has_joined_in", "has_clinic_in"],
    ),
    // A doctor's time, without whose it is; and what the system does to all of it.
    ("src/booking/store", &["holds", "confirm_in", "histories_where"]),
    // One's own, when one leaves.
    ("src/booking/store/departure.rs", &["to_come", "left_behind", "anonymise_in", "all_of", "histories_of"]),
];

#[test]
fn rows_of_people_are_read_within_a_scope_that_only_a_viewer_gives() {
    let people = ["user", "appointment", "appointment_transition", "audit_entry", "clinic_patient"];
    let mut scoped = 0;
    for path in sources(Path::new("src")) {
        let inside = path.to_str().unwrap();
        // Rooms that know slots, steps and demo data, and no viewer.
        if ["src/availability/", "src/calendar/", "src/demo/"].iter().any(|room| inside.starts_with(room)) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let reads = people.iter().flat_map(|row| {
            let read = format!("{row}::Entity::find");
            let is_whole =
                |place: &usize| !text[..*place].ends_with(|before: char| before.is_alphanumeric() || before == '_');
            text.match_indices(&read).map(|(place, _)| place).filter(is_whole).collect::<Vec<_>>()
        });
        for place in reads {
            let begin = text[..place].rfind("fn ").unwrap() + "fn ".len();
            let signature = &text[begin..begin + text[begin..].find('{').unwrap()];
            let name: String =
                signature.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
            if signature.contains("Scope") || signature.contains("Viewer") {
                scoped += 1;
                continue;
            }
            let may = UNSCOPED.iter().any(|(file, names)| inside.starts_with(file) && names.contains(&&*name));
            assert!(may, "{inside}: {name} reads rows of people and takes no scope");
        }
    }
    assert!(scoped >= 5, "only {scoped} reads have a scope: this test looks the wrong way");
    let text = fs::read_to_string("src/kernel/viewer.rs").unwrap();
    assert_eq!(text.matches("Scope(match").count(), 1, "only a viewer gives a scope");
    assert!(text.contains("pub struct Scope(Extent);"), "nobody else can make one");
}
