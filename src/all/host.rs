//! What Claude Code keeps of the plugins on this machine: which are installed, where they are, and where their data.
//!
//! The format is the host's own, as docs/hosts.md describes it. What is not known of it is passed over.

use crate::error::{Error, Kind, Result};
use crate::fs;
use crate::server::inside;
use crate::toml_text::MAX_BYTES;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The host's list of installed plugins.
const LIST: &str = "installed_plugins.json";
/// Where it knows plugins from.
const MARKETPLACES: &str = "known_marketplaces.json";
/// What a marketplace has, in its own directory.
const MARKETPLACE: &str = ".claude-plugin/marketplace.json";
/// Where names of data end that belong to plugins which are on no list: given by a flag, found in the user's skills,
/// lent by a service, or the host's own.
const UNLISTED: [&str; 4] = ["-inline", "-skills-dir", "-synced", "-builtin"];

/// The host's directory for plugins.
#[derive(Debug)]
pub struct Host {
    /// The directory.
    pub directory: PathBuf,
    /// Its list.
    pub list: List,
    /// The plugins of marketplaces that are directories of this machine: they run where they lie.
    in_place: BTreeMap<String, PathBuf>,
}

/// The list of installed plugins.
#[derive(Debug)]
pub enum List {
    /// It says this.
    Read(Vec<Installed>),
    /// There is none.
    Missing,
    /// There is one, and what it says cannot be told.
    Unreadable(Error),
}

/// A plugin that is installed.
#[derive(Debug)]
pub struct Installed {
    /// `name@marketplace`.
    pub id: String,
    /// For whom, and in which version.
    pub records: Vec<Record>,
}

/// One installation of a plugin.
#[derive(Debug)]
pub struct Record {
    /// `user`, `project`, `local`, `managed`.
    pub scope: String,
    /// The project that it is for.
    pub project: Option<PathBuf>,
    /// Its version.
    pub version: String,
    /// Its directory, in the host's cache.
    pub path: PathBuf,
}

impl Host {
    /// Reads what the host keeps for the user that runs this.
    ///
    /// # Errors
    /// There is no telling where that is.
    pub fn read() -> Result<Self> {
        let directory = directory()?;
        let list = match read(&directory.join(LIST)) {
            Ok(Some(value)) => installed(&value)
                .map_or_else(|cause| List::Unreadable(unreadable(&directory.join(LIST)).because(cause)), List::Read),
            Ok(None) => List::Missing,
            Err(error) => List::Unreadable(error),
        };
        let in_place = in_place(&directory);
        Ok(Self { directory, list, in_place })
    }

    /// The plugins on its list.
    pub fn installed(&self) -> &[Installed] {
        match &self.list {
            List::Read(installed) => installed,
            List::Missing | List::Unreadable(_) => &[],
        }
    }

    /// Those whose data have this name: several where their names differ in signs that the host replaces.
    pub fn owners<'a>(&'a self, data: &'a str) -> impl Iterator<Item = &'a Installed> {
        self.installed().iter().filter(move |installed| is_same(&data_name(&installed.id), data))
    }

    /// Where the data of all plugins are.
    pub fn all_data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// Where the data of a plugin are.
    pub fn data(&self, id: &str) -> PathBuf {
        self.all_data().join(data_name(id))
    }

    /// Where a plugin is started from, if that is not the cache.
    pub fn in_place(&self, id: &str) -> Option<&Path> {
        self.in_place.get(id).map(PathBuf::as_path).filter(|path| fs::is_directory(path))
    }

    /// Every version of a plugin that is on this machine: those that are installed, those that older sessions may still
    /// use, and what lies in place. `None`: what is there cannot be told.
    pub fn versions(&self, installed: &Installed) -> Option<Vec<PathBuf>> {
        let mut found: Vec<PathBuf> = self.in_place(&installed.id).map(Path::to_path_buf).into_iter().collect();
        for record in &installed.records {
            let cached = record.path.parent().filter(|parent| parent.starts_with(self.directory.join("cache")));
            found.push(record.path.clone());
            found.extend(cached.map(visible).unwrap_or_default());
        }
        found.sort();
        found.dedup();
        // A version may be packed, and then says nothing.
        let can_tell = !installed.records.is_empty() && found.iter().all(|path| fs::is_directory(path));
        can_tell.then_some(found)
    }
}

fn visible(directory: &Path) -> Vec<PathBuf> {
    let names = fs::names(directory).into_iter().filter(|name| !name.starts_with('.'));
    names.map(|name| directory.join(name)).collect()
}

/// Whether data of this name belong to a plugin that no list names.
pub fn is_unlisted(data: &str) -> bool {
    UNLISTED.iter().any(|ending| data.to_lowercase().ends_with(ending))
}

/// Names of one directory on a system that does not tell capitals from small letters.
fn is_same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// The name that the host gives the data of a plugin. It goes by UTF-16.
pub fn data_name(id: &str) -> String {
    let named = |c: char| match c {
        c if c.is_ascii_alphanumeric() || c == '-' || c == '_' => c.to_string(),
        c => "-".repeat(c.len_utf16()),
    };
    id.chars().map(named).collect()
}

fn directory() -> Result<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || variable("HOME").or_else(|| variable("USERPROFILE")).map(|home| home.join(".claude"));
    let of_user = || variable("CLAUDE_CONFIG_DIR").or_else(home).map(|directory| directory.join("plugins"));
    variable("CLAUDE_CODE_PLUGIN_CACHE_DIR").or_else(of_user).ok_or_else(|| {
        let error = Error::new(Kind::NoPlugin, "find the plugins of this machine");
        error.hint("set HOME, or CLAUDE_CONFIG_DIR as the host has it")
    })
}

fn unreadable(path: &Path) -> Error {
    let error = Error::new(Kind::Io, format!("read `{}`", path.display()));
    error.hint("nothing is taken for unused as long as this cannot be read")
}

/// The JSON of a file, if it is there.
fn read(path: &Path) -> Result<Option<Value>> {
    let Some(bytes) = fs::read_optional(path)? else { return Ok(None) };
    if bytes.len() > MAX_BYTES {
        return Err(unreadable(path).because(format!("{} bytes, and at most {MAX_BYTES} are read", bytes.len())));
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    serde_json::from_slice(text).map(Some).map_err(|cause| unreadable(path).because(cause))
}

/// What the list says. A plugin whose entry is not understood is installed all the same.
fn installed(list: &Value) -> Result<Vec<Installed>, String> {
    match list["version"].as_u64() {
        None | Some(1 | 2) => {}
        Some(version) => return Err(format!("its version is {version}, and 1 and 2 are known")),
    }
    let plugins = list["plugins"].as_object().ok_or("it has no `plugins`")?;
    let of_entry = |(id, entry): (&String, &Value)| {
        // Version 1 had one installation of each.
        let records = entry.as_array().map_or(std::slice::from_ref(entry), Vec::as_slice);
        Installed { id: id.clone(), records: records.iter().filter_map(record).collect() }
    };
    Ok(plugins.iter().map(of_entry).collect())
}

fn record(value: &Value) -> Option<Record> {
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    Some(Record {
        scope: text("scope").unwrap_or_else(|| "user".into()),
        project: text("projectPath").map(PathBuf::from),
        version: text("version").unwrap_or_else(|| "unknown".into()),
        path: text("installPath").map(PathBuf::from).filter(|path| path.is_absolute())?,
    })
}

/// The plugins of marketplaces that are directories. What cannot be read names none; they are looked at in the cache.
fn in_place(directory: &Path) -> BTreeMap<String, PathBuf> {
    let known = read(&directory.join(MARKETPLACES)).ok().flatten().unwrap_or_default();
    let mut found = BTreeMap::new();
    for (name, marketplace) in known.as_object().into_iter().flatten() {
        let Some(place) = place(&marketplace["source"]) else { continue };
        let offered = read(&place.join(MARKETPLACE)).ok().flatten().unwrap_or_default();
        let base = offered["metadata"]["pluginRoot"].as_str().unwrap_or_default();
        for plugin in offered["plugins"].as_array().into_iter().flatten() {
            let (Some(own), Some(source)) = (plugin["name"].as_str(), plugin["source"].as_str()) else { continue };
            // What begins with a dot is seen from the marketplace itself.
            let below = if source.starts_with('.') { source.to_owned() } else { format!("{base}/{source}") };
            if let Some(below) = inside(below.trim_start_matches('/')) {
                found.insert(format!("{own}@{name}"), place.join(below).components().collect());
            }
        }
    }
    found
}

/// The directory of a marketplace that is one of this machine.
fn place(source: &Value) -> Option<PathBuf> {
    let path = PathBuf::from(source["path"].as_str()?);
    match source["source"].as_str()? {
        "directory" => Some(path),
        "file" => path.ends_with(MARKETPLACE).then(|| path.parent()?.parent().map(Path::to_path_buf)).flatten(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn data_are_named_as_the_host_names_them() {
        assert_eq!(data_name("a-b@c_D9"), "a-b-c_D9");
        assert_eq!(data_name("we.ird_x@b.c"), "we-ird_x-b-c");
        assert_eq!(data_name("é😀@m"), "----m");
        assert_eq!(data_name("a-b@c"), data_name("a@b-c"));
    }

    #[test]
    fn what_is_not_known_of_the_list_is_passed_over() {
        let here = std::env::temp_dir();
        let list = json!({ "version": 2, "more": [], "plugins": {
            "a@m": [{ "scope": "project", "projectPath": here, "installPath": here, "version": "1", "more": 1 }, 7],
            "b@m": { "installPath": here }, "c@m": "what", "d@m": [{ "installPath": "relative" }],
        }});
        let told = installed(&list).unwrap();
        let told: Vec<_> = told.iter().map(|one| (one.id.as_str(), one.records.len())).collect();
        assert_eq!(told, [("a@m", 1), ("b@m", 1), ("c@m", 0), ("d@m", 0)]);
    }

    #[test]
    fn a_list_of_another_form_is_not_guessed() {
        for list in
            [json!({ "version": 3, "plugins": {} }), json!({ "version": 2 }), json!([]), json!({ "plugins": [] })]
        {
            assert!(installed(&list).is_err(), "{list}");
        }
    }
}
