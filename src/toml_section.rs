//! Tables of a TOML file, read with errors that name the key and the type that its specification gives it.

use crate::error::{Error, Kind, Result};
use crate::toml_value::{Table, Value};

/// A table of the file that may be absent, and the path to it.
pub(crate) struct Section<'a> {
    /// Names the file in messages.
    pub label: &'a str,
    /// The keys that lead to the table.
    pub path: Vec<&'a str>,
    /// The table, if it is there.
    pub table: Option<&'a Table>,
}

impl<'a> Section<'a> {
    /// The whole file.
    pub fn whole(label: &'a str, table: &'a Table) -> Self {
        Self { label, path: Vec::new(), table: Some(table) }
    }

    /// Whatever the key holds.
    pub fn get(&self, key: &str) -> Option<&'a Value> {
        self.table.and_then(|table| table.get(key))
    }

    /// The error that the key holds something else than what is expected.
    pub fn wrong(&self, key: &str, expected: &str) -> Error {
        let path = [self.path.join("."), key.to_owned()].into_iter().filter(|part| !part.is_empty());
        let path = path.collect::<Vec<_>>().join(".");
        Error::new(Kind::ManifestInvalid, format!("read `{}`", self.label))
            .because(format!("`{path}`: expected {expected}"))
    }

    /// The table that the key holds.
    pub fn section(&self, key: &'a str) -> Result<Section<'a>> {
        let value = self.get(key);
        let table = value.map(|value| value.as_table().ok_or_else(|| self.wrong(key, "a table"))).transpose()?;
        let path = self.path.iter().copied().chain([key]).collect();
        Ok(Section { label: self.label, path, table })
    }

    /// The string that the key holds.
    pub fn string(&self, key: &str) -> Result<Option<String>> {
        let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(|| self.wrong(key, "a string"));
        self.get(key).map(text).transpose()
    }

    /// The strings that the key holds.
    pub fn strings(&self, key: &str) -> Result<Option<Vec<String>>> {
        let wrong = || self.wrong(key, "an array of strings");
        self.get(key).map(|value| strings(value).ok_or_else(wrong)).transpose()
    }

    /// The keys of the table.
    pub fn keys(&self) -> impl Iterator<Item = &'a str> {
        self.table.into_iter().flat_map(Table::keys)
    }

    /// The keys with their values, all of which have to be strings.
    pub fn string_table(&self) -> Result<Vec<(String, String)>> {
        let pair = |key: &str| Ok((key.to_owned(), self.string(key)?.unwrap_or_default()));
        self.keys().map(pair).collect()
    }
}

/// The strings of an array that holds nothing else.
pub(crate) fn strings(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let text = "name = 'x'\n[a.b]\none = 'y'\nmany = ['y', 'z']\nmixed = ['y', 1]";
        crate::toml_text::parse("x.toml", text.as_bytes(), Kind::ManifestInvalid).unwrap()
    }

    #[test]
    fn what_is_there_is_read_and_what_is_absent_is_none() {
        let table = table();
        let whole = Section::whole("x.toml", &table);
        assert_eq!(whole.string("name").unwrap().as_deref(), Some("x"));
        assert_eq!(whole.section("gone").unwrap().section("too").unwrap().string("name").unwrap(), None);
        let inner = whole.section("a").unwrap().section("b").unwrap();
        assert_eq!(inner.strings("many").unwrap().unwrap(), ["y", "z"]);
        assert_eq!(inner.keys().collect::<Vec<_>>(), ["many", "mixed", "one"]);
    }

    #[test]
    fn a_wrong_type_names_the_file_and_the_whole_path() {
        let table = table();
        let whole = Section::whole("x.toml", &table);
        let inner = whole.section("a").unwrap().section("b").unwrap();
        let errors = [
            (whole.section("name").map(drop).unwrap_err(), "`name`: expected a table"),
            (whole.string("a").map(drop).unwrap_err(), "`a`: expected a string"),
            (inner.strings("mixed").map(drop).unwrap_err(), "`a.b.mixed`: expected an array of strings"),
            (inner.string_table().map(drop).unwrap_err(), "`a.b.many`: expected a string"),
        ];
        for (error, expected) in errors {
            assert_eq!((error.kind, error.message.as_str()), (Kind::ManifestInvalid, "read `x.toml`"));
            assert_eq!(error.causes, [expected]);
        }
    }
}
