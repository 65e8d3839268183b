//! What an installer says: its log keeps no secret and nothing that steers a terminal, in whatever pieces it comes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plugdeps::failure::classify;
use plugdeps::log::Log;
use plugdeps::output::harmless;
use plugdeps_fuzz::{Disk, is_harmless, keeps_secret, planted};
use std::cell::RefCell;

thread_local!(static DISK: RefCell<Disk> = RefCell::default());

fuzz_target!(|data: &[u8]| {
    let Some(data) = planted(data) else { return };
    let Some((size, words)) = data.split_first() else { return };
    DISK.with_borrow_mut(|disk| {
        let logs = disk.data().join("logs");
        let _ = std::fs::remove_dir_all(&logs);
        let mut log = Log::create(&logs, false).expect("a log can be made");
        words.chunks(usize::from(*size).max(1)).for_each(|piece| log.feed(piece));
        classify(log.tail());
        let text = std::fs::read_to_string(log.path()).expect("it is UTF-8 text");
        keeps_secret(&text);
        is_harmless(&text);
        is_harmless(&harmless(&String::from_utf8_lossy(words)));
    });
});
