//! `env`: the environment's variables for a shell, a file, or a host's configuration.

use crate::error::{Error, Kind, Result};
use crate::launch::activation;
use crate::nearest::nearest;
use crate::runtime::Runtime;
use crate::store::Sealed;
use serde_json::{Map, Value, json};
use std::path::Path;

/// How variables are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// POSIX shells.
    #[default]
    Sh,
    /// fish.
    Fish,
    /// PowerShell.
    Powershell,
    /// One JSON object; `null` for variables to remove.
    Json,
    /// A `.env` file.
    Dotenv,
    /// The `env` of a server in `.mcp.json`.
    Mcp,
}

/// All of them.
pub const NAMES: [(&str, Format); 6] = [
    ("sh", Format::Sh),
    ("fish", Format::Fish),
    ("powershell", Format::Powershell),
    ("json", Format::Json),
    ("dotenv", Format::Dotenv),
    ("mcp", Format::Mcp),
];

impl Format {
    /// The format of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn parse(name: &str) -> Result<Self> {
        let found = NAMES.iter().find(|(known, _)| *known == name).map(|(_, format)| *format);
        found.ok_or_else(|| {
            let error = Error::new(Kind::Usage, format!("understand the format `{name}`"));
            let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
            match nearest(name, names.iter().copied()) {
                Some(near) => error.hint(format!("did you mean `{near}`?")),
                None => error.hint(format!("write one of: {}", names.join(", "))),
            }
        })
    }
}

type Variable = (&'static str, Option<String>);

/// The variables of an environment.
///
/// # Errors
/// A path is no Unicode text, which none of the formats can carry.
pub fn render(sealed: &Sealed, root: &Path, format: Format) -> Result<String> {
    let mut variables: Vec<Variable> = Vec::new();
    for (name, value) in activation(sealed, root) {
        let value = value.map(|value| value.into_string()).transpose();
        let value = value.map_err(|v| {
            Error::new(Kind::Io, format!("print {name}={}", v.to_string_lossy())).because("it is no Unicode text")
        })?;
        variables.push((name, value));
    }
    let identity = &sealed.receipt.interpreter.identity;
    if identity.runtime() == Runtime::Python {
        let site_packages = sealed.generation.site_packages(identity);
        variables.push(("PLUGDEPS_SITE_PACKAGES", Some(site_packages.display().to_string())));
    }
    Ok(match format {
        Format::Json => document(&object(&variables)),
        Format::Mcp => document(&json!({ "env": object(&set_only(&variables)) })),
        _ => variables.iter().map(|(name, value)| line(format, name, value.as_deref())).collect(),
    })
}

fn set_only(variables: &[Variable]) -> Vec<Variable> {
    variables.iter().filter(|(_, value)| value.is_some()).cloned().collect()
}

fn object(variables: &[Variable]) -> Value {
    let fields = variables.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.clone())));
    Value::Object(fields.collect::<Map<_, _>>())
}

fn document(value: &Value) -> String {
    format!("{value:#}\n")
}

fn line(format: Format, name: &str, value: Option<&str>) -> String {
    match (format, value) {
        (Format::Sh, Some(value)) => format!("export {name}={}\n", quoted(value, "'\\''")),
        (Format::Sh, None) => format!("unset {name}\n"),
        (Format::Fish, Some(value)) => format!("set -gx {name} {}\n", fish(name, value)),
        (Format::Fish, None) => format!("set -e {name}\n"),
        (Format::Powershell, Some(value)) => format!("$Env:{name} = {}\n", quoted(value, "''")),
        (Format::Powershell, None) => format!("Remove-Item Env:{name} -ErrorAction SilentlyContinue\n"),
        (_, Some(value)) => format!("{name}={}\n", dotenv(value)),
        (_, None) => String::new(),
    }
}

fn quoted(value: &str, quote: &str) -> String {
    format!("'{}'", value.replace('\'', quote))
}

/// In fish, PATH is a list.
fn fish(name: &str, value: &str) -> String {
    let escape = |text: &str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"));
    if name == "PATH" { value.split(':').map(escape).collect::<Vec<_>>().join(" ") } else { escape(value) }
}

/// Double quotes with the escapes that the common readers share.
fn dotenv(value: &str) -> String {
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$").replace('\n', "\\n");
    format!("\"{escaped}\"")
}
