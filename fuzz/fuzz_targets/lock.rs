//! `pylock.toml`, or `uv.lock` beside a `pyproject.toml`, two files in one input: what is shown keeps the secret.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plugdeps::config::Settings;
use plugdeps::manifest;
use plugdeps::project::Project;
use plugdeps_fuzz::{Disk, error_keeps_secret, keeps_secret, planted};
use std::cell::RefCell;

thread_local!(static DISK: RefCell<Disk> = RefCell::default());

fuzz_target!(|data: &[u8]| {
    let Some(data) = planted(data) else { return };
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let (lock, project) = (parts.next(), parts.next());
    let of_uv = project.is_some();
    DISK.with_borrow_mut(|disk| {
        let root = disk.root();
        disk.set(root.join("pylock.toml"), lock.filter(|_| !of_uv));
        disk.set(root.join("uv.lock"), lock.filter(|_| of_uv));
        disk.set(root.join("pyproject.toml"), project);
        let project = Project::look(&root, "").expect("it can be read");
        match manifest::read(&root, "", &Settings::default(), project) {
            Ok(manifest) => {
                let manifest = manifest.expect("there is a lock");
                manifest.items().iter().for_each(|item| keeps_secret(&item.text));
                assert_eq!(manifest.request().digest(), manifest.request().digest());
            }
            Err(error) => error_keeps_secret(&error),
        }
    });
});
