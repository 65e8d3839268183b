//! An HTTP server that misbehaves as it is told to; what it serves when it behaves is a [`Shelf`]'s.
//!
//! `latency`, `rate` and the like apply to requests that begin after they were set; `truncate` and `corrupt` to files
//! only, never to pages.

use super::encode::base64;
use super::http::{Answer, Request, Server};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What is served.
pub trait Shelf: Send + Sync + 'static {
    /// The package whose file this path is; `None` for a page.
    fn package_of(&self, path: &str) -> Option<String>;

    /// The answer to a request that got so far.
    fn answer(&self, request: &Request, behaviour: &Behaviour) -> Answer;
}

/// A running server; it stops listening when dropped.
pub struct Faulty {
    server: Server,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    behaviour: Mutex<Behaviour>,
    log: Mutex<Vec<String>>,
}

/// How a request is treated.
#[derive(Clone, Default)]
pub struct Behaviour {
    latency: Duration,
    rate: Option<u64>,
    failures_left: usize,
    status: Option<u16>,
    truncate: bool,
    corrupt: bool,
    portal: bool,
    drop: bool,
    files_only: bool,
    moved: Option<String>,
    login: Option<String>,
    holds: BTreeMap<String, Hold>,
    /// Whether pages say nothing of a file but its name.
    pub bare: bool,
    /// When files were uploaded, where that was said.
    pub uploads: BTreeMap<String, String>,
}

/// How long the files of one package are held, and until when, once the first of them was asked for.
#[derive(Clone, Copy)]
struct Hold {
    duration: Duration,
    until: Option<Instant>,
}

impl Faulty {
    /// Serves on a free port.
    pub fn serve(shelf: impl Shelf) -> Self {
        let state = Arc::new(State::default());
        let seen = Arc::clone(&state);
        Self { server: Server::start(move |request| seen.converse(request, &shelf)), state }
    }

    /// Where it is: `http://127.0.0.1:PORT`, with a login before the host where one is given.
    pub fn address(&self, login: Option<&str>) -> String {
        let login = login.map(|login| format!("{login}@")).unwrap_or_default();
        format!("http://{login}{}", self.server.address())
    }

    /// Waits before each answer.
    pub fn latency(&self, latency: Duration) -> &Self {
        self.change(|behaviour| behaviour.latency = latency)
    }

    /// Sends so many bytes a second and connection; `None` for no limit.
    pub fn rate(&self, bytes_per_second: Option<u64>) -> &Self {
        self.change(|behaviour| behaviour.rate = bytes_per_second)
    }

    /// Answers the next `count` requests with 503.
    pub fn fail_first(&self, count: usize) -> &Self {
        self.change(|behaviour| behaviour.failures_left = count)
    }

    /// Answers every request with this status; `None` for the right one.
    pub fn status(&self, status: Option<u16>) -> &Self {
        self.change(|behaviour| behaviour.status = status)
    }

    /// Sends only half of each file, having promised all of it.
    pub fn truncate(&self, on: bool) -> &Self {
        self.change(|behaviour| behaviour.truncate = on)
    }

    /// Flips a bit in the middle of each file.
    pub fn corrupt(&self, on: bool) -> &Self {
        self.change(|behaviour| behaviour.corrupt = on)
    }

    /// Sends a page instead of each file, as a network does that wants a login first.
    pub fn portal(&self, on: bool) -> &Self {
        self.change(|behaviour| behaviour.portal = on)
    }

    /// Closes each connection without an answer.
    pub fn drop_connections(&self, on: bool) -> &Self {
        self.change(|behaviour| behaviour.drop = on)
    }

    /// Whether latency, statuses and closed connections are for files only, and pages arrive.
    pub fn files_only(&self, on: bool) -> &Self {
        self.change(|behaviour| behaviour.files_only = on)
    }

    /// Pages say nothing of a file but its name: no hash, no Python.
    pub fn bare(&self, on: bool) -> &Self {
        self.change(|behaviour| behaviour.bare = on)
    }

    /// Sends every request on to the same path at this address; `None` to answer itself.
    pub fn moved(&self, address: Option<&str>) -> &Self {
        self.change(|behaviour| behaviour.moved = address.map(str::to_owned))
    }

    /// Demands authentication as `USER:PASS`, or by a token where there is no colon; `None` for nobody's.
    pub fn login(&self, login: Option<&str>) -> &Self {
        self.change(|behaviour| behaviour.login = login.map(str::to_owned))
    }

    /// Has the files of this package arrive so long after the first request for one, byte by byte: no client gives it
    /// up, and each build waits once, however many requests it makes.
    pub fn hold(&self, package: &str, duration: Duration) -> &Self {
        self.change(|behaviour| behaviour.holds.extend([(package.to_owned(), Hold { duration, until: None })]))
    }

    /// Says when this file was uploaded, in RFC 3339; from now on pages are JSON, which alone can say it (PEP 700).
    pub fn uploaded(&self, file: &str, at: &str) -> &Self {
        self.change(|behaviour| drop(behaviour.uploads.insert(file.to_owned(), at.to_owned())))
    }

    /// Stops listening for good: from now on connections are refused.
    pub fn stop(&self) {
        self.server.stop();
    }

    /// How many requests there were.
    pub fn requests(&self) -> usize {
        self.log().len()
    }

    /// Every request so far, as `GET /simple/alpha/`.
    pub fn log(&self) -> Vec<String> {
        self.state.log.lock().unwrap().clone()
    }

    /// Forgets the requests so far.
    pub fn forget(&self) -> &Self {
        self.state.log.lock().unwrap().clear();
        self
    }

    fn change(&self, change: impl FnOnce(&mut Behaviour)) -> &Self {
        change(&mut self.state.behaviour.lock().unwrap());
        self
    }
}

impl State {
    fn converse(&self, request: &Request, shelf: &impl Shelf) -> Answer {
        let package = shelf.package_of(&request.path);
        let mut behaviour = self.begin(request, package.as_deref());
        if behaviour.files_only && package.is_none() {
            behaviour = Behaviour { latency: Duration::ZERO, status: None, drop: false, ..behaviour };
        }
        thread::sleep(behaviour.latency);
        if behaviour.drop {
            return Answer::none();
        }
        let refusal = behaviour.refusal(request);
        refusal.unwrap_or_else(|| shelf.answer(request, &behaviour)).at_rate(behaviour.rate)
    }

    /// Notes the request and fixes how it will be treated.
    fn begin(&self, request: &Request, package: Option<&str>) -> Behaviour {
        self.log.lock().unwrap().push(format!("{} {}", request.method, request.path));
        let mut current = self.behaviour.lock().unwrap();
        if let Some(hold) = package.and_then(|package| current.holds.get_mut(package)) {
            hold.until.get_or_insert(Instant::now() + hold.duration);
        }
        let behaviour = current.clone();
        current.failures_left = current.failures_left.saturating_sub(1);
        behaviour
    }
}

impl Behaviour {
    fn refusal(&self, request: &Request) -> Option<Answer> {
        if self.failures_left > 0 {
            return Some(Answer::status(503));
        }
        if let Some(status) = self.status {
            return Some(Answer::status(status));
        }
        let expected = self.login.as_ref().map(|login| match login.contains(':') {
            true => format!("Basic {}", base64(login.as_bytes())),
            false => format!("Bearer {login}"),
        });
        if expected.is_some() && request.header("authorization") != expected.as_deref() {
            return Some(Answer::status(401).header("WWW-Authenticate", "Basic realm=\"packages\""));
        }
        let moved = self.moved.as_ref()?;
        Some(Answer::status(302).header("Location", format!("{moved}{}", request.path)))
    }

    /// A file of this package, or the part of it that was asked for.
    pub fn file(&self, package: &str, mut bytes: Vec<u8>, request: &Request) -> Answer {
        if self.portal {
            bytes = b"<html>log in to this network</html>".to_vec();
        }
        let middle = bytes.len() / 2;
        if self.corrupt && !bytes.is_empty() {
            bytes[middle] ^= 1;
        }
        let held = self.holds.get(package).and_then(|hold| hold.until);
        let answer = part(bytes, request.header("range")).held_until(held);
        let answer = if self.truncate { answer.truncated() } else { answer };
        answer.header("Content-Type", "application/octet-stream").header("Accept-Ranges", "bytes")
    }
}

/// The file, or the part of it that was asked for: uv reads only the directory at a wheel's end.
fn part(bytes: Vec<u8>, range: Option<&str>) -> Answer {
    let Some((from, to)) = range.and_then(|range| bounds(range, bytes.len())) else {
        return Answer::new(200, bytes);
    };
    let place = format!("bytes {from}-{}/{}", to - 1, bytes.len());
    Answer::new(206, &bytes[from..to]).header("Content-Range", place)
}

/// The half-open bounds that `bytes=FROM-TO`, `bytes=FROM-` or `bytes=-LAST` mean.
fn bounds(range: &str, length: usize) -> Option<(usize, usize)> {
    let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (from, to) = match (from.parse::<usize>(), to.parse::<usize>()) {
        (Ok(from), Ok(to)) => (from, (to + 1).min(length)),
        (Ok(from), Err(_)) => (from, length),
        (Err(_), Ok(last)) => (length.saturating_sub(last), length),
        (Err(_), Err(_)) => return None,
    };
    (from < to).then_some((from, to))
}
