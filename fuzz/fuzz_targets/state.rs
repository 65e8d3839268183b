//! Everything that is read from the data directory, one file each: it is used or absent, `--check` says so without
//! steering a terminal, and nothing leads out of the data.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plugdeps::check;
use plugdeps::news::News;
use plugdeps::output::harmless;
use plugdeps::page::{Paint, render};
use plugdeps::plugin::Plugin;
use plugdeps::progress;
use plugdeps::proof::Key;
use plugdeps::store::Store;
use plugdeps::work::Work;
use plugdeps_fuzz::{Disk, is_harmless};
use std::cell::RefCell;

/// The server's key is that of the command `x`, which [`Key::new`] makes.
const FILES: [&str; 8] = [
    "profile.json",
    "g-a/receipt.json",
    "g-a/inputs.json",
    "failure.json",
    "builder.json",
    "news/fell-back.json",
    "servers/g-a/KEY.json",
    "servers/g-a/KEY.failed.json",
];

thread_local!(static DISK: RefCell<Option<(Disk, Plugin)>> = RefCell::default());

fuzz_target!(|data: &[u8]| {
    DISK.with_borrow_mut(|disk| {
        let (disk, plugin) = disk.get_or_insert_with(prepared);
        let key = Key::new(&["x".into()], &plugin.place).snapshot_of().key;
        let store = Store::new(&disk.data(), "main");
        // A null byte is in no JSON text, so it parts the files; of a profile and a receipt `@` is the true directory.
        let data = data.split(|byte| *byte == b'@').collect::<Vec<_>>().join(disk.data().to_string_lossy().as_bytes());
        let mut parts = data.split(|byte| *byte == 0);
        for name in FILES {
            disk.set(store.directory().join(name.replace("KEY", &key)), parts.next());
        }
        look(plugin, &store);
    });
});

fn prepared() -> (Disk, Plugin) {
    let mut disk = Disk::default();
    // An interpreter that is not there, so that none is started.
    disk.set(disk.root().join("plugdeps.toml"), Some(b"python = '/nowhere/python3'\n"));
    disk.set(disk.root().join("requirements.txt"), Some(b"alpha\n"));
    for name in ["news", "servers/g-a"] {
        std::fs::create_dir_all(disk.data().join("plugdeps/main").join(name)).expect("a directory can be made");
    }
    let plugin = disk.plugin().expect("the plugin is good");
    (disk, plugin)
}

fn look(plugin: &Plugin, store: &Store) {
    for sealed in store.sealed() {
        assert_eq!(sealed.generation.directory().parent(), Some(store.directory()));
    }
    is_harmless(&render(&check::look(plugin), Paint(false)));
    if let Some(failure) = store.failure() {
        is_harmless(&harmless(&failure.to_error().to_string()));
    }
    let work = Work::new(plugin, &plugin.environments[0]).expect("the manifest is good");
    let key = Key::new(&["x".into()], &plugin.place);
    let _ = (work.decide(), work.last_good(), progress::doing(store));
    for sealed in store.sealed() {
        let _ = (work.is_settled(&sealed), key.snapshot(&sealed.generation), key.failed(&sealed.generation));
    }
    let _ = (News::look(store), plugdeps::provision::at_hand(&work));
}
