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
    let callers: Vec<_> = sources(Path::new("src/booking"))
        .into_iter()
        .filter(|path| fs::read_to_string(path).unwrap().contains("store::insert_in("))
        .collect();
    assert_eq!(callers, [Path::new("src/booking/transaction.rs")]);
    for path in sources(Path::new("src")) {
        let text = fs::read_to_string(&path).unwrap();
        let inserts = text.contains("appointment::Entity::insert");
        assert!(!inserts || path == Path::new("src/booking/store/mod.rs"), "{} inserts appointments", path.display());
    }
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
