//! `.mcp.json`, `plugin.json`, the hooks and a script for a shell, four files in one input: an environment has a name that
//! is safe as a directory's and nobody else's, and the rules of `lint` come to an end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plugdeps_fuzz::{Disk, error_keeps_secret};
use std::cell::RefCell;
use std::collections::BTreeSet;

thread_local!(static DISK: RefCell<Disk> = RefCell::default());

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(4, |byte| *byte == 0);
    DISK.with_borrow_mut(|disk| {
        let root = disk.root();
        disk.set(root.join("requirements.txt"), Some(b"a\n"));
        disk.set(root.join("sub/requirements.txt"), Some(b"a\n"));
        disk.set(root.join(".mcp.json"), parts.next());
        disk.set(root.join(".claude-plugin/plugin.json"), parts.next());
        disk.set(root.join("hooks/hooks.json"), parts.next());
        disk.set(root.join("s.sh"), parts.next());
        let plugin = match disk.plugin() {
            Ok(plugin) => plugin,
            Err(error) => return error_keeps_secret(&error),
        };
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let names: BTreeSet<&String> = plugin.environments.iter().map(|environment| &environment.name).collect();
        assert!(names.iter().all(|name| !name.is_empty() && name.chars().all(fits)), "{names:?}");
        assert_eq!(names.len(), plugin.environments.len());
        plugdeps::lint::rules_found(&root).expect("the plugin was read a moment ago");
    });
});
