//! One message of the protocol: a line of JSON-RPC 2.0, read as far as a go-between must, otherwise left as it is.

use crate::snapshot::{List, read};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// A line with its end, as it was sent or will be.
pub type Line = Vec<u8>;

/// JSON-RPC: the method does not exist.
pub const METHOD_NOT_FOUND: i32 = -32601;
/// JSON-RPC: the server could not do it.
pub const INTERNAL_ERROR: i32 = -32603;

/// Identifies a request among those of its sender. It is said again exactly as it was said.
#[derive(Debug, Clone)]
pub struct Id {
    text: String,
    /// The same id in the one form that both ends' spellings of it have in common.
    plain: String,
}

impl PartialEq for Id {
    fn eq(&self, other: &Self) -> bool {
        self.plain == other.plain
    }
}

impl Id {
    /// The id that this JSON text is.
    pub fn new(text: &str) -> Self {
        let value = serde_json::from_slice::<Value>(text.as_bytes());
        let plain = value.map_or_else(|_| text.to_owned(), |value| value.to_string());
        Self { text: text.to_owned(), plain }
    }

    /// As it was said.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// What is asked or told.
#[derive(Debug)]
pub struct Call<'a> {
    /// The method.
    pub method: String,
    /// Its parameters.
    pub params: Option<&'a RawValue>,
}

/// A line, understood.
#[derive(Debug)]
pub enum Message<'a> {
    /// Wants an answer.
    Request(Id, Call<'a>),
    /// Wants none.
    Notification(Call<'a>),
    /// Answers a request: the result, or the error.
    Response(Id, Result<&'a RawValue, &'a RawValue>),
    /// Several in one, as the versions before 2025-06-18 allow.
    Batch(Vec<&'a RawValue>),
    /// Nothing of the protocol.
    Other,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    method: Option<String>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// A field that is there is not absent, whatever is in it.
fn even_null<'de: 'a, 'a, D: Deserializer<'de>>(field: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(field).map(Some)
}

/// The parameters that a go-between looks at, each absent where it is not what the protocol says.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Params<'a> {
    /// Version of the protocol, of `initialize`.
    pub protocol_version: Option<String>,
    /// The page wanted, of a list.
    #[serde(borrow)]
    pub cursor: Option<&'a RawValue>,
    /// The request meant, of `notifications/cancelled`.
    #[serde(borrow)]
    pub request_id: Option<&'a RawValue>,
    #[serde(borrow, rename = "_meta")]
    meta: Option<Meta<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Meta<'a> {
    #[serde(borrow)]
    progress_token: Option<&'a RawValue>,
}

impl<'a> Call<'a> {
    /// The parameters.
    pub fn params(&self) -> Params<'a> {
        self.params.and_then(|params| read(params).ok()).unwrap_or_default()
    }
}

impl Params<'_> {
    /// The token under which the sender wants to hear of progress.
    pub fn progress_token(&self) -> Option<String> {
        Some(self.meta.as_ref()?.progress_token?.get().to_owned())
    }
}

/// Understands a line.
pub fn parse(line: &[u8]) -> Message<'_> {
    if line.trim_ascii_start().first() == Some(&b'[') {
        return serde_json::from_slice(line).map_or(Message::Other, Message::Batch);
    }
    let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(line) else { return Message::Other };
    let id = envelope.id.map(|id| Id::new(id.get()));
    match (id, envelope.method, envelope.result, envelope.error) {
        (Some(id), Some(method), ..) => Message::Request(id, Call { method, params: envelope.params }),
        (None, Some(method), ..) => Message::Notification(Call { method, params: envelope.params }),
        (Some(id), None, _, Some(error)) => Message::Response(id, Err(error)),
        (Some(id), None, Some(result), None) => Message::Response(id, Ok(result)),
        _ => Message::Other,
    }
}

/// The id of a message, if it is a request.
pub fn request_id(text: &str) -> Option<Id> {
    match parse(text.as_bytes()) {
        Message::Request(id, _) => Some(id),
        _ => None,
    }
}

/// A batch without the first request of this id.
pub fn without(batch: &[u8], id: &Id) -> Line {
    let Message::Batch(mut messages) = parse(batch) else { return batch.to_vec() };
    if let Some(at) = messages.iter().position(|message| request_id(message.get()).as_ref() == Some(id)) {
        messages.remove(at);
    }
    let messages: Vec<&str> = messages.iter().map(|message| message.get()).collect();
    format!("[{}]\n", messages.join(",")).into_bytes()
}

/// The answer to a request: JSON text.
pub fn result(id: &Id, result: &str) -> Line {
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":{result}}}\n", id.text()).into_bytes()
}

/// The answer to a request for a list.
pub fn list(id: &Id, list: List, items: &[Box<RawValue>]) -> Line {
    // A snapshot that somebody reformatted has line ends between its words, and a message is one line.
    let texts: Vec<String> = items.iter().map(|item| item.get().replace(['\n', '\r'], " ")).collect();
    result(id, &format!("{{\"{}\":[{}]}}", list.field(), texts.join(",")))
}

/// Where a list goes on of which nobody knows anything yet. A client that follows it waits as long as that takes.
const CONTINUES: &str = "plugdeps-continues";

/// An empty page of a list, and that it goes on.
pub fn empty_page(id: &Id, list: List) -> Line {
    result(id, &format!("{{\"{}\":[],\"nextCursor\":\"{CONTINUES}\"}}", list.field()))
}

/// The request for the first page, where a line asks for the one behind an [`empty_page`].
pub fn from_the_start(line: &[u8]) -> Option<Line> {
    // Nearly no line is one, and to understand each would be its whole cost.
    std::str::from_utf8(line).ok().filter(|text| text.contains(CONTINUES))?;
    let Message::Request(id, call) = parse(line) else { return None };
    List::asked_by(&call.method)?;
    let cursor: String = read(call.params().cursor?).ok()?;
    (cursor == CONTINUES).then(|| request(&id, &call.method, &json!({})))
}

/// The answer to a request that cannot be served.
pub fn error(id: &Id, code: i32, message: &str) -> Line {
    let message = Value::from(message);
    let error = format!("{{\"code\":{code},\"message\":{message}}}");
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"error\":{error}}}\n", id.text()).into_bytes()
}

/// A request of our own.
pub fn request(id: &Id, method: &str, params: &Value) -> Line {
    let method = Value::from(method);
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":{method},\"params\":{params}}}\n", id.text()).into_bytes()
}

/// A notification.
pub fn notification(method: &str, params: Option<&Value>) -> Line {
    let params = params.map(|params| format!(",\"params\":{params}")).unwrap_or_default();
    format!("{{\"jsonrpc\":\"2.0\",\"method\":\"{method}\"{params}}}\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_said_again_as_it_was_said() {
        for id in ["0", "-7", "9007199254740993", "\"a\\u00e9\\\"\"", "18446744073709551616"] {
            let line = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"ping\"}}");
            let Message::Request(read, _) = parse(line.as_bytes()) else { panic!("{line}") };
            let answer = String::from_utf8(result(&read, "{}")).unwrap();
            assert!(answer.contains(&format!("\"id\":{id},")), "{answer}");
        }
    }

    #[test]
    fn an_id_is_the_same_in_every_spelling() {
        assert_eq!(Id::new("\"\\u00e9\""), Id::new("\"é\""));
        assert_ne!(Id::new("1"), Id::new("\"1\""));
    }

    #[test]
    fn what_is_no_message_is_told_from_what_is() {
        for line in ["", "\n", "hello", "{", "{}", "{\"hook_event_name\":\"SessionStart\"}", "3", "[1"] {
            assert!(matches!(parse(line.as_bytes()), Message::Other), "{line}");
        }
        assert!(matches!(parse(b"\xff\xfe"), Message::Other));
        assert!(matches!(parse(b"{\"method\":\"x\"}"), Message::Notification(_)));
        assert!(matches!(parse(b"[{\"method\":\"x\"}]"), Message::Batch(_)));
        assert!(matches!(parse(b"{\"id\":1,\"result\":null}"), Message::Response(_, Ok(_))));
        assert!(matches!(parse(b"{\"id\":1,\"result\":{},\"error\":null}"), Message::Response(_, Ok(_))));
        assert!(matches!(parse(b"{\"id\":1,\"result\":null,\"error\":{}}"), Message::Response(_, Err(_))));
    }

    #[test]
    fn parameters_of_a_wrong_type_are_absent() {
        let line = b"{\"id\":1,\"method\":\"tools/list\",\"params\":{\"_meta\":7}}";
        let Message::Request(_, call) = parse(line) else { panic!() };
        assert!(call.params().progress_token().is_none());
    }
}
