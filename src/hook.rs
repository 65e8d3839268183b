//! The SessionStart door: every environment is made ready, and the host hears nothing or one JSON object.
//!
//! It never fails a session: whatever goes wrong is one `systemMessage` and exit status 0.

use crate::environments::Environment;
use crate::error::{Error, Kind, Result};
use crate::lock::{self, Attempt};
use crate::news::News;
use crate::output;
use crate::plugin::{Place, Plugin};
use crate::progress;
use crate::provision::{self, Door, Ready};
use crate::store::Store;
use crate::work::Work;
use std::time::{Duration, Instant};

/// How long the hook waits where nobody looks at a spinner: a one-shot run has but one turn, and waits for its
/// hooks. Below the shipped hook's own time limit of 600 s, so that the host hears why.
const HEADLESS: Duration = Duration::from_secs(570);

/// Makes everything ready and tells the host what it must know.
pub fn session_start(place: Result<Place>) {
    let messages = match place.and_then(Plugin::load) {
        Ok(plugin) => make_ready(&plugin),
        Err(error) => vec![format!("plugdeps: {}", error.sentence())],
    };
    if !messages.is_empty() {
        let message = serde_json::json!({ "systemMessage": output::harmless(&messages.join("\n")) });
        output::data(&format!("{message}\n"));
    }
}

fn make_ready(plugin: &Plugin) -> Vec<String> {
    let door = Door { patience: patience(plugin), by_hand: false, settles: true, rebuild: false };
    match plugin.to_install().as_slice() {
        [only] => report(plugin, only, &door),
        several => std::thread::scope(|scope| {
            let door = &door;
            let begin = |environment| scope.spawn(move || report(plugin, environment, door));
            let threads: Vec<_> = several.iter().copied().map(begin).collect();
            threads.into_iter().filter_map(|thread| thread.join().ok()).flatten().collect()
        }),
    }
}

fn patience(plugin: &Plugin) -> Duration {
    if is_headless() { HEADLESS } else { Duration::from_secs(plugin.config.wait) }
}

/// Whether nobody looks, and the session may have but one turn.
fn is_headless() -> bool {
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|v| v == value);
    is("CLAUDE_CODE_ENTRYPOINT", "sdk-cli") || is("CLAUDE_CODE_SESSION_ATTENDED", "0")
}

/// Makes one environment ready; what the user must know, if anything.
fn report(plugin: &Plugin, environment: &Environment, door: &Door) -> Vec<String> {
    let name = &plugin.name;
    let work = match Work::new(plugin, environment) {
        Ok(work) => work,
        Err(error) => {
            let store = Store::new(&plugin.place.data, &environment.name);
            let is_new = News::look(&store).is_new_failure(&store, &error.sentence(), &error);
            return is_new.then(|| failed(name, &error)).into_iter().collect();
        }
    };
    let began = Instant::now();
    let in_the_air = News::look(&work.store);
    let outcome = provision::ensure(&work, door);
    let (error, serving) = match outcome {
        Ok(Ready { stale: None, built, .. }) => {
            if built && is_headless() {
                wait_for_servers(&work, began + HEADLESS);
            }
            (None, "")
        }
        Ok(Ready { stale, .. }) => (stale, "; its previous packages are used meanwhile"),
        Err(error) => (Some(error), ""),
    };
    let news = in_the_air.gather(&work.store, error.is_none());
    let mut messages: Vec<String> = news.into_iter().map(|text| format!("{name}: {text}")).collect();
    match error {
        Some(error) if error.kind == Kind::WaitTimeout => messages.push(format!(
            "{name}: still installing {}; its tools appear when that is done{serving}",
            progress::packages(&work.store)
        )),
        Some(error) if in_the_air.is_new_failure(&work.store, &work.request.digest(), &error) => {
            messages.push(failed(name, &error) + serving);
        }
        _ => {}
    }
    messages
}

fn failed(name: &str, error: &Error) -> String {
    format!("{name}: its packages could not be installed: {}", error.sentence())
}

/// Waits until every server that was spoken for has been handed its client: the only turn begins when we end.
fn wait_for_servers(work: &Work<'_>, until: Instant) {
    while Instant::now() < until {
        match lock::try_exclusive_existing(&work.store.desk_path()) {
            Ok(Some(Attempt::Busy)) => std::thread::sleep(Duration::from_millis(20)),
            _ => return,
        }
    }
}
