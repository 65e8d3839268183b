//! What a server said of itself when it last started: enough to answer for it while it is not there.

use crate::fs;
use crate::generation::SCHEMA;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use std::path::Path;

/// A list that a server announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// `tools/list`.
    Tools,
    /// `prompts/list`.
    Prompts,
    /// `resources/list`.
    Resources,
    /// `resources/templates/list`.
    ResourceTemplates,
}

/// Every list there is.
pub const LISTS: [List; 4] = [List::Tools, List::Prompts, List::Resources, List::ResourceTemplates];

impl List {
    /// The request that asks for it.
    pub fn method(self) -> &'static str {
        match self {
            List::Tools => "tools/list",
            List::Prompts => "prompts/list",
            List::Resources => "resources/list",
            List::ResourceTemplates => "resources/templates/list",
        }
    }

    /// The list that a request asks for.
    pub fn asked_by(method: &str) -> Option<Self> {
        LISTS.into_iter().find(|list| list.method() == method)
    }

    /// The field of the answer that holds it.
    pub fn field(self) -> &'static str {
        match self {
            List::Tools => "tools",
            List::Prompts => "prompts",
            List::Resources => "resources",
            List::ResourceTemplates => "resourceTemplates",
        }
    }

    /// What a server says it can do when it has such a list.
    pub fn capability(self) -> &'static str {
        match self {
            List::ResourceTemplates => "resources",
            other => other.field(),
        }
    }

    /// What tells the client that it is no longer what it was.
    pub fn changed(self) -> &'static str {
        match self {
            List::Tools => "notifications/tools/list_changed",
            List::Prompts => "notifications/prompts/list_changed",
            List::Resources | List::ResourceTemplates => "notifications/resources/list_changed",
        }
    }
}

/// Items of a list, each as the server wrote it: a client may count on the order of its fields.
pub type Items = Vec<Box<RawValue>>;

/// A list of each kind, where there is one.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Lists {
    tools: Option<Items>,
    prompts: Option<Items>,
    resources: Option<Items>,
    resource_templates: Option<Items>,
}

impl Lists {
    /// The one of this kind.
    pub fn of(&mut self, list: List) -> &mut Option<Items> {
        match list {
            List::Tools => &mut self.tools,
            List::Prompts => &mut self.prompts,
            List::Resources => &mut self.resources,
            List::ResourceTemplates => &mut self.resource_templates,
        }
    }

    /// The one of this kind.
    pub fn get(&self, list: List) -> Option<&Items> {
        match list {
            List::Tools => self.tools.as_ref(),
            List::Prompts => self.prompts.as_ref(),
            List::Resources => self.resources.as_ref(),
            List::ResourceTemplates => self.resource_templates.as_ref(),
        }
    }
}

/// What a server said of itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What of the command that started it may be written down.
    pub command: String,
    /// The command, as a hash.
    pub key: String,
    /// Its answer to `initialize`.
    pub initialize: Option<Box<RawValue>>,
    /// Its lists, as far as anybody asked.
    pub lists: Lists,
}

impl Snapshot {
    /// What a command said of itself: nothing yet.
    pub fn of(command: String, key: String) -> Self {
        Self { schema: SCHEMA, command, key, ..Self::default() }
    }

    /// Its list; `None` where nobody asked. A server that cannot have one has none in it.
    pub fn list(&self, list: List) -> Option<Items> {
        self.lists.get(list).cloned().or_else(|| self.cannot(list).then(Vec::new))
    }

    /// Whether its list is known.
    pub fn knows(&self, list: List) -> bool {
        self.lists.get(list).is_some() || self.cannot(list)
    }

    fn cannot(&self, list: List) -> bool {
        self.capabilities().is_some_and(|able| able.get(list.capability()).is_none())
    }

    /// What it said it can do.
    pub fn capabilities(&self) -> Option<Value> {
        let said: Value = read(self.initialize.as_ref()?).ok()?;
        Some(said["capabilities"].clone())
    }
}

/// What a state file says that keeps parts of messages as they stand; what cannot be read is absent.
pub fn from_file<T: DeserializeOwned>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read_optional(path).ok()??).ok()
}

/// What JSON text says.
///
/// # Errors
/// It says something else than is asked for.
pub fn read<'a, T: Deserialize<'a>>(text: &'a RawValue) -> serde_json::Result<T> {
    serde_json::from_slice(text.get().as_bytes())
}

/// Whether two lists are the same to a client.
pub fn same(one: &[Box<RawValue>], other: &[Box<RawValue>]) -> bool {
    let is_same = |a, b| matches!((read::<Value>(a), read::<Value>(b)), (Ok(a), Ok(b)) if a == b);
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| a.get() == b.get() || is_same(a, b))
}

/// A page of any list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(alias = "prompts", alias = "resources", alias = "resourceTemplates")]
    tools: Items,
    next_cursor: Option<Box<RawValue>>,
}

/// The items of a page, and whether another follows; `None` where the answer is no such page.
pub fn page(result: &RawValue) -> Option<(Items, Option<Box<RawValue>>)> {
    let page: Page = read(result).ok()?;
    Some((page.tools, page.next_cursor))
}
