//! Builds tiny packages, so that tests choose what an installation meets.

use super::encode::{base64_url, sha256};
use super::random::noise;
use super::tools;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A pure Python wheel in the making.
#[derive(Clone)]
pub struct Wheel {
    name: String,
    version: String,
    tag: String,
    requires: Vec<String>,
    python: Option<String>,
    scripts: Vec<(String, String)>,
    files: Vec<(String, Vec<u8>)>,
}

impl Wheel {
    /// A wheel without any content.
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            tag: "py3-none-any".into(),
            requires: Vec::new(),
            python: None,
            scripts: Vec::new(),
            files: Vec::new(),
        }
    }

    /// A wheel with one module of the package's name, whose `VALUE` is `NAME VERSION`.
    pub fn simple(name: &str, version: &str) -> Self {
        Self::new(name, version).module(&format!("{name}.py"), &format!("VALUE = {:?}\n", format!("{name} {version}")))
    }

    /// As [`Self::simple`], and its import prints to stdout and stderr, where the protocol is.
    pub fn noisy(name: &str, version: &str) -> Self {
        let noise = "import sys\nprint('noise on stdout', flush=True)\nprint('noise on stderr', file=sys.stderr)\n";
        Self::new(name, version).module(&format!("{name}.py"), &format!("{noise}VALUE = '{name} {version}'\n"))
    }

    /// Adds or replaces a file, by its path below `site-packages`.
    pub fn module(mut self, path: &str, text: &str) -> Self {
        self.files.retain(|(present, _)| present != path);
        self.files.push((path.into(), text.into()));
        self
    }

    /// Adds `size` bytes that do not compress, for downloads that take their time.
    pub fn payload(mut self, size: usize) -> Self {
        self.files.push((format!("{}_payload.bin", self.name), noise(size)));
        self
    }

    /// Adds a `Requires-Dist`.
    pub fn requires(mut self, requirement: &str) -> Self {
        self.requires.push(requirement.into());
        self
    }

    /// Adds a console script, `target` being `module:function`.
    pub fn console_script(mut self, name: &str, target: &str) -> Self {
        self.scripts.push((name.into(), target.into()));
        self
    }

    /// Sets `Requires-Python`.
    pub fn python(mut self, range: &str) -> Self {
        self.python = Some(range.into());
        self
    }

    /// Sets the compatibility tag instead of `py3-none-any`.
    pub fn tag(mut self, tag: &str) -> Self {
        self.tag = tag.into();
        self
    }

    /// Writes the wheel into `directory`; by a rename, since an index may be serving it.
    pub fn write(&self, directory: &Path) -> PathBuf {
        fs::create_dir_all(directory).unwrap();
        let path = directory.join(format!("{}-{}.whl", self.stem(), self.tag));
        let staged = directory.join(format!(".{}.part", self.stem()));
        fs::write(&staged, self.archive()).unwrap();
        fs::rename(&staged, &path).unwrap();
        path
    }

    /// Writes the wheel and returns its line for a requirements file with hashes.
    pub fn write_hashed(&self, directory: &Path) -> String {
        format!("{}=={} --hash=sha256:{}\n", self.name, self.version, sha256(&self.write(directory)))
    }

    fn stem(&self) -> String {
        format!("{}-{}", self.name.replace(['-', '.'], "_"), self.version)
    }

    fn archive(&self) -> Vec<u8> {
        let mut files = self.files.clone();
        let info = format!("{}.dist-info", self.stem());
        files.push((format!("{info}/METADATA"), self.metadata().into()));
        files.push((format!("{info}/WHEEL"), self.wheel_file().into()));
        if !self.scripts.is_empty() {
            files.push((format!("{info}/entry_points.txt"), self.entry_points().into()));
        }
        let record = format!("{info}/RECORD");
        files.push((record.clone(), record_of(&files, &record).into()));
        zip_of(&files)
    }

    fn metadata(&self) -> String {
        let mut text = format!("Metadata-Version: 2.1\nName: {}\nVersion: {}\n", self.name, self.version);
        self.python.iter().for_each(|range| writeln!(text, "Requires-Python: {range}").unwrap());
        self.requires.iter().for_each(|needed| writeln!(text, "Requires-Dist: {needed}").unwrap());
        text
    }

    fn wheel_file(&self) -> String {
        format!("Wheel-Version: 1.0\nGenerator: plugdeps-tests\nRoot-Is-Purelib: true\nTag: {}\n", self.tag)
    }

    fn entry_points(&self) -> String {
        let lines: String = self.scripts.iter().map(|(name, target)| format!("{name} = {target}\n")).collect();
        format!("[console_scripts]\n{lines}")
    }
}

/// The list of files with hash and size; its own line has neither.
fn record_of(files: &[(String, Vec<u8>)], record: &str) -> String {
    let line = |(path, bytes): &(String, Vec<u8>)| {
        format!("{path},sha256={},{}\n", base64_url(&Sha256::digest(bytes)), bytes.len())
    };
    files.iter().map(line).collect::<String>() + record + ",,\n"
}

/// A zip with a fixed date in it, so that equal content has an equal hash.
fn zip_of(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().last_modified_time(zip::DateTime::default()).unix_permissions(0o644);
    for (path, bytes) in files {
        archive.start_file(path, options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

const BROKEN: &str = "import sys\nsys.exit('error: the compiler of this test is missing')\n";
/// A backend that prints where a protocol may be, at its import and while it builds a wheel of one module.
const NOISY: &str = r#"
import os, sys, zipfile

def noise():
    print("noise on stdout", flush=True)
    os.write(1, b'{"noise": "as json"}\n')
    print("noise on stderr", file=sys.stderr, flush=True)

noise()

def build_wheel(directory, config_settings=None, metadata_directory=None):
    noise()
    fields = dict(line.split(": ", 1) for line in open("PKG-INFO").read().splitlines())
    name, version = fields["Name"], fields["Version"]
    files = {
        f"{name}.py": f"VALUE = '{name} {version}'\n",
        f"{name}-{version}.dist-info/METADATA": open("PKG-INFO").read(),
        f"{name}-{version}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{name}-{version}.dist-info/RECORD"] = "".join(f"{path},,\n" for path in files)
    wheel = f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, wheel), "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return wheel
"#;
const PYPROJECT: &str = "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n";
/// Packs a directory as a source distribution; std has neither tar nor gzip.
const PACK: &str = "import sys, tarfile\n\
    with tarfile.open(sys.argv[2], 'w:gz') as archive: archive.add(sys.argv[1], sys.argv[3])\n";

/// Writes a source distribution whose build fails in its own backend, needing nothing from any index.
pub fn broken_sdist(name: &str, version: &str, directory: &Path) -> PathBuf {
    sdist(name, version, BROKEN, directory)
}

/// Writes a source distribution whose build succeeds and prints to stdout and stderr, needing nothing from any index.
pub fn noisy_sdist(name: &str, version: &str, directory: &Path) -> PathBuf {
    sdist(name, version, NOISY, directory)
}

/// Writes a source distribution whose build, in Python, is this.
pub fn sdist(name: &str, version: &str, backend: &str, directory: &Path) -> PathBuf {
    pack(name, version, &[("backend.py", backend), ("pyproject.toml", PYPROJECT)], directory)
}

/// The same, for whose build another package is installed first.
pub fn noisy_sdist_built_with(other: &str, name: &str, version: &str, directory: &Path) -> PathBuf {
    let pyproject = PYPROJECT.replace("requires = []", &format!("requires = [{other:?}]"));
    pack(name, version, &[("backend.py", NOISY), ("pyproject.toml", &pyproject)], directory)
}

/// Writes a source distribution with an extension in C, that setuptools builds with these libraries of the system.
pub fn c_sdist(name: &str, version: &str, source: &str, libraries: &str, directory: &Path) -> PathBuf {
    let setup = format!(
        "from setuptools import Extension, setup\n\
         setup(name='{name}', version='{version}', ext_modules=[Extension('{name}', ['x.c'], libraries=[{libraries}])])\n"
    );
    let project = "[build-system]\nrequires = ['setuptools', 'wheel']\nbuild-backend = 'setuptools.build_meta'\n";
    pack(name, version, &[("setup.py", &setup), ("x.c", source), ("pyproject.toml", project)], directory)
}

fn pack(name: &str, version: &str, files: &[(&str, &str)], directory: &Path) -> PathBuf {
    let stem = format!("{name}-{version}");
    let source = tempfile::tempdir().unwrap();
    let info = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
    for (file, text) in files.iter().chain(&[("PKG-INFO", info.as_str())]) {
        fs::write(source.path().join(file), text).unwrap();
    }
    fs::create_dir_all(directory).unwrap();
    let path = directory.join(format!("{stem}.tar.gz"));
    let status = Command::new(tools::python()).args(["-c", PACK]).arg(source.path()).arg(&path).arg(stem).status();
    assert!(status.is_ok_and(|status| status.success()), "could not pack `{}`", path.display());
    path
}
