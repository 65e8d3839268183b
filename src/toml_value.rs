//! TOML values, as far as anything here looks at them.
//!
//! The crate's own come by way of serde, and know numbers with fractions: together a twentieth of the program.

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml::value::Datetime;

/// A value of a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A string.
    String(String),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction, as it is written.
    Float(String),
    /// `true` or `false`.
    Boolean(bool),
    /// A date, a time, or both.
    Datetime(Datetime),
    /// An array.
    Array(Vec<Value>),
    /// A table.
    Table(Table),
}

/// A table; its keys are in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table(Vec<(String, Value)>);

impl Table {
    /// The table of a document that was parsed.
    ///
    /// # Errors
    /// The offset of a number of more than 64 bits.
    pub fn new(parsed: DeTable<'_>) -> Result<Self, usize> {
        let entry = |(key, value): (Spanned<_>, _)| Ok((String::from(key.into_inner()), Value::new(value)?));
        let entries = parsed.into_iter().map(entry).collect::<Result<Vec<_>, usize>>()?;
        debug_assert!(entries.is_sorted_by_key(|(key, _)| key), "the crate sorts its tables");
        Ok(Self(entries))
    }

    /// Whatever the key holds.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let at = self.0.binary_search_by(|(known, _)| known.as_str().cmp(key)).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    /// The table that the key holds.
    pub fn get_table_mut(&mut self, key: &str) -> Option<&mut Table> {
        let at = self.0.binary_search_by(|(known, _)| known.as_str().cmp(key)).ok()?;
        if let Some((_, Value::Table(table))) = self.0.get_mut(at) { Some(table) } else { None }
    }

    /// Takes every other key away; says which there were.
    pub fn keep(&mut self, keys: &[&str]) -> Vec<String> {
        let (kept, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.0).into_iter().partition(|(key, _)| keys.contains(&key.as_str()));
        self.0 = kept;
        others.into_iter().map(|(key, _)| key).collect()
    }

    /// The keys, each with what it holds.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The keys.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(key, _)| key)
    }

    /// What the keys hold.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.iter().map(|(_, value)| value)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Value {
    /// The recursion ends: [`crate::toml_text::parse`] bounds the depth.
    fn new(parsed: Spanned<DeValue<'_>>) -> Result<Self, usize> {
        let start = parsed.span().start;
        Ok(match parsed.into_inner() {
            DeValue::String(text) => Self::String(text.into_owned()),
            DeValue::Integer(number) => {
                Self::Integer(i64::from_str_radix(number.as_str(), number.radix()).map_err(|_| start)?)
            }
            DeValue::Float(number) => Self::Float(number.as_str().to_owned()),
            DeValue::Boolean(truth) => Self::Boolean(truth),
            DeValue::Datetime(moment) => Self::Datetime(moment),
            DeValue::Array(values) => Self::Array(values.into_iter().map(Self::new).collect::<Result<_, _>>()?),
            DeValue::Table(table) => Self::Table(Table::new(table)?),
        })
    }

    /// What a key holds, if this is a table.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_table()?.get(key)
    }

    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The whole number, if it is one.
    pub fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    /// `true` or `false`, if it is one of them.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Boolean(truth) = self { Some(*truth) } else { None }
    }

    /// The moment, if it is one.
    pub fn as_datetime(&self) -> Option<&Datetime> {
        if let Self::Datetime(moment) = self { Some(moment) } else { None }
    }

    /// The values, if it is an array.
    pub fn as_array(&self) -> Option<&[Value]> {
        if let Self::Array(values) = self { Some(values) } else { None }
    }

    /// The table, if it is one.
    pub fn as_table(&self) -> Option<&Table> {
        if let Self::Table(table) = self { Some(table) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Result<Table, usize> {
        Table::new(DeTable::parse(text).unwrap().into_inner())
    }

    #[test]
    fn each_kind_of_value_is_told_apart() {
        let text = "s = 'x'\ni = 0x1_0\nf = 1_0.50\nb = true\nd = 2026-01-31\na = [1]\nt = { k = 1 }\n";
        let table = table(text).unwrap();
        let get = |key: &str| table.get(key).unwrap();
        assert_eq!((get("s").as_str(), get("i").as_integer()), (Some("x"), Some(16)));
        assert_eq!((get("f"), get("b").as_bool()), (&Value::Float("10.50".into()), Some(true)));
        assert_eq!(get("d").as_datetime().unwrap().to_string(), "2026-01-31");
        assert_eq!(
            (get("a").as_array(), get("t").get("k")),
            (Some(&[Value::Integer(1)][..]), Some(&Value::Integer(1)))
        );
        assert_eq!((get("f").as_str(), get("d").as_str(), get("s").get("k")), (None, None, None));
    }

    #[test]
    fn every_key_is_found_and_no_other() {
        let table = table("b = 1\na = 2\n\"\" = 3\nc.d = 4\n").unwrap();
        assert_eq!(table.keys().collect::<Vec<_>>(), ["", "a", "b", "c"]);
        assert!(table.iter().all(|(key, value)| table.get(key) == Some(value)));
        assert_eq!((table.get("d"), table.len(), table.is_empty()), (None, 4, false));
    }

    #[test]
    fn a_number_of_more_than_64_bits_is_told_by_its_place() {
        assert_eq!(table("a = 1\nb = [9223372036854775808]\n"), Err(11));
        assert!(table("a = -9223372036854775808").is_ok());
    }
}
