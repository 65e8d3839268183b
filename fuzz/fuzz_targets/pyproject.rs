//! `pyproject.toml`: no secret is told, what counts is the same for the same bytes, and a chosen extra or group ends.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plugdeps::pyproject::Pyproject;
use plugdeps::version::{Specifiers, Version};
use plugdeps_fuzz::{error_keeps_secret, keeps_secret, planted};

fuzz_target!(|data: &[u8]| {
    let Some(data) = planted(data) else { return };
    let project = match Pyproject::parse("pyproject.toml", &data) {
        Ok(project) => project,
        Err(error) => return error_keeps_secret(&error),
    };
    assert_eq!(project.text(), data);
    let chosen = ["a".to_owned(), "b".to_owned()];
    for (extras, groups) in [(&chosen[..0], &chosen[..0]), (&chosen[..1], &chosen[1..]), (&chosen[..], &chosen[..])] {
        choose(&project, extras, groups);
    }
    let _ = (project.dynamic_dependencies(), project.needs_its_place(), project.source_paths());
    if let Some(Ok(wanted)) = project.requires_python().map(Specifiers::parse) {
        assert!(Specifiers::parse(&wanted.to_string()).is_ok(), "{wanted}");
        let _ = Version::parse("3.12.1rc2").map(|version| wanted.admits(&version));
    }
});

fn choose(project: &Pyproject, extras: &[String], groups: &[String]) {
    match project.requirements(extras, groups) {
        Ok(items) => {
            items.iter().for_each(|item| keeps_secret(&item.text));
            let lines = project.requirement_lines(extras, groups).expect("as many as are shown");
            assert_eq!(lines.len(), items.len());
            assert!(lines.iter().all(|line| !line.contains(['\n', '\r'])), "{lines:?}");
        }
        Err(error) => error_keeps_secret(&error),
    }
    match (project.relevant(extras, groups), project.relevant(extras, groups)) {
        (Ok(one), Ok(other)) => assert_eq!(one, other),
        (Err(error), _) | (_, Err(error)) => error_keeps_secret(&error),
    }
}
