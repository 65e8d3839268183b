//! A script: no secret of its block is told, the block is the same in a copy that has nothing else, and it is read as
//! the project that it amounts to.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plugdeps::pyproject::Pyproject;
use plugdeps::script_block::{find, script_of};
use plugdeps_fuzz::{error_keeps_secret, keeps_secret, planted};

fuzz_target!(|data: &[u8]| {
    let Some(data) = planted(data) else { return };
    let block = match find("server.py", &data) {
        Ok(Some(block)) => block,
        Ok(None) => return,
        Err(error) => return error_keeps_secret(&error),
    };
    let project = match Pyproject::of_script("server.py", &block) {
        Ok((project, _)) => project,
        Err(error) => return error_keeps_secret(&error),
    };
    assert_eq!(project.as_script(), script_of(&block.toml));
    let copy = find("server.py", &project.as_script()).expect("a block").expect("the same block");
    assert_eq!(copy.toml, block.toml);
    let (same, _) = Pyproject::of_script("server.py", &copy).expect("the same project");
    assert_eq!(same.relevant(&[], &[]).ok(), project.relevant(&[], &[]).ok());
    assert_eq!(same.requires_python(), project.requires_python());
    for item in project.requirements(&[], &[]).expect("no extra is asked for") {
        keeps_secret(&item.text);
        assert!(data.split(|&byte| byte == b'\n').count() >= item.line, "{item:?}");
    }
});
