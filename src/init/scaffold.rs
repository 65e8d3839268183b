//! The files of a first plugin, for an author who has none.

use super::draft::Draft;
use super::old_install::ROOT;
use super::place::PLUGIN;
use super::servers;
use crate::error::{Error, Kind, Result};
use crate::fs;
use crate::hooks;
use crate::json_text::quoted;
use std::path::Path;

/// The description of a marketplace.
const MARKET: &str = ".claude-plugin/marketplace.json";
/// What may lie in a directory that is to become a plugin.
const OTHERS: [&str; 4] = ["readme", "license", "changelog", "bin"];
/// Of the official SDK. Its next major version has another interface.
const REQUIREMENTS: &str = "mcp>=1.9,<2\n";

/// Whether there is nothing yet: no server, nothing that a server could need, nothing else that a plugin has.
///
/// # Errors
/// There is no plugin, and no empty directory for one.
pub fn is_wanted(draft: &Draft) -> Result<bool> {
    let has_servers = draft.read(servers::FILE)?.is_some();
    if draft.read(PLUGIN)?.is_none() && !is_undescribed(draft)? {
        refuse_others(&draft.root, has_servers)?;
    }
    Ok(!has_servers && servers::all(draft)?.is_empty() && others(&draft.root).is_empty())
}

/// Whether it is a plugin all the same, which the host loads without a description: its servers are in its own directory, or
/// it has hooks where plugins have theirs. A project has neither.
///
/// # Errors
/// A file cannot be read.
pub fn is_undescribed(draft: &Draft) -> Result<bool> {
    let Some(servers) = draft.read(servers::FILE)? else { return Ok(false) };
    let is_plugin = String::from_utf8_lossy(&servers).contains(ROOT) || draft.read(hooks::FILE)?.is_some();
    // A marketplace may itself be a plugin, and describe it.
    let is_described = draft.read(PLUGIN)?.is_some() || fs::is_file(&draft.root.join(MARKET));
    Ok(is_plugin && !is_described)
}

/// Has it be described by its name, and tells that.
///
/// # Errors
/// The file cannot be written.
pub fn describe(draft: &mut Draft) -> Result<String> {
    let name = name_of(&draft.root);
    draft.write(PLUGIN, format!("{{\n  \"name\": {}\n}}\n", quoted(&name)))?;
    Ok(name)
}

/// Has a plugin be there with a server, which `program` starts, and what that needs.
///
/// # Errors
/// Something else is there already.
pub fn add(draft: &mut Draft, program: &str) -> Result<()> {
    let name = name_of(&draft.root);
    if draft.read(PLUGIN)?.is_none() {
        draft.write(PLUGIN, description(&name))?;
    }
    draft.write(".mcp.json", servers(&name, program))?;
    draft.write("requirements.txt", REQUIREMENTS.into())?;
    if draft.read("server.py")?.is_none() {
        draft.write("server.py", server(&name))?;
    }
    Ok(())
}

/// Whoever is in the wrong directory is not to find a plugin in it: a project may have servers of its own.
fn refuse_others(root: &Path, has_servers: bool) -> Result<()> {
    let is_market = fs::is_file(&root.join(MARKET));
    let other = if has_servers { Some(servers::FILE.to_owned()) } else { others(root).into_iter().next() };
    let Some(other) = other.filter(|_| !(is_market && has_servers)) else { return Ok(()) };
    let error = Error::new(Kind::NoPlugin, format!("make a plugin of `{}`", root.display()));
    let error = error.because(format!("it has no `{PLUGIN}`, and is not empty: `{other}` is in it"));
    Err(error.hint(match is_market {
        true => "it is a marketplace: name the directory of one of its plugins".to_owned(),
        false => format!(
            "name an empty directory for a new plugin; if this is one, write `{{ \"name\": {} }}` into `{PLUGIN}` first",
            quoted(&name_of(root))
        ),
    }))
}

fn others(root: &Path) -> Vec<String> {
    let is_usual =
        |name: &str| name.starts_with('.') || OTHERS.iter().any(|other| name.to_lowercase().starts_with(other));
    fs::names(root).into_iter().filter(|name| !is_usual(name)).collect()
}

/// A name for the plugin, as the host wants names: of its directory.
fn name_of(root: &Path) -> String {
    let name = root.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let name = words.join("-");
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name
    } else {
        format!("plugin-{name}").trim_end_matches('-').into()
    }
}

fn description(name: &str) -> String {
    format!(
        "{{\n  \"name\": {},\n  \"version\": \"0.1.0\",\n  \"description\": {}\n}}\n",
        quoted(name),
        quoted(&format!("The tools of {name}"))
    )
}

fn servers(name: &str, program: &str) -> String {
    let [name, program] = [name, program].map(quoted);
    let args = "[\"run\", \"--\", \"python\", \"${CLAUDE_PLUGIN_ROOT}/server.py\"]";
    let server = format!("{{\n      \"command\": {program},\n      \"args\": {args}\n    }}");
    format!("{{\n  \"mcpServers\": {{\n    {name}: {server}\n  }}\n}}\n")
}

fn server(name: &str) -> String {
    format!(
        r#""""The tools of this plugin, by the official SDK."""

from mcp.server.fastmcp import FastMCP

server = FastMCP({})


@server.tool()
def greet(name: str) -> str:
    """Greets somebody."""
    return f"hello, {{name}}"


if __name__ == "__main__":
    server.run()
"#,
        quoted(name)
    )
}
