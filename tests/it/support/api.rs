//! A stand-in for the Messages API on 127.0.0.1: a model that calls the tool a test wants and repeats what came of it.

use super::http::{Answer, Request, Server};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// What the names of tools of MCP servers begin with.
const OF_SERVERS: &str = "mcp__";

/// A running stand-in; it stops listening when dropped.
pub struct Api {
    server: Server,
    shared: Arc<Shared>,
}

struct Shared {
    wanted: Mutex<Option<String>>,
    input: Mutex<Value>,
    /// What it says before the result of a call, and where there is no tool.
    words: Mutex<[String; 2]>,
    asked: Mutex<Vec<Asked>>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            wanted: Mutex::default(),
            input: json!({}).into(),
            words: ["TOOL RESULT", "NO TOOL"].map(str::to_owned).into(),
            asked: Mutex::default(),
        }
    }
}

/// One request for a message.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The tools of MCP servers that were offered, by their full names.
    pub tools: Vec<String>,
    /// The whole conversation so far.
    pub messages: Value,
}

impl Api {
    /// A model that calls the first tool of an MCP server that it is offered, without arguments.
    pub fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let served = Arc::clone(&shared);
        Self { server: Server::start(move |request| served.answer(request)), shared }
    }

    /// Calls this tool of whatever server instead of the first one.
    pub fn call(self, tool: &str) -> Self {
        *self.shared.wanted.lock().unwrap() = Some(tool.to_owned());
        self
    }

    /// Calls it with these arguments.
    pub fn with(self, input: Value) -> Self {
        *self.shared.input.lock().unwrap() = input;
        self
    }

    /// Says these words before the result of a call, and those where there is no tool.
    pub fn saying(self, result: &str, no_tool: &str) -> Self {
        *self.shared.words.lock().unwrap() = [result, no_tool].map(str::to_owned);
        self
    }

    /// What `ANTHROPIC_BASE_URL` is set to.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Every request for a message so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }
}

/// What the model says next.
enum Reply {
    Call(String, Value),
    Say(String),
}

impl Shared {
    fn answer(&self, request: &Request) -> Answer {
        let path = request.path.split('?').next().unwrap_or_default();
        match (request.method.as_str(), path) {
            ("POST", "/v1/messages") => self.message(&serde_json::from_slice(&request.body).unwrap_or_default()),
            ("POST", "/v1/messages/count_tokens") => json_answer(&json!({ "input_tokens": 1 })),
            _ => Answer::status(404),
        }
    }

    fn message(&self, request: &Value) -> Answer {
        let tools = tools_of_servers(request);
        let words = self.words.lock().unwrap().clone();
        let reply = self.reply(&tools, &results(request, &words[0]), &words[1]);
        let mut asked = self.asked.lock().unwrap();
        asked.push(Asked { tools, messages: request["messages"].clone() });
        let message = message_with(&reply, asked.len(), &request["model"]);
        match request["stream"] == true {
            true => Answer::new(200, events(message)).header("Content-Type", "text/event-stream"),
            false => json_answer(&message),
        }
    }

    fn reply(&self, offered: &[String], results: &[String], no_tool: &str) -> Reply {
        let wanted = self.wanted.lock().unwrap();
        let is_wanted = |name: &&String| wanted.as_ref().is_none_or(|tool| name.ends_with(&format!("__{tool}")));
        match offered.iter().find(is_wanted) {
            _ if !results.is_empty() => Reply::Say(results.join("\n")),
            Some(tool) => Reply::Call(tool.clone(), self.input.lock().unwrap().clone()),
            None => Reply::Say(no_tool.into()),
        }
    }
}

fn tools_of_servers(request: &Value) -> Vec<String> {
    let tools = request["tools"].as_array().into_iter().flatten();
    let names = tools.filter_map(|tool| tool["name"].as_str());
    names.filter(|name| name.starts_with(OF_SERVERS)).map(str::to_owned).collect()
}

/// What came of the calls that the model made last; nothing when a person has spoken since.
fn results(request: &Value, word: &str) -> Vec<String> {
    let messages = request["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let news = messages.iter().rev().take_while(|message| message["role"] != "assistant");
    let blocks = news.flat_map(|message| message["content"].as_array().into_iter().flatten());
    blocks.filter(|block| block["type"] == "tool_result").map(|result| repeated(result, word)).collect()
}

fn repeated(result: &Value, word: &str) -> String {
    let word = if result["is_error"] == true { "TOOL ERROR" } else { word };
    format!("{word} {}", text_of(&result["content"]))
}

/// The text of a content, which is a string or a list of blocks.
fn text_of(content: &Value) -> String {
    let blocks = content.as_array().into_iter().flatten();
    let text: String = blocks.filter_map(|block| block["text"].as_str()).collect();
    content.as_str().map_or(text, str::to_owned)
}

fn message_with(reply: &Reply, number: usize, model: &Value) -> Value {
    let (content, stop) = match reply {
        Reply::Call(tool, input) => {
            (json!({ "type": "tool_use", "id": format!("toolu_{number}"), "name": tool, "input": input }), "tool_use")
        }
        Reply::Say(text) => (json!({ "type": "text", "text": text }), "end_turn"),
    };
    json!({
        "id": format!("msg_{number}"),
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [content],
        "stop_reason": stop,
        "stop_sequence": null,
        "usage": { "input_tokens": 1, "output_tokens": 1 },
    })
}

/// The message as the stream of events that builds it up from nothing.
fn events(mut message: Value) -> String {
    let block = message["content"][0].take();
    let end = json!({ "stop_reason": message["stop_reason"].take(), "stop_sequence": null });
    message["content"] = json!([]);
    let (empty, delta) = match block["text"].as_str() {
        Some(text) => (json!({ "type": "text", "text": "" }), json!({ "type": "text_delta", "text": text })),
        None => {
            let input = block["input"].to_string();
            let empty = json!({ "type": "tool_use", "id": block["id"], "name": block["name"], "input": {} });
            (empty, json!({ "type": "input_json_delta", "partial_json": input }))
        }
    };
    [
        json!({ "type": "message_start", "message": message }),
        json!({ "type": "content_block_start", "index": 0, "content_block": empty }),
        json!({ "type": "content_block_delta", "index": 0, "delta": delta }),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "message_delta", "delta": end, "usage": { "output_tokens": 1 } }),
        json!({ "type": "message_stop" }),
    ]
    .iter()
    .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default()))
    .collect()
}

fn json_answer(value: &Value) -> Answer {
    Answer::new(200, value.to_string()).header("Content-Type", "application/json")
}
