//! What the client was told of a server's lists, what the server says of them, and making good where they differ.

use super::message::{self, Id, Line};
use crate::snapshot::{self, Items, LISTS, List, Snapshot, page, read, same};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How often the client is told at first that a list changed, until it asks again. What it is told before its hooks
/// have ended is lost, and its first turn begins 0.1 to 0.2 s after that.
const REPEAT: Duration = Duration::from_millis(10);
/// How often it is told so later: somebody else's hook may take long.
const REPEAT_LATER: Duration = Duration::from_secs(1);
/// How long it is told so: longer than a host waits for its hooks.
pub const REPEATS_END: Duration = Duration::from_secs(660);
/// How long the server may take to answer our own question, before the client is told to ask it itself.
pub const COMPARING: Duration = Duration::from_secs(30);
/// How many pages of a list are asked for: a server may go in circles.
pub const PAGES: u32 = 100;
/// With what the ids of our own requests begin.
pub const OWN_ID: &str = "plugdeps";

/// A list that the client must hear of again.
#[derive(Debug)]
struct Correction {
    list: List,
    since: Instant,
    next: Instant,
}

/// A request of ours.
#[derive(Debug)]
struct Question {
    id: Id,
    list: List,
    /// How many pages came before.
    page: u32,
    since: Instant,
    /// Whether nobody waits for the answer any more, which is none of the client's business all the same.
    late: bool,
}

/// The lists of one server.
#[derive(Debug)]
pub struct Lists {
    /// What the client was told without the server.
    told: snapshot::Lists,
    /// Of what the client may ask for the next page, which only we understand, and since when.
    continued: Vec<(List, Instant)>,
    /// What the server is to be asked for as soon as the client has greeted it.
    to_ask: Vec<List>,
    own: Vec<Question>,
    own_pages: snapshot::Lists,
    own_count: u32,
    /// Requests of the client, and whether each is for the first page.
    asked: Vec<(Id, List, bool)>,
    pages: snapshot::Lists,
    corrections: Vec<Correction>,
    /// What the server said of itself.
    pub snapshot: Snapshot,
}

impl Lists {
    /// Nothing is known yet but the command.
    pub fn new(snapshot: Snapshot) -> Self {
        Self {
            told: snapshot::Lists::default(),
            continued: Vec::new(),
            to_ask: Vec::new(),
            own: Vec::new(),
            own_pages: snapshot::Lists::default(),
            own_count: 0,
            asked: Vec::new(),
            pages: snapshot::Lists::default(),
            corrections: Vec::new(),
            snapshot,
        }
    }

    /// Whether every list is known.
    pub fn knows_all(&self) -> bool {
        LISTS.into_iter().all(|list| self.snapshot.knows(list))
    }

    /// Whether something was told that is not compared with the server's yet.
    pub fn is_comparing(&self) -> bool {
        !self.to_ask.is_empty() || self.own.iter().any(|question| !question.late)
    }

    /// Whether the client has yet to ask again for a list that changed, or something may come that is not for it.
    pub fn is_correcting(&self) -> bool {
        !(self.corrections.is_empty() && self.own.is_empty())
    }

    /// Whether the client may yet ask for the next page of something: it does so at once or never.
    pub fn is_continuing(&self, now: Instant) -> bool {
        self.continued.iter().any(|(_, since)| now.duration_since(*since) < COMPARING)
    }

    /// When the client is next told of a list that changed.
    pub fn next_correction(&self) -> Option<Instant> {
        self.corrections.iter().map(|correction| correction.next).min()
    }

    /// The server is there, which can do this; the client was told that, and may go on to ask for the next page of those.
    pub fn were_told(&mut self, told: snapshot::Lists, continued: Vec<List>, able: &Value, now: Instant) {
        self.told = told;
        self.continued = continued.into_iter().map(|list| (list, now)).collect();
        for list in LISTS {
            match self.told.get(list) {
                Some(_) if able.get(list.capability()).is_some() => self.to_ask.push(list),
                Some(items) if !items.is_empty() => self.must_correct(list, now),
                _ => {}
            }
        }
    }

    fn must_correct(&mut self, list: List, now: Instant) {
        self.corrections.push(Correction { list, since: now, next: now });
    }

    /// Asks the server for the lists that the client was told without it.
    pub fn ask(&mut self, now: Instant, out: &mut Vec<Line>) {
        for list in std::mem::take(&mut self.to_ask) {
            self.ask_for(list, &json!({}), 0, now, out);
        }
    }

    fn ask_for(&mut self, list: List, params: &Value, page: u32, now: Instant, out: &mut Vec<Line>) {
        self.own_count += 1;
        let id = Id::new(&format!("\"{OWN_ID}-{}-{}\"", std::process::id(), self.own_count));
        out.push(message::request(&id, list.method(), params));
        self.own.push(Question { id, list, page, since: now, late: false });
    }

    /// The client asks the server: whatever it was told before is forgotten.
    pub fn client_asks(&mut self, id: Id, list: List, first_page: bool) {
        *self.told.of(list) = None;
        self.continued.retain(|(other, _)| *other != list);
        // One notification stands for both lists of resources: who asks for either has heard it.
        self.corrections.retain(|correction| correction.list.changed() != list.changed());
        self.asked.push((id, list, first_page));
    }

    /// Takes the answer to a request of ours; says whether a list is known now. `None`: it is none of ours.
    pub fn own_answer(
        &mut self,
        id: &Id,
        result: Option<&RawValue>,
        now: Instant,
        out: &mut Vec<Line>,
    ) -> Option<bool> {
        let at = self.own.iter().position(|question| question.id == *id)?;
        let Question { list, page: page_number, late, .. } = self.own.swap_remove(at);
        if late {
            return Some(false);
        }
        let Some((items, next)) = result.and_then(page) else {
            self.give_up(list, now);
            return Some(false);
        };
        self.own_pages.of(list).get_or_insert_default().extend(items);
        if let Some(cursor) = next.filter(|_| page_number < PAGES) {
            let cursor: Value = read(&cursor).unwrap_or_default();
            self.ask_for(list, &json!({ "cursor": cursor }), page_number + 1, now, out);
            return Some(false);
        }
        let items = self.own_pages.of(list).take().unwrap_or_default();
        if self.told.get(list).is_some_and(|told| !same(told, &items)) {
            self.must_correct(list, now);
        }
        Some(self.know(list, items))
    }

    /// The server does not say what its list is: the client, which was told one without it, had better ask.
    fn give_up(&mut self, list: List, now: Instant) {
        *self.own_pages.of(list) = None;
        if self.told.get(list).is_some() {
            self.must_correct(list, now);
        }
    }

    /// Keeps a list; says whether it was another one or none before.
    fn know(&mut self, list: List, items: Items) -> bool {
        let is_new = self.snapshot.lists.get(list).is_none_or(|known| !same(known, &items));
        *self.snapshot.lists.of(list) = Some(items);
        is_new
    }

    /// Takes the answer to a request of the client; says whether a list is known now that was not.
    pub fn learn(&mut self, id: &Id, result: Option<&RawValue>) -> bool {
        let Some(at) = self.asked.iter().position(|(asked, ..)| asked == id) else { return false };
        let (_, list, first_page) = self.asked.swap_remove(at);
        let Some((items, next)) = result.and_then(page) else { return false };
        let known = if first_page { Items::new() } else { self.pages.of(list).take().unwrap_or_default() };
        let items = known.into_iter().chain(items).collect();
        if next.is_some() {
            *self.pages.of(list) = Some(items);
            return false;
        }
        self.know(list, items)
    }

    /// Tells the client again of what changed.
    pub fn correct(&mut self, now: Instant, out: &mut Vec<Line>) {
        let overdue = |question: &&mut Question| !question.late && now.duration_since(question.since) >= COMPARING;
        let late: Vec<List> = self
            .own
            .iter_mut()
            .filter(overdue)
            .map(|question| {
                question.late = true;
                question.list
            })
            .collect();
        late.into_iter().for_each(|list| self.give_up(list, now));
        self.corrections.retain(|correction| now.duration_since(correction.since) < REPEATS_END);
        let mut said = "";
        for correction in self.corrections.iter_mut().filter(|correction| now >= correction.next) {
            let later = now.duration_since(correction.since) / 100;
            correction.next = now + later.clamp(REPEAT, REPEAT_LATER);
            // Resources and their templates have one notification, and stand together.
            if said != correction.list.changed() {
                said = correction.list.changed();
                out.push(message::notification(said, None));
            }
        }
    }
}
