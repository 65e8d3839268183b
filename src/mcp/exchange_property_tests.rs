//! Any order of what the client says, the build's end and what the server says gives the client the answers of a
//! server that was there from the start.

use super::super::super::lists::OWN_ID;
use super::*;
use proptest::prelude::*;

/// What a client may say after its greeting.
fn words() -> impl Strategy<Value = Vec<Value>> {
    let one = prop_oneof![
        Just(("tools/list", json!({}))),
        "[a-z]{1,8}".prop_map(|name| ("tools/call", json!({ "name": name, "arguments": {} }))),
        Just(("ping", json!({}))),
        Just(("prompts/get", json!({ "name": "x" }))),
        Just(("server/discover", json!({}))),
        Just(("notifications/roots/list_changed", json!({}))),
        (1..12_usize).prop_map(|id| ("notifications/cancelled", json!({ "requestId": id }))),
        Just(("batch", json!({ "name": "of several" }))),
    ];
    prop::collection::vec(one, 0..12).prop_map(|calls| {
        let say = |(number, (method, params)): (usize, (&str, Value))| match method {
            "batch" => json!([request(number + 1, "tools/call", params), request(number + 101, "ping", json!({}))]),
            _ if method.starts_with("notifications/") => notification(method, params),
            _ => request(number + 1, method, params),
        };
        calls.into_iter().enumerate().map(say).collect()
    })
}

/// In what order things happen: 0 the client says the next thing, 1 the server does, 2 to 4 time passes, 5 the
/// installation fails, 6 the server ends before it has answered.
fn order() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![20 => 0..5_u8, 1 => Just(5), 1 => Just(6)], 0..60)
}

/// Whom the client no longer waits for, or whom it was told that the installation failed.
fn is_let_off(answer: &Value, play: &Play, found: &[&Value]) -> bool {
    let called_off = play.said.iter().any(|message| message["params"]["requestId"] == answer["id"]);
    let refused = |one: &Value| one["result"]["isError"] == true || one["error"]["message"] == "no way";
    (called_off && found.is_empty()) || (is_refusable(answer, play) && found.len() == 1 && refused(found[0]))
}

/// Whether a request, or the answer to one, was there when there could be no server.
fn is_refusable(message: &Value, play: &Play) -> bool {
    let same = |other: &Value| !message["id"].is_null() && other["id"] == message["id"];
    play.refusable
        .iter()
        .any(|other| other == message || same(other) || other.as_array().is_some_and(|all| all.iter().any(same)))
}

proptest! {
    #[test]
    fn the_client_gets_the_answers_of_a_server_that_was_there_from_the_start(
        words in words(),
        order in order(),
        comes in 0..60_usize,
        known in prop_oneof![Just(None), Just(Some(&["a", "b"][..])), Just(Some(&["old"][..]))],
    ) {
        let real = ["a", "b"];
        let mut direct = Server::new(&real);
        let all: Vec<Value> = greeting().into_iter().chain(words).collect();
        all.iter().for_each(|message| direct.hear(message.clone()));

        let mut play = Play::new(known.map(snapshot_of));
        play.asks_first = true;
        let mut left: VecDeque<&Value> = all.iter().collect();
        for (step, what) in order.iter().enumerate() {
            if step >= comes && play.server.is_none() {
                play.server_comes(&real);
            }
            match what {
                0 => drop(play.client_goes_on(&mut left)),
                1 => drop(play.server_says()),
                5 if play.server.is_none() => play.fail(),
                6 => play.server_goes(),
                5 => {}
                seconds => play.time_passes(u64::from(*seconds) * 5),
            }
        }
        if play.server.is_none() {
            play.server_comes(&real);
        }
        while play.client_goes_on(&mut left) || play.server_says() {}

        // Each request has one answer: the server's, or one that is made good.
        let mut stale = false;
        let again = request(99, "tools/list", json!({}));
        for answer in answers(direct.says.make_contiguous()) {
            let answers = play.answers_to(&answer["id"]);
            if is_let_off(answer, &play, &answers) {
                continue;
            }
            prop_assert_eq!(answers.len(), 1, "{} of {:?}", answer["id"].clone(), play.seen);
            if answer["result"].get("tools").is_some() {
                stale = answers[0] != answer;
            } else if answer["id"] != 0 {
                prop_assert_eq!(answers[0], answer);
            }
        }
        // A list that is not the server's is called off, again and again, until it is asked for again.
        if stale {
            let before = play.told("notifications/tools/list_changed");
            prop_assert!(before > 0);
            play.time_passes(1);
            prop_assert!(play.told("notifications/tools/list_changed") > before);
            play.client_says(&again);
            while play.server_says() {}
            prop_assert_eq!(&play.answers_to(&json!(99))[0]["result"]["tools"], &tools(&real));
            let before = play.told("notifications/tools/list_changed");
            play.time_passes(2);
            prop_assert_eq!(play.told("notifications/tools/list_changed"), before);
        }

        // What the server says by itself arrives as it was said, in its order, and is answered.
        let server = play.server.as_ref().unwrap();
        let by_itself = |message: &&Value| ["roots/list", "notifications/message"].iter().any(|m| message["method"] == *m);
        let meant = direct.says.iter().filter(by_itself).filter(|message| play.seen.contains(message));
        prop_assert!(play.seen.iter().filter(by_itself).eq(meant), "{:?}", play.seen);
        for question in play.seen.iter().filter(|message| message.get("id").is_some() && message.get("method").is_some()) {
            prop_assert!(answers(&server.heard).any(|reply| reply["id"] == question["id"]), "{}", question);
        }

        // The server heard what the client said, in its order, and besides only what we answered or asked ourselves.
        let is_own = |message: &Value| message["id"].as_str().is_some_and(|id| id.starts_with(OWN_ID));
        let is_reply = |message: &Value| message.get("result").is_some();
        let heard: Vec<&Value> = server.heard.iter().filter(|message| !is_own(message) && !is_reply(message)).collect();
        let mut said = all.iter().chain([&again]);
        prop_assert!(heard.iter().all(|message| said.any(|other| other == *message)), "{:?}", heard);
        let called_off = |message: &Value| all.iter().any(|other| other["params"]["requestId"] == message["id"]);
        for message in &all {
            let lost = !heard.contains(&message);
            let ours = ["ping", "server/discover", "tools/list", "notifications/cancelled"];
            let ours = message["method"].as_str().is_some_and(|method| ours.contains(&method));
            let excused = ours || called_off(message) || is_refusable(message, &play);
            prop_assert!(!lost || excused, "the server never heard {}", message);
        }
        let own = server.heard.iter().filter(|message| is_own(message));
        prop_assert!(own.count() <= 1);
    }
}
