//! What `prune --all` would remove, thought out before anything is.

use super::hold::{Hold, alone};
use super::space::{Space, environments, ours};
use super::survey::{Kind, Leftover, Survey, Tenant};
use super::table::in_bytes;
use crate::error::{Error, Result};
use crate::fs;
use crate::gc;
use crate::output::harmless;
use crate::store::Store;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// How names begin of what was put out of the way to be removed.
pub const ASIDE: &str = ".new-";

/// What would be removed.
#[derive(Debug, Default)]
pub struct Plan {
    /// Each part.
    pub parts: Vec<Part>,
    /// What nothing is said to need, but something uses: sentences.
    pub in_use: Vec<String>,
    /// Why some could not be looked at.
    pub failed: Vec<Error>,
}

/// What of the data of one plugin would be removed.
#[derive(Debug)]
pub struct Part {
    /// Whose it is: the plugin, or else the name of the data.
    pub owner: String,
    /// The data.
    pub data: PathBuf,
    /// What of them.
    pub what: What,
    /// Bytes on disk.
    pub bytes: u64,
}

/// What is removed of data.
#[derive(Debug)]
pub enum What {
    /// So many generations, and leftovers of builds, of an environment that is used.
    Generations(String, usize),
    /// An environment.
    Environment(String),
    /// What an earlier removal left.
    Aside(String),
    /// All that is ours, for this reason.
    Everything(String),
}

/// What a look at generations found.
#[derive(Default)]
struct Unused {
    count: usize,
    bytes: u64,
    in_use: usize,
}

impl Plan {
    /// Thinks it out. Nothing is changed; what is in use is known by its locks.
    pub fn make(survey: &Survey) -> Self {
        let mut plan = Self::default();
        let mut seen = BTreeSet::new();
        for tenant in survey.tenants.iter().filter(|tenant| seen.insert(&tenant.data)) {
            for name in environments(&tenant.data) {
                let added = plan.add_environment(tenant, &name);
                plan.keep(added);
            }
            plan.add_aside(tenant);
        }
        for leftover in survey.leftovers.iter().filter(|leftover| leftover.kind == Kind::Orphan) {
            let added = plan.add_orphan(leftover);
            plan.keep(added);
        }
        plan
    }

    /// One that cannot be looked at does not keep the others.
    fn keep(&mut self, added: Result<()>) {
        self.failed.extend(added.err());
    }

    fn add_environment(&mut self, tenant: &Tenant, name: &str) -> Result<()> {
        let store = Store::new(&tenant.data, name);
        let part = |what, bytes| Part { owner: tenant.id.clone(), data: tenant.data.clone(), what, bytes };
        if tenant.unused.iter().any(|unused| unused == name) {
            match Hold::for_a_look(&store)? {
                Some(_) => self.parts.push(part(What::Environment(name.to_owned()), tenant.space.below(name))),
                None => self.in_use.push(format!("{}: environment {name}", tenant.id)),
            }
            return Ok(());
        }
        let Some(unused) = unused_generations(&store)? else {
            self.in_use.push(format!("{}: environment {name}: a build is under way", tenant.id));
            return Ok(());
        };
        if unused.in_use > 0 {
            self.in_use.push(format!("{}: {} of environment {name}", tenant.id, generations(unused.in_use)));
        }
        if unused.count > 0 {
            self.parts.push(part(What::Generations(name.to_owned(), unused.count), unused.bytes));
        }
        Ok(())
    }

    fn add_aside(&mut self, tenant: &Tenant) {
        for name in asides(&ours(&tenant.data)) {
            let bytes = tenant.space.below(&name);
            let (owner, data) = (tenant.id.clone(), tenant.data.clone());
            self.parts.push(Part { owner, data, what: What::Aside(name), bytes });
        }
    }

    fn add_orphan(&mut self, leftover: &Leftover) -> Result<()> {
        let owner = leftover.data.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for name in environments(&leftover.data) {
            if Hold::for_a_look(&Store::new(&leftover.data, &name))?.is_none() {
                self.in_use.push(format!("{owner}: environment {name}"));
                return Ok(());
            }
        }
        let (data, bytes) = (leftover.data.clone(), leftover.space.bytes());
        self.parts.push(Part { owner, data, what: What::Everything(leftover.in_words()), bytes });
        Ok(())
    }

    /// The plan for a person.
    pub fn shown(&self) -> String {
        let mut lines: Vec<String> = self.parts.iter().map(Part::shown).collect();
        if !self.parts.is_empty() {
            let all = self.parts.iter().map(|part| part.bytes).sum();
            lines.push(format!("together {} on disk", in_bytes(all)));
        }
        lines.extend(self.in_use.iter().map(|used| format!("in use, left alone: {used}")));
        lines.iter().map(|line| format!("{}\n", harmless(line))).collect()
    }
}

impl Part {
    fn shown(&self) -> String {
        let what = match &self.what {
            What::Generations(name, count) => {
                format!("{} of environment {name} that nothing uses", generations(*count))
            }
            What::Environment(name) => format!("environment {name}, which no version that is here has"),
            What::Aside(name) => format!("`{name}`, left of an earlier removal"),
            What::Everything(why) => format!("all environments in `{}`; {why}", self.data.display()),
        };
        format!("{}: {what} ({})", self.owner, in_bytes(self.bytes))
    }
}

fn generations(count: usize) -> String {
    format!("{count} generation{}", if count == 1 { "" } else { "s" })
}

/// The names of what was put out of the way in a directory.
pub fn asides(directory: &Path) -> Vec<String> {
    fs::names(directory).into_iter().filter(|name| name.starts_with(ASIDE)).collect()
}

/// What a sweep would remove. `None`: a build is under way.
fn unused_generations(store: &Store) -> Result<Option<Unused>> {
    let mut right = Vec::new();
    if !alone(&store.lock_path(), &mut right)? {
        return Ok(None);
    }
    let mut unused = Unused::default();
    for generation in gc::unnamed(store) {
        // Held for a moment only: whoever comes late to a generation that no profile names looks for another.
        if alone(&generation.lease_path(), &mut Vec::new())? {
            unused.count += 1;
            unused.bytes += Space::of(generation.directory()).bytes();
        } else {
            unused.in_use += 1;
        }
    }
    for name in asides(store.directory()) {
        unused.count += 1;
        unused.bytes += Space::of(&store.directory().join(name)).bytes();
    }
    Ok(Some(unused))
}
