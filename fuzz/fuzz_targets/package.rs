//! `package.json`, a lock beside it and what npm leaves in a finished tree, three files in one input whose first byte
//! says whose lock it is: what is shown keeps the secret, and what counts is the same for the same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plugdeps::config::Settings;
use plugdeps::node_lock::unhashed;
use plugdeps::node_manifest;
use plugdeps::node_range::Range;
use plugdeps_fuzz::{Disk, error_keeps_secret, keeps_secret, planted};
use std::cell::RefCell;

thread_local!(static DISK: RefCell<Disk> = RefCell::default());

const LOCKS: [&str; 5] = ["package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock"];

fuzz_target!(|data: &[u8]| {
    let Some(data) = planted(data) else { return };
    let Some((whose, data)) = data.split_first() else { return };
    let mut parts = data.splitn(3, |byte| *byte == 0);
    let (package, lock, finished) = (parts.next(), parts.next(), parts.next());
    let name = LOCKS[usize::from(*whose) % LOCKS.len()];
    DISK.with_borrow_mut(|disk| {
        let root = disk.root();
        std::fs::create_dir_all(root.join("node_modules/a")).expect("a directory in it");
        disk.set(root.join("package.json"), package);
        LOCKS.iter().for_each(|lock_name| disk.set(root.join(lock_name), lock.filter(|_| *lock_name == name)));
        disk.set(root.join("node_modules/.package-lock.json"), finished);
        disk.set(root.join("node_modules/a/package.json"), finished);
        match node_manifest::read(&root, "", &Settings::default()) {
            Ok(Some(manifest)) => {
                manifest.items().iter().for_each(|item| keeps_secret(&item.text));
                manifest.sources().iter().flat_map(unhashed).for_each(|item| keeps_secret(&item.text));
                manifest.notes.iter().for_each(|note| keeps_secret(note));
                assert_eq!(manifest.request().digest(), manifest.request().digest());
                let engine = manifest.package().and_then(|package| package.engine().map(Range::parse));
                engine.into_iter().flatten().for_each(|range| _ = range.admits("22.1.0"));
            }
            Ok(None) => {}
            Err(error) => error_keeps_secret(&error),
        }
    });
});
