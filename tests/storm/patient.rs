//! What people do in a storm.

use crate::{
    frontend::{Answer, Frontend},
    ledger::Ledger,
    scene::Scene,
};
use rand::seq::IndexedRandom;
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use uuid::Uuid;

/// A patient who books, holds, cancels and moves at random until it is over.
pub async fn lives(scene: Arc<Scene>, ledger: Arc<Ledger>, number: usize, is_over: Arc<AtomicBool>) {
    let person = Person { frontend: &scene.patients[number], ledger: &ledger };
    let mut own: Vec<String> = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let slot = scene.slots.choose(&mut rand::rng()).unwrap();
        let place = (!own.is_empty()).then(|| rand::random_range(0..own.len()));
        match (rand::random_range(0..10), place) {
            (0..4, _) => own.extend(person.books(slot).await),
            (4..6, _) => own.extend(person.holds(slot).await),
            (6..8, Some(place)) => person.cancels(&own.swap_remove(place)).await,
            (8..10, Some(place)) => {
                if let Some(moved) = person.moves(&own[place], slot).await {
                    own[place] = moved;
                }
            }
            _ => {}
        }
        tokio::time::sleep(Duration::from_millis(rand::random_range(0..40))).await;
    }
}

/// An admin who lets visits change places until it is over.
pub async fn swaps(scene: Arc<Scene>, ledger: Arc<Ledger>, is_over: Arc<AtomicBool>) {
    let admin = Person { frontend: &scene.admin, ledger: &ledger };
    while !is_over.load(Ordering::Relaxed) {
        let booked: Vec<_> = ledger.standing();
        let pair: Vec<_> = booked.sample(&mut rand::rng(), 2).collect();
        if let [first, second] = pair[..] {
            ledger.gives_up(first);
            ledger.gives_up(second);
            let input = json!({ "firstId": first, "secondId": second, "reason": "a storm" });
            if let Some(payload) = admin.insists("swapAppointments", input, true).await {
                ledger.counts("swapped");
                for (id, side) in [(first, "first"), (second, "second")] {
                    ledger.is_gone(id);
                    ledger.tells(&payload[side], false);
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(rand::random_range(20..100))).await;
    }
}

struct Person<'a> {
    frontend: &'a Frontend,
    ledger: &'a Ledger,
}

impl Person<'_> {
    async fn books(&self, slot: &str) -> Option<String> {
        let input = json!({ "slotId": slot, "notes": Uuid::new_v4() });
        let payload = self.insists("bookAppointment", input, rand::random_bool(0.8)).await?;
        self.ledger.counts("booked");
        Some(self.ledger.tells(&payload["appointment"], false))
    }

    /// Holds, and then books, lets go, or forgets about it.
    async fn holds(&self, slot: &str) -> Option<String> {
        let payload = self.insists("holdSlot", json!({ "slotId": slot }), true).await?;
        self.ledger.counts("held");
        let hold = self.ledger.tells(&payload["appointment"], true);
        tokio::time::sleep(Duration::from_millis(rand::random_range(0..200))).await;
        match rand::random_range(0..10) {
            0..7 => {
                let input = json!({ "holdId": hold, "notes": Uuid::new_v4() });
                let payload = self.insists("bookAppointment", input, true).await?;
                self.ledger.counts("holds booked");
                Some(self.ledger.tells(&payload["appointment"], false))
            }
            7..9 => {
                self.cancels(&hold).await;
                None
            }
            _ => None,
        }
    }

    async fn cancels(&self, id: &str) {
        self.ledger.gives_up(id);
        if self.insists("cancelAppointment", json!({ "appointmentId": id }), true).await.is_some() {
            self.ledger.counts("cancelled");
            self.ledger.is_gone(id);
        }
    }

    async fn moves(&self, id: &str, slot: &str) -> Option<String> {
        self.ledger.gives_up(id);
        let input = json!({ "appointmentId": id, "slotId": slot });
        let payload = self.insists("rescheduleAppointment", input, true).await?;
        self.ledger.counts("moved");
        self.ledger.is_gone(id);
        Some(self.ledger.tells(&payload["appointment"], false))
    }

    /// Asks, with a key again and again until there is an answer; the payload, if it was done.
    async fn insists(&self, mutation: &str, mut input: Value, has_key: bool) -> Option<Value> {
        let notes = input["notes"].as_str().map(str::to_owned);
        if has_key {
            input["idempotencyKey"] = json!(Uuid::new_v4());
        }
        let mut is_first = true;
        loop {
            self.ledger.counts("attempts");
            match self.asks(mutation, &input, has_key && is_first).await {
                Answer::Done(payload) => {
                    if let Some(notes) = notes {
                        self.ledger.knows(&notes, payload["appointment"]["id"].as_str());
                    }
                    if has_key && rand::random_bool(0.1) {
                        self.repeats(mutation, &input, &payload).await;
                    }
                    return Some(payload);
                }
                Answer::Refused(code) => {
                    self.ledger.counts(&code);
                    if let (Some(notes), true) = (notes, is_first) {
                        self.ledger.knows(&notes, None);
                    }
                    return None;
                }
                Answer::Lost => self.ledger.counts("lost"),
            }
            if !has_key {
                return None;
            }
            is_first = false;
            tokio::time::sleep(Duration::from_millis(rand::random_range(20..200))).await;
        }
    }

    /// Asks one server, sometimes too impatient for the answer, sometimes both servers at once.
    async fn asks(&self, mutation: &str, input: &Value, may_double: bool) -> Answer {
        let server = rand::random_range(0..2);
        let answer = self.frontend.does(server, mutation, input);
        match rand::random_range(0..20) {
            0..2 => {
                let patience = Duration::from_millis(rand::random_range(1..60));
                tokio::time::timeout(patience, answer).await.unwrap_or(Answer::Lost)
            }
            2 if may_double => {
                self.ledger.counts("doubled");
                match tokio::join!(answer, self.frontend.does(1 - server, mutation, input)) {
                    (Answer::Done(one), Answer::Done(other)) => {
                        assert_eq!(ids(&one), ids(&other), "one key made two");
                        Answer::Done(one)
                    }
                    (Answer::Done(done), other) | (other, Answer::Done(done)) => {
                        if let Answer::Refused(code) = other {
                            self.ledger.counts(&format!("doubled at odds: {code}"));
                        }
                        Answer::Done(done)
                    }
                    (Answer::Lost, _) | (_, Answer::Lost) => Answer::Lost,
                    (refused, _) => refused,
                }
            }
            _ => answer.await,
        }
    }

    /// What was done once is answered the same, and not done again.
    async fn repeats(&self, mutation: &str, input: &Value, payload: &Value) {
        loop {
            match self.frontend.does(rand::random_range(0..2), mutation, input).await {
                Answer::Done(again) => {
                    self.ledger.counts("repeated");
                    return assert_eq!(ids(&again), ids(payload), "a key was answered in two ways");
                }
                Answer::Refused(code) => panic!("{mutation} was done, and its repetition refused: {code}"),
                Answer::Lost => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

fn ids(payload: &Value) -> [&Value; 3] {
    ["appointment", "first", "second"].map(|part| &payload[part]["id"])
}
