//! The SessionStart door: every environment is made ready, and the host hears nothing or one JSON object.
//!
//! It never fails a session: whatever goes wrong is one `systemMessage` and exit status 0.

use crate::error::{Error, Kind, Result};
use crate::output;
use crate::plugin::{Environment, Place, Plugin};
use crate::provision::{self, Door};
use crate::work::Work;
use std::time::Duration;

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
    match plugin.environments.as_slice() {
        [only] => report(plugin, only, &door).into_iter().collect(),
        several => std::thread::scope(|scope| {
            let door = &door;
            let begin = |environment| scope.spawn(move || report(plugin, environment, door));
            let threads: Vec<_> = several.iter().map(begin).collect();
            threads.into_iter().filter_map(|thread| thread.join().ok().flatten()).collect()
        }),
    }
}

fn patience(plugin: &Plugin) -> Duration {
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|v| v == value);
    let headless = is("CLAUDE_CODE_ENTRYPOINT", "sdk-cli") || is("CLAUDE_CODE_SESSION_ATTENDED", "0");
    if headless { HEADLESS } else { Duration::from_secs(plugin.config.wait) }
}

/// Makes one environment ready; what the user must know, if anything.
fn report(plugin: &Plugin, environment: &Environment, door: &Door) -> Option<String> {
    let outcome = Work::new(plugin, environment).and_then(|work| provision::ensure(&work, door));
    let (error, serving) = match outcome {
        Ok(ready) => (ready.stale?, "; its previous packages are used meanwhile"),
        Err(error) => (error, ""),
    };
    Some(message(plugin, &error, serving))
}

fn message(plugin: &Plugin, error: &Error, serving: &str) -> String {
    let name = &plugin.name;
    match error.kind {
        Kind::WaitTimeout => {
            format!(
                "{name}: still installing its packages; if its tools are missing, a new session has them once that is done{serving}"
            )
        }
        _ => format!("{name}: its packages could not be installed: {}{serving}", error.sentence()),
    }
}
