//! Reading our own state files back.
//!
//! By one small trait, since what serde derives for reading weighs three kilobytes for each type. A field that is not
//! known is passed over, so that an older program reads what a newer one wrote.

use serde_json::Value;
use std::path::PathBuf;

/// What a JSON value can be read as.
pub trait Read: Sized {
    /// The value, if it is one of these.
    fn read(value: &Value) -> Option<Self>;

    /// What stands for a field that is not there, if anything does.
    fn missing() -> Option<Self> {
        None
    }
}

/// Reads a field of an object.
pub fn field<T: Read>(object: &Value, name: &str) -> Option<T> {
    object.get(name).map_or_else(T::missing, T::read)
}

/// Has a type be read field by field; one behind `or` is empty where it is missing.
macro_rules! readable {
    ($type:ty { $($name:ident),* $(,)? } $(or { $($optional:ident),* $(,)? })?) => {
        impl $crate::json::Read for $type {
            fn read(value: &serde_json::Value) -> Option<Self> {
                Some(Self {
                    $($name: $crate::json::field(value, stringify!($name))?,)*
                    $($($optional: $crate::json::field(value, stringify!($optional)).unwrap_or_default(),)*)?
                })
            }
        }
    };
}

pub(crate) use readable;

impl Read for String {
    fn read(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
}

impl Read for PathBuf {
    fn read(value: &Value) -> Option<Self> {
        value.as_str().map(Self::from)
    }
}

impl Read for u64 {
    fn read(value: &Value) -> Option<Self> {
        value.as_u64()
    }
}

impl Read for usize {
    fn read(value: &Value) -> Option<Self> {
        value.as_u64()?.try_into().ok()
    }
}

impl Read for i64 {
    fn read(value: &Value) -> Option<Self> {
        value.as_i64()
    }
}

impl Read for u32 {
    fn read(value: &Value) -> Option<Self> {
        value.as_u64()?.try_into().ok()
    }
}

impl<T: Read> Read for Option<T> {
    fn read(value: &Value) -> Option<Self> {
        if value.is_null() { Some(None) } else { T::read(value).map(Some) }
    }

    fn missing() -> Option<Self> {
        Some(None)
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(value: &Value) -> Option<Self> {
        value.as_array()?.iter().map(T::read).collect()
    }
}

impl<A: Read, B: Read> Read for (A, B) {
    fn read(value: &Value) -> Option<Self> {
        match value.as_array()?.as_slice() {
            [first, second] => Some((A::read(first)?, B::read(second)?)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Debug, PartialEq)]
    struct Entry {
        name: String,
        size: u32,
        note: Option<String>,
        pairs: Vec<(PathBuf, Option<i64>)>,
        later: String,
    }
    readable!(Entry { name, size, note, pairs } or { later });

    #[test]
    fn what_is_missing_or_unknown_is_passed_over_where_it_may_be() {
        let read = Entry::read(&json!({ "name": "a", "size": 1, "pairs": [["b", -2], ["c", null]], "new": true }));
        let pairs = vec![("b".into(), Some(-2)), ("c".into(), None)];
        assert_eq!(read, Some(Entry { name: "a".into(), size: 1, note: None, pairs, later: String::new() }));
    }

    #[test]
    fn what_is_of_another_type_is_not_read() {
        let entries = [
            json!({ "size": 1, "pairs": [] }),
            json!({ "name": 1, "size": 1, "pairs": [] }),
            json!({ "name": "a", "size": -1, "pairs": [] }),
            json!({ "name": "a", "size": 4_294_967_296_u64, "pairs": [] }),
            json!({ "name": "a", "size": 1, "pairs": [["b"]] }),
            json!({ "name": "a", "size": 1, "pairs": [], "note": 1 }),
            json!([]),
            json!(null),
        ];
        entries.iter().for_each(|entry| assert_eq!(Entry::read(entry), None, "{entry}"));
    }
}
