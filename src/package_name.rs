//! A package as a command names it that fetches packages: `name@version`, `name==version`, an address, a directory.

/// A package that is fetched by a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Package {
    /// As it is written.
    pub text: String,
    /// Its name, with its scope; empty where an address or a directory stands.
    pub name: String,
    /// The version that is asked for, or a range, or a tag such as `latest`.
    pub version: Option<String>,
}

/// Where a name of PyPI's ends.
const COMPARISONS: [char; 8] = ['=', '<', '>', '!', '~', '@', ';', ' '];

impl Package {
    /// One of npm.
    pub fn of_npm(text: &str) -> Self {
        if is_place(text) {
            return Self { text: text.to_owned(), ..Self::default() };
        }
        let (scope, rest) = match text.strip_prefix('@').and_then(|rest| rest.split_once('/')) {
            Some((scope, rest)) => (format!("@{scope}/"), rest),
            None => (String::new(), text),
        };
        let (name, version) = rest.split_once('@').map_or((rest, None), |(name, version)| (name, Some(version)));
        let version = version.filter(|version| !version.is_empty()).map(str::to_owned);
        Self { text: text.to_owned(), name: format!("{scope}{name}"), version }
    }

    /// One of Python's, as uv and pipx are told it.
    pub fn of_python(text: &str) -> Self {
        if is_place(text) {
            return Self { text: text.to_owned(), ..Self::default() };
        }
        let end = text.find(COMPARISONS).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        let name = name.split('[').next().unwrap_or_default().trim().to_owned();
        let version = rest.trim().strip_prefix('@').unwrap_or(rest).trim();
        Self { text: text.to_owned(), name, version: (!version.is_empty()).then(|| version.to_owned()) }
    }

    /// The one version that is asked for, if it is one.
    pub fn exact(&self) -> Option<&str> {
        let version = self.version.as_deref()?.trim_start_matches('=').trim();
        let is_number = version.starts_with(|c: char| c.is_ascii_digit());
        let is_range = version.contains(['<', '>', '*', ',', '|', ' ', '~', '^']) || version.ends_with(".x");
        // `1` and `1.2` are ranges to npm, and versions to nobody who pins.
        (is_number && !is_range && version.matches('.').count() >= 1).then_some(version)
    }

    /// The program that it brings, most probably.
    pub fn program(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or_default()
    }

    /// Whether a directory or file is named, and no package of an index.
    pub fn is_directory(&self) -> bool {
        self.name.is_empty() && !self.is_repository()
    }

    /// Whether a repository or an archive at an address is named.
    pub fn is_repository(&self) -> bool {
        self.name.is_empty()
            && (self.text.contains("://") || ["git+", "github:"].iter().any(|s| self.text.starts_with(s)))
    }
}

/// Whether a directory or an address stands in the place of a name.
fn is_place(text: &str) -> bool {
    let is_path = text.starts_with(['.', '/', '$', '~', '\\']) || text.as_bytes().get(1) == Some(&b':');
    let is_address = text.contains("://") || ["git+", "github:", "file:"].iter().any(|start| text.starts_with(start));
    is_path || is_address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_taken_apart_as_its_manager_does_it() {
        let npm = |text: &str| {
            let package = Package::of_npm(text);
            (package.name.clone(), package.version.clone().unwrap_or_default(), package.exact().is_some())
        };
        let told = |name: &str, version: &str, exact: bool| (name.to_owned(), version.to_owned(), exact);
        assert_eq!(npm("@a/b@1.2.3"), told("@a/b", "1.2.3", true));
        assert_eq!(npm("@a/b"), told("@a/b", "", false));
        assert_eq!(npm("b@latest"), told("b", "latest", false));
        assert_eq!(npm("b@^1.2.3"), told("b", "^1.2.3", false));
        assert_eq!(npm("b@1"), told("b", "1", false));
        assert_eq!(npm("github:a/b"), told("", "", false));
        let python = |text: &str| {
            let package = Package::of_python(text);
            (package.name.clone(), package.version.clone().unwrap_or_default(), package.exact().is_some())
        };
        assert_eq!(python("a-b[x]==1.2"), told("a-b", "==1.2", true));
        assert_eq!(python("a@1.2"), told("a", "1.2", true));
        assert_eq!(python("a @ 1.2"), told("a", "1.2", true));
        assert_eq!(python("a>=1.2"), told("a", ">=1.2", false));
        assert_eq!(python("a"), told("a", "", false));
        assert_eq!(python("${CLAUDE_PLUGIN_ROOT}"), told("", "", false));
    }

    #[test]
    fn a_place_is_a_directory_or_a_repository() {
        for (text, directory) in
            [(".", true), ("$ROOT/x", true), ("git+https://h/a", false), ("https://h/a.whl", false)]
        {
            let package = Package::of_python(text);
            assert_eq!((package.is_directory(), package.is_repository()), (directory, !directory), "{text}");
        }
        assert_eq!(Package::of_npm("@a/b@1").program(), "b");
    }
}
