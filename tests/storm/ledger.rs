//! What everybody sent and was told.

use serde_json::Value;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Mutex,
};

/// What a patient was told of an appointment.
#[derive(Clone, Debug)]
pub struct Told {
    /// When it begins, as the server says it.
    pub starts_at: String,
    /// With whom.
    pub doctor: String,
    /// Whether it was only held.
    pub is_hold: bool,
}

#[derive(Default)]
struct Entries {
    figures: BTreeMap<String, usize>,
    /// Appointments that somebody was told of, by their IDs.
    told: HashMap<String, Told>,
    /// Those that somebody asked to cancel, move or swap, answered or not.
    given_up: HashSet<String>,
    /// Those of which somebody was told that they are given up.
    gone: HashSet<String>,
    /// What each key made, by the notes that the booking carried.
    made: HashMap<String, String>,
    /// Bookings that were refused at the first try, by the same.
    refused: HashSet<String>,
}

/// What everybody sent and was told.
#[derive(Default)]
pub struct Ledger(Mutex<Entries>);

impl Ledger {
    pub fn counts(&self, figure: &str) {
        *self.0.lock().unwrap().figures.entry(figure.to_owned()).or_default() += 1;
    }

    pub fn figures(&self) -> String {
        let entries = self.0.lock().unwrap();
        entries.figures.iter().map(|(figure, count)| format!("{figure} {count}")).collect::<Vec<_>>().join(", ")
    }

    /// Somebody is about to ask for the end of an appointment.
    pub fn gives_up(&self, id: &str) {
        self.0.lock().unwrap().given_up.insert(id.to_owned());
    }

    /// Somebody was told that it has ended.
    pub fn is_gone(&self, id: &str) {
        self.0.lock().unwrap().gone.insert(id.to_owned());
    }

    /// Somebody was told of an appointment; its ID.
    pub fn tells(&self, appointment: &Value, is_hold: bool) -> String {
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{appointment}")).to_owned();
        let id = text(&appointment["id"]);
        let told =
            Told { starts_at: text(&appointment["startsAt"]), doctor: text(&appointment["doctor"]["id"]), is_hold };
        let mut entries = self.0.lock().unwrap();
        let before = entries.told.entry(id.clone()).or_insert_with(|| told.clone());
        assert_eq!((&before.starts_at, &before.doctor), (&told.starts_at, &told.doctor), "{id} is another");
        before.is_hold &= is_hold;
        id
    }

    /// What a booking with these notes made, or that it was refused.
    pub fn knows(&self, notes: &str, id: Option<&str>) {
        let mut entries = self.0.lock().unwrap();
        match id {
            Some(id) => drop(entries.made.insert(notes.to_owned(), id.to_owned())),
            None => drop(entries.refused.insert(notes.to_owned())),
        }
    }

    /// Appointments that nobody is known to have given up.
    pub fn standing(&self) -> Vec<String> {
        let entries = self.0.lock().unwrap();
        let booked = entries.told.iter().filter(|(id, told)| !told.is_hold && !entries.given_up.contains(*id));
        booked.map(|(id, _)| id.clone()).collect()
    }

    pub fn told(&self) -> HashMap<String, Told> {
        self.0.lock().unwrap().told.clone()
    }

    pub fn was_given_up(&self, id: &str) -> bool {
        self.0.lock().unwrap().given_up.contains(id)
    }

    pub fn gone(&self) -> HashSet<String> {
        self.0.lock().unwrap().gone.clone()
    }

    pub fn made(&self) -> HashMap<String, String> {
        self.0.lock().unwrap().made.clone()
    }

    pub fn refused(&self) -> HashSet<String> {
        self.0.lock().unwrap().refused.clone()
    }

    /// A storm in which nothing happens proves nothing.
    pub fn assert_lively(&self) {
        let entries = self.0.lock().unwrap();
        for figure in
            ["booked", "held", "holds booked", "cancelled", "moved", "swapped", "SLOT_TAKEN", "repeated", "lost"]
        {
            assert!(entries.figures.get(figure).is_some_and(|count| *count > 0), "nothing was {figure}");
        }
    }
}
