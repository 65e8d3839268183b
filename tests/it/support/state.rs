//! What the data directory says, read from its files without the product's own code; and what may befall it.

use super::{Cmd, Plugin, node};
use rustix::fs::{FlockOperation, flock};
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The generations that the profile names.
#[track_caller]
pub fn named(plugin: &Plugin) -> Vec<PathBuf> {
    let profile = plugin.profile();
    if profile.is_empty() {
        return Vec::new();
    }
    let profile: Value = serde_json::from_slice(&profile).expect("the profile is torn");
    let generations = profile["generations"].as_array().expect("the profile lists generations");
    generations.iter().map(|entry| plugin.state().join(entry["generation"].as_str().unwrap())).collect()
}

/// Whether a generation is sealed and has its package.
pub fn is_whole(generation: &Path) -> bool {
    let sealed = ["receipt.json", "inputs.json"].iter().all(|name| json(&generation.join(name)).is_some());
    let has_package = match site_packages(generation) {
        Some(site) => has_all_that_it_lists(&site) && has_python(&generation.join("env")),
        None => has_package_for_node(&generation.join("env")),
    };
    sealed && has_package
}

fn has_python(prefix: &Path) -> bool {
    prefix.join("bin/python").is_symlink() || prefix.join("Scripts/python.exe").is_file()
}

fn json(path: &Path) -> Option<Value> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Whether `alpha` is there as [`super::NpmPackage`] made it, and nothing of what the manager was shown.
fn has_package_for_node(prefix: &Path) -> bool {
    let alpha = prefix.join("node_modules/alpha");
    let Some(manifest) = json(&alpha.join("package.json")) else { return false };
    let payload = fs::metadata(alpha.join("payload.bin")).ok().map(|file| file.len());
    let exports = fs::read_to_string(alpha.join("index.js")).unwrap_or_default();
    let shown = ["package.json", "package-lock.json", ".npmrc"].map(|name| prefix.join(name).exists());
    payload == manifest["payload"].as_u64() && exports.contains("alpha") && shown == [false; 3]
}

/// Whether every file is there that a package lists, as large as it says.
fn has_all_that_it_lists(site: &Path) -> bool {
    let entries = walkdir::WalkDir::new(site).into_iter().flatten();
    let record = entries.filter(|entry| entry.file_name() == "RECORD").find_map(|entry| {
        // It may go while we look.
        fs::read_to_string(entry.path()).ok()
    });
    let is_there = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let size = fs::metadata(site.join(fields[0])).ok().map(|file| file.len());
        size.is_some_and(|size| fields.get(2).and_then(|said| said.parse().ok()).unwrap_or(size) == size)
    };
    record.is_some_and(|record| !record.is_empty() && record.lines().all(is_there))
}

fn site_packages(generation: &Path) -> Option<PathBuf> {
    let on_windows = generation.join("env/Lib/site-packages");
    if on_windows.is_dir() {
        return Some(on_windows);
    }
    let versions = fs::read_dir(generation.join("env/lib")).ok()?.flatten();
    versions.map(|version| version.path().join("site-packages")).find(|path| path.is_dir())
}

/// The module `alpha` of a generation, which says what it is.
pub fn alpha_of(generation: &Path) -> String {
    let for_python = site_packages(generation).map(|site| site.join("alpha.py"));
    let module = for_python.unwrap_or_else(|| generation.join("env/node_modules/alpha/index.js"));
    fs::read_to_string(module).unwrap_or_default()
}

/// The share of a lease that a server holds.
#[track_caller]
pub fn live_in(generation: &Path) -> File {
    let file = File::open(generation.join("lease")).unwrap();
    flock(&file, FlockOperation::NonBlockingLockShared).unwrap();
    file
}

/// Copies a tree as a person would who moves house.
#[track_caller]
pub fn copy(from: &Path, to: &Path) {
    Cmd::new("cp").arg("-a").args([from, to]).run().ok();
}

/// An installation of Python with a program of its own and the library of another one.
#[track_caller]
pub fn private_python(of: &Path, at: &Path) {
    let _ = fs::remove_dir_all(at);
    fs::create_dir_all(at.join("bin")).unwrap();
    let prefix = Command::new(of).args(["-c", "import sys; print(sys.base_prefix)"]).output().unwrap().stdout;
    let prefix = PathBuf::from(String::from_utf8(prefix).unwrap().trim());
    std::os::unix::fs::symlink(prefix.join("lib"), at.join("lib")).unwrap();
    // By `cp`, so that no thread of this process has the program open for writing when it is started.
    Cmd::new("cp").arg(fs::canonicalize(of).unwrap()).arg(at.join("bin/python3")).run().ok();
}

/// An installation of Node with a program of its own and the npm of this machine.
#[track_caller]
pub fn private_node(at: &Path) {
    for directory in ["bin", "lib"] {
        fs::create_dir_all(at.join(directory)).unwrap();
    }
    std::os::unix::fs::symlink(node::of_the_machine(), at.join("lib/node_modules")).unwrap();
    let own = fs::canonicalize(node::program().unwrap()).unwrap();
    Cmd::new("cp").arg(own).arg(at.join("bin/node")).run().ok();
}

/// Compiles a library that takes the place of functions of the C library, to be named by `LD_PRELOAD`.
#[track_caller]
pub fn preload(plugin: &Plugin, name: &str, source: &str) -> PathBuf {
    let file = plugin.temp().join(name).with_extension("c");
    let library = file.with_extension("so");
    fs::write(&file, source).unwrap();
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &file]).arg("-ldl").status();
    assert!(built.expect("install a C compiler: `cc` is what Rust links with").success());
    library
}

/// Adds as many seconds to the time of day as the file says that `CLOCK_FILE` names, each time it is asked.
pub const CLOCK: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t id, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, at);
    const char *path = getenv("CLOCK_FILE");
    int file = id == CLOCK_REALTIME && path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file >= 0) {
        char text[32] = "";
        if (read(file, text, sizeof text - 1) > 0) at->tv_sec += atol(text);
        close(file);
    }
    return result;
}
"#;
