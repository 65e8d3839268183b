//! `requirements.txt` and what it includes, three files in one input: no secret is told, nothing outside is read, and
//! what an installer is handed includes the same files again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plugdeps::backend::{Need, handover};
use plugdeps::config::Settings;
use plugdeps::fingerprint::Identity;
use plugdeps::generation::{BaseInterpreter, Generation};
use plugdeps::manifest::{self, Manifest};
use plugdeps::project::Project;
use plugdeps::requirements::{Closure, read_closure};
use plugdeps_fuzz::{Disk, error_keeps_secret, keeps_secret, planted};
use std::cell::RefCell;

const FILES: [&str; 3] = ["requirements.txt", "a.txt", "sub/b.txt"];

thread_local!(static DISK: RefCell<Disk> = RefCell::default());

fuzz_target!(|data: &[u8]| {
    let Some(data) = planted(data) else { return };
    let mut parts = data.splitn(FILES.len(), |byte| *byte == 0);
    DISK.with_borrow_mut(|disk| {
        for name in FILES {
            let path = disk.root().join(name);
            disk.set(path, parts.next());
        }
        read(disk);
    });
});

fn read(disk: &Disk) {
    let root = disk.root();
    let project = Project::look(&root, "").expect("there is no pyproject.toml");
    match manifest::read(&root, "", &Settings::default(), project) {
        Ok(manifest) => shown(disk, &manifest.expect("there is a requirements.txt")),
        Err(error) => error_keeps_secret(&error),
    }
}

fn shown(disk: &Disk, manifest: &Manifest) {
    let labels = labels(manifest.sources());
    assert!(labels.iter().all(|label| FILES.contains(label)), "{labels:?}");
    assert_eq!(manifest.request().parts.len(), labels.len());
    let facts = manifest.facts();
    let lists = [manifest.items(), facts.local, facts.unhashed, facts.unpinned, facts.extra_indexes];
    lists.iter().flatten().for_each(|item| keeps_secret(&item.text));
    handover::remarks(&disk.root(), manifest).iter().for_each(|remark| keeps_secret(remark));
    handed_over(disk, manifest, &labels);
}

/// The copies that an installer gets lead to the same files.
fn handed_over(disk: &Disk, manifest: &Manifest, labels: &[&str]) {
    let text = String::new;
    let identity = Identity { implementation: text(), version: text(), abi: text(), platform: text() };
    let interpreter = BaseInterpreter { path: "/nowhere".into(), full_version: text(), identity };
    let need = Need {
        root: &disk.root(),
        environment: "main",
        manifest,
        installer: Default::default(),
        interpreter: &interpreter,
        tools: disk.data(),
    };
    let generation = Generation::at(disk.data().join("plugdeps/main/g-a"));
    let tops = match handover::write(&need, &generation) {
        Ok(tops) => tops,
        Err(error) => return error_keeps_secret(&error),
    };
    let directory = tops[0].parent().expect("it is in a directory");
    let first = std::fs::read(&tops[0]).expect("it was written");
    let again = read_closure(directory, labels[0], first).expect("it can be read again");
    let Closure { sources } = &again;
    assert_eq!(labels, self::labels(sources).as_slice());
}

fn labels(sources: &[plugdeps::requirements::Source]) -> Vec<&str> {
    sources.iter().map(|source| source.label.as_str()).collect()
}
