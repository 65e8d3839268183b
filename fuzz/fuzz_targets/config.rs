//! `plugdeps.toml`: a name is safe as a directory's and a path stays in the plugin, or it is refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plugdeps::config::{Config, Settings};
use plugdeps_fuzz::{error_keeps_secret, planted};
use std::path::{Component, Path};

fuzz_target!(|data: &[u8]| {
    let Some(data) = planted(data) else { return };
    match Config::read(Some(&data), None) {
        Ok(config) => {
            stays_inside(&config.main);
            for (name, settings) in &config.environments {
                assert!(is_one_plain_name(name), "{name:?}");
                stays_inside(settings);
            }
            assert!((1..=86_400).contains(&config.wait) && (1..=86_400).contains(&config.deadline));
        }
        Err(error) => error_keeps_secret(&error),
    }
});

fn is_one_plain_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) && !name.contains('/')
}

fn stays_inside(settings: &Settings) {
    for path in [&settings.directory, &settings.manifest].into_iter().flatten() {
        let plain = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        assert!(Path::new(path).components().all(plain), "{path:?}");
    }
}
