//! The systems that a plugin can carry packages for, under the names that each installer has for them.

use crate::error::{Error, Kind, Result};
use crate::nearest::nearest;

/// A system: an operating system, a processor and a C library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Platform {
    /// The name that an author types.
    pub name: &'static str,
    /// `uv pip compile --python-platform`.
    pub uv: &'static str,
    /// The tag of a wheel for it, or what such tags end in.
    wheel: &'static str,
    /// What Node says of itself there: `process.platform`, `process.arch`, libc.
    pub node: [&'static str; 3],
}

const fn platform(name: &'static str, uv: &'static str, wheel: &'static str, node: [&'static str; 3]) -> Platform {
    Platform { name, uv, wheel, node }
}

/// All of them.
pub const PLATFORMS: [Platform; 8] = [
    platform("linux-x64", "x86_64-manylinux_2_28", "x86_64", ["linux", "x64", "gnu"]),
    platform("linux-arm64", "aarch64-manylinux_2_28", "aarch64", ["linux", "arm64", "gnu"]),
    platform("linux-x64-musl", "x86_64-unknown-linux-musl", "x86_64", ["linux", "x64", "musl"]),
    platform("linux-arm64-musl", "aarch64-unknown-linux-musl", "aarch64", ["linux", "arm64", "musl"]),
    platform("darwin-x64", "x86_64-apple-darwin", "x86_64", ["darwin", "x64", "system"]),
    platform("darwin-arm64", "aarch64-apple-darwin", "arm64", ["darwin", "arm64", "system"]),
    platform("win32-x64", "x86_64-pc-windows-msvc", "win_amd64", ["win32", "x64", "system"]),
    platform("win32-arm64", "aarch64-pc-windows-msvc", "win_arm64", ["win32", "arm64", "system"]),
];

/// The newest glibc that a wheel may demand, as its minor version, and the oldest that there are wheels for.
/// <https://github.com/pypa/manylinux>.
const GLIBC: (u8, u8) = (28, 5);

impl Platform {
    /// The one of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn named(name: &str) -> Result<Self> {
        let found = PLATFORMS.into_iter().find(|platform| platform.name == name);
        let names = || PLATFORMS.iter().map(|platform| platform.name);
        let unknown = || -> Error {
            let error =
                Error::new(Kind::Usage, format!("make a bundle for `{name}`")).because("there is no such platform");
            let all = || format!("the platforms are {}", names().collect::<Vec<_>>().join(", "));
            error.hint(nearest(name, names()).map_or_else(all, |near| format!("did you mean `{near}`?")))
        };
        found.ok_or_else(unknown)
    }

    /// The one that an interpreter says it runs on: Python's words or Node's.
    pub fn of_identity(platform: &str) -> Option<Self> {
        let [system, machine, libc]: [&str; 3] = platform.split('-').collect::<Vec<_>>().try_into().ok()?;
        let processor = match machine {
            "x86_64" | "amd64" | "x64" => "x64",
            "aarch64" | "arm64" => "arm64",
            other => other,
        };
        PLATFORMS.into_iter().find(|known| known.node == [system, processor, libc])
    }

    /// As Node tells it.
    pub fn node_name(&self) -> String {
        self.node.join("-")
    }

    /// The tags of wheels that run there, the preferred ones first. pip adds older ones of macOS by itself.
    pub fn wheel_tags(&self) -> Vec<String> {
        let tag = self.wheel;
        match self.node {
            ["linux", _, "musl"] => (0..=2).rev().map(|minor| format!("musllinux_1_{minor}_{tag}")).collect(),
            ["linux", ..] => {
                let (newest, oldest) = GLIBC;
                let numbered = (oldest..=newest).rev().map(|minor| format!("manylinux_2_{minor}_{tag}"));
                let named = ["manylinux2014", "manylinux2010", "manylinux1", "linux"];
                numbered.chain(named.map(|name| format!("{name}_{tag}"))).collect()
            }
            ["darwin", ..] => ["11", "13"].map(|version| format!("macosx_{version}_0_{tag}")).to_vec(),
            _ => vec![tag.to_owned()],
        }
    }

    /// Whether a package of npm is for it: `field` is `os`, `cpu` or `libc`, and what the package says there.
    pub fn admits(&self, field: &str, wanted: &[&str]) -> bool {
        let [os, cpu, libc] = self.node;
        let own = match field {
            "os" => os,
            "cpu" => cpu,
            _ if os != "linux" => return wanted.is_empty(),
            _ if libc == "gnu" => "glibc",
            _ => libc,
        };
        let refused = wanted.iter().any(|name| name.strip_prefix('!') == Some(own));
        let named = || wanted.iter().all(|name| name.starts_with('!')) || wanted.contains(&own);
        !refused && named()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_says_for_which_systems_it_is() {
        let linux = Platform::named("linux-x64").unwrap();
        let cases: [(&str, &[&str], bool); 8] = [
            ("os", &[], true),
            ("os", &["darwin", "linux"], true),
            ("os", &["darwin"], false),
            ("os", &["!win32"], true),
            ("os", &["!linux"], false),
            ("cpu", &["arm64"], false),
            ("libc", &["glibc"], true),
            ("libc", &["musl"], false),
        ];
        for (field, wanted, admitted) in cases {
            assert_eq!(linux.admits(field, wanted), admitted, "{field} {wanted:?}");
        }
    }

    #[test]
    fn python_and_node_name_the_same_system() {
        for (identity, name) in [
            ("linux-x86_64-gnu", "linux-x64"),
            ("linux-x64-gnu", "linux-x64"),
            ("linux-aarch64-musl", "linux-arm64-musl"),
            ("darwin-arm64-system", "darwin-arm64"),
            ("win32-amd64-system", "win32-x64"),
        ] {
            assert_eq!(Platform::of_identity(identity).map(|platform| platform.name), Some(name), "{identity}");
        }
        assert_eq!(Platform::of_identity("linux-riscv64-gnu"), None);
    }
}
