//! How manifests are written, and which name tells which.

use crate::runtime::Runtime;

/// How a manifest is written, and so how it is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `uv.lock` beside `pyproject.toml`.
    UvLock,
    /// `pylock.toml`, PEP 751.
    Pylock,
    /// `requirements.txt` and its like.
    Requirements,
    /// `pyproject.toml` alone, PEP 621.
    Pyproject,
    /// The lock of a script.
    ScriptLock,
    /// The block of a script, PEP 723.
    Script,
    /// `package-lock.json` or `npm-shrinkwrap.json` beside `package.json`.
    NpmLock,
    /// `pnpm-lock.yaml` beside `package.json`.
    PnpmLock,
    /// `yarn.lock` beside `package.json`.
    YarnLock,
    /// `bun.lock` or `bun.lockb` beside `package.json`.
    BunLock,
    /// `package.json` alone.
    Package,
}

impl Format {
    /// The name in fingerprints and reports.
    pub fn name(self) -> &'static str {
        match self {
            Format::UvLock => "uv-lock",
            Format::Pylock => "pylock",
            Format::Requirements => "requirements",
            Format::Pyproject => "pyproject",
            Format::ScriptLock => "script-lock",
            Format::Script => "script",
            Format::NpmLock => "npm-lock",
            Format::PnpmLock => "pnpm-lock",
            Format::YarnLock => "yarn-lock",
            Format::BunLock => "bun-lock",
            Format::Package => "package-json",
        }
    }

    /// What it is for.
    pub fn runtime(self) -> Runtime {
        match self {
            Format::NpmLock | Format::PnpmLock | Format::YarnLock | Format::BunLock | Format::Package => Runtime::Node,
            _ => Runtime::Python,
        }
    }
}

/// Names that are looked for where Python runs, the preferred first.
pub const PREFERENCE: [(&str, Format); 5] = [
    ("uv.lock", Format::UvLock),
    ("pylock.toml", Format::Pylock),
    ("requirements.lock", Format::Requirements),
    ("requirements.txt", Format::Requirements),
    ("pyproject.toml", Format::Pyproject),
];

/// The format of a manifest of this name, which the author gives.
pub fn format_of(name: &str) -> Format {
    let name = name.rsplit('/').next().unwrap_or(name);
    let known = PREFERENCE.iter().find(|(known, _)| *known == name).map(|(_, format)| *format);
    let is_pylock = name.starts_with("pylock.") && name.ends_with(".toml");
    known.unwrap_or(if is_pylock { Format::Pylock } else { Format::Requirements })
}
