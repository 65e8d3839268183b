//! A registry of npm on 127.0.0.1 that misbehaves as it is told to, and the tiny packages that it serves.

use super::encode::base64;
use super::faults::{Behaviour, Faulty, Shelf};
use super::http::{Answer, Request};
use super::tools;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha512};
use std::collections::BTreeMap;
use std::fs;
use std::ops::Deref;
use std::process::Command;
use std::sync::{Arc, Mutex};

/// Asked for by clients that want no more than they need.
const ABBREVIATED: &str = "application/vnd.npm.install-v1+json";
/// What of a manifest is in such a page.
const NEEDED: [&str; 14] = [
    "name",
    "version",
    "bin",
    "cpu",
    "dependencies",
    "deprecated",
    "dist",
    "engines",
    "hasInstallScript",
    "libc",
    "optionalDependencies",
    "os",
    "peerDependencies",
    "peerDependenciesMeta",
];
/// Some managers refuse what is younger than a day.
const PUBLISHED: &str = "2020-01-01T00:00:00.000Z";
/// Packs a directory as npm does and prints the SHA-1; std has neither tar nor gzip.
const PACK: &str = "import hashlib, sys, tarfile\n\
    with tarfile.open(sys.argv[2], 'w:gz') as archive: archive.add(sys.argv[1], 'package')\n\
    print(hashlib.sha1(open(sys.argv[2], 'rb').read()).hexdigest())\n";

/// A running registry; it stops listening when dropped. How it misbehaves is told to the [`Faulty`] that it is.
pub struct Registry {
    server: Faulty,
    packages: Arc<Packages>,
}

/// By name, the versions in the order in which they were added.
#[derive(Default)]
struct Packages(Mutex<BTreeMap<String, Vec<Packed>>>);

/// A package of npm in the making.
#[derive(Clone)]
pub struct NpmPackage {
    manifest: Map<String, Value>,
    files: BTreeMap<String, Vec<u8>>,
}

#[derive(Clone)]
struct Packed {
    manifest: Map<String, Value>,
    archive: Vec<u8>,
    shasum: String,
}

impl NpmPackage {
    /// A package whose export is `NAME VERSION`.
    pub fn new(name: &str, version: &str) -> Self {
        let manifest = Map::from_iter([("name".to_owned(), json!(name)), ("version".to_owned(), json!(version))]);
        let package = Self { manifest, files: BTreeMap::new() };
        package.file("index.js", &format!("module.exports = {:?}\n", format!("{name} {version}")))
    }

    /// Adds or replaces a file.
    pub fn file(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.to_owned(), text.into());
        self
    }

    /// Sets a field of its `package.json`: `engines`, `os`, `dependencies`, `type` and the like.
    pub fn field(mut self, name: &str, value: Value) -> Self {
        self.manifest.insert(name.to_owned(), value);
        self
    }

    /// Asks for another package.
    pub fn requires(mut self, name: &str, range: &str) -> Self {
        let needed = self.manifest.entry("dependencies").or_insert_with(|| json!({}));
        needed[name] = json!(range);
        self
    }

    /// Adds a command that is this JavaScript.
    pub fn bin(mut self, command: &str, code: &str) -> Self {
        self.manifest.entry("bin").or_insert_with(|| json!({}))[command] = json!(format!("{command}.js"));
        self.file(&format!("{command}.js"), &format!("#!/usr/bin/env node\n{code}"))
    }

    /// Has a shell command run after the installation, where scripts may run.
    pub fn postinstall(self, command: &str) -> Self {
        self.field("scripts", json!({ "postinstall": command })).field("hasInstallScript", json!(true))
    }

    /// Adds `size` bytes that do not compress, for downloads that take their time, and says how many.
    pub fn payload(mut self, size: usize) -> Self {
        self.files.insert("payload.bin".to_owned(), super::random::noise(size));
        self.field("payload", json!(size))
    }

    /// The archive that `npm pack` would make of it.
    pub fn archive(&self) -> Vec<u8> {
        self.pack().archive
    }

    fn pack(&self) -> Packed {
        let place = tempfile::tempdir().unwrap();
        let (source, archive) = (place.path().join("package"), place.path().join("package.tgz"));
        let manifest = serde_json::to_vec_pretty(&self.manifest).unwrap();
        for (path, bytes) in self.files.iter().chain([(&"package.json".to_owned(), &manifest)]) {
            let path = source.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let made = Command::new(tools::python()).args(["-c", PACK]).arg(&source).arg(&archive).output().unwrap();
        assert!(made.status.success(), "could not pack: {}", String::from_utf8_lossy(&made.stderr));
        let shasum = String::from_utf8(made.stdout).unwrap().trim().to_owned();
        Packed { manifest: self.manifest.clone(), archive: fs::read(archive).unwrap(), shasum }
    }
}

impl Registry {
    /// Serves these packages on a free port.
    pub fn of(packages: &[NpmPackage]) -> Self {
        let shelf = Arc::new(Packages::default());
        let registry = Self { server: Faulty::serve(Arc::clone(&shelf)), packages: shelf };
        packages.iter().for_each(|package| registry.add(package));
        registry
    }

    /// `alpha` 1.0.0 and 2.0.0 with the command `alpha-tool`, and `beta` 1.0.0, which asks for `alpha ^1.0.0`.
    pub fn usual() -> Self {
        let alpha = |version| NpmPackage::new("alpha", version).bin("alpha-tool", "console.log('alpha-tool runs')\n");
        Self::of(&[alpha("1.0.0"), alpha("2.0.0"), NpmPackage::new("beta", "1.0.0").requires("alpha", "^1.0.0")])
    }

    /// Adds a version of a package, which becomes the newest one.
    pub fn add(&self, package: &NpmPackage) {
        let packed = package.pack();
        let name = packed.text("name");
        self.packages.0.lock().unwrap().entry(name).or_default().push(packed);
    }

    /// What `npm_config_registry` is set to.
    pub fn url(&self) -> String {
        self.address(None) + "/"
    }

    /// The same with a login in it, `USER:PASS`.
    pub fn url_with_login(&self, login: &str) -> String {
        self.address(Some(login)) + "/"
    }

    /// `//127.0.0.1:PORT/`, which settings with credentials begin with.
    pub fn scope(&self) -> String {
        self.url().replace("http:", "")
    }
}

impl Deref for Registry {
    type Target = Faulty;

    fn deref(&self) -> &Faulty {
        &self.server
    }
}

impl Shelf for Arc<Packages> {
    fn package_of(&self, path: &str) -> Option<String> {
        let (name, _) = path.trim_start_matches('/').split_once("/-/")?;
        Some(plain(name))
    }

    fn answer(&self, request: &Request, behaviour: &Behaviour) -> Answer {
        let missing = || Answer::new(404, json!({ "error": "Not found" }).to_string()).header("Content-Type", JSON);
        let path = request.path.trim_start_matches('/').split('?').next().unwrap_or_default();
        let packages = self.0.lock().unwrap();
        let (name, file) = path.split_once("/-/").unwrap_or((path, ""));
        let Some(versions) = packages.get(&plain(name)) else { return missing() };
        if file.is_empty() {
            return page(versions, request, behaviour.bare);
        }
        match versions.iter().find(|packed| packed.file() == file) {
            Some(packed) => behaviour.file(&plain(name), packed.archive.clone(), request),
            None => missing(),
        }
    }
}

const JSON: &str = "application/json";

/// The name that a path means: the slash in that of a scoped package may be encoded.
fn plain(name: &str) -> String {
    name.replace("%2f", "/").replace("%2F", "/")
}

/// All that is said of a package.
fn page(versions: &[Packed], request: &Request, bare: bool) -> Answer {
    let is_short = request.header("accept").is_some_and(|accepted| accepted.contains(ABBREVIATED));
    let host = request.header("host").unwrap_or_default();
    let told = |packed: &Packed| (packed.text("version"), packed.told(host, is_short, bare));
    let all: Map<String, Value> = versions.iter().map(told).collect();
    let newest = versions.last().map(|packed| packed.text("version"));
    let name = versions.last().map(|packed| packed.text("name"));
    let mut page = json!({ "name": name, "dist-tags": { "latest": newest }, "versions": all, "modified": PUBLISHED });
    if !is_short {
        let times = versions.iter().map(|packed| (packed.text("version"), json!(PUBLISHED)));
        page["time"] = times.chain(["created", "modified"].map(|at| (at.to_owned(), json!(PUBLISHED)))).collect();
    }
    let kind = if is_short { ABBREVIATED } else { JSON };
    // Tests add versions and expect them to be seen at once.
    Answer::new(200, page.to_string()).header("Content-Type", kind).header("Cache-Control", "no-cache")
}

impl Packed {
    fn text(&self, field: &str) -> String {
        self.manifest[field].as_str().unwrap_or_default().to_owned()
    }

    /// The name of its archive, which has no scope.
    fn file(&self) -> String {
        let name = self.text("name");
        format!("{}-{}.tgz", name.rsplit('/').next().unwrap_or_default(), self.text("version"))
    }

    fn told(&self, host: &str, is_short: bool, bare: bool) -> Value {
        let mut told = self.manifest.clone();
        let mut dist = json!({ "tarball": format!("http://{host}/{}/-/{}", self.text("name"), self.file()) });
        if !bare {
            dist["integrity"] = json!(format!("sha512-{}", base64(&Sha512::digest(&self.archive))));
            dist["shasum"] = json!(self.shasum);
        }
        told.insert("dist".to_owned(), dist);
        told.retain(|field, _| !is_short || NEEDED.contains(&field.as_str()));
        Value::Object(told)
    }
}
