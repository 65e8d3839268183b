//! `bundle`: puts the packages themselves into a plugin, so that a first start needs no network.

use crate::backend::{self, Need, Session};
use crate::bundled::{COMMAND, DIRECTORY, list_name, packages_name};
use crate::environments::Environment;
use crate::error::{Error, Kind, Result};
use crate::fs;
use crate::generation::Generation;
use crate::output;
use crate::platform::Platform;
use crate::plugin::Plugin;
use crate::provenance::Provenance;
use crate::relock::refuse_copy;
use crate::runtime::Runtime;
use crate::workbench;
use std::path::Path;

/// Under this name it is made.
const STAGED: &str = ".plugdeps-bundle-";

/// What the packages are to run on.
#[derive(Debug, Default)]
pub struct Targets {
    /// The systems; this one if none is named.
    pub platforms: Vec<Platform>,
    /// The versions of Python; the one that is used here if none is named.
    pub pythons: Vec<String>,
}

/// Makes it for every environment, in the place of the one that is there.
///
/// # Errors
/// A package cannot be had, or the plugin cannot be written; the one that is there stays.
pub fn bundle(plugin: &Plugin, targets: &Targets) -> Result<()> {
    let root = &plugin.place.root;
    refuse_copy(root)?;
    let staged = fs::create_unique_directory(root, STAGED)?;
    let place = root.join(DIRECTORY);
    let made = plugin.environments.iter().try_for_each(|environment| one(plugin, environment, targets, &staged));
    let put = made.and_then(|()| fs::remove_tree(&place)).and_then(|()| fs::rename(&staged, &place));
    put.inspect_err(|_| drop(fs::discard_tree(&staged)))?;
    let megabytes = fs::tree_size(&place) as f64 / 1e6;
    output::note(&format!("`{}` is written, {megabytes:.1} MB: ship it with the plugin", place.display()));
    Ok(())
}

fn one(plugin: &Plugin, environment: &Environment, targets: &Targets, staged: &Path) -> Result<()> {
    let manifest = environment.manifest.as_ref().map_err(Clone::clone)?;
    let runtime = manifest.format.runtime();
    let into = staged.join(packages_name(runtime));
    fs::create_directory(&into)?;
    let fill = |need: &Need<'_>, generation: &Generation, session: &mut Session<'_>| match runtime {
        Runtime::Python => wheels(need, generation, session, targets, &into),
        Runtime::Node => archives(need, generation, session, targets, &into),
    };
    let (list, told) = workbench::with(plugin, environment, manifest, &fill)?;
    let text = Provenance::of(manifest).line(COMMAND) + &list;
    fs::write(&staged.join(list_name(&environment.name)), text.as_bytes())?;
    output::note(&format!("environment {}: {told}", environment.name));
    Ok(())
}

fn wheels(
    need: &Need<'_>,
    generation: &Generation,
    session: &mut Session<'_>,
    targets: &Targets,
    into: &Path,
) -> Result<(String, String)> {
    let (uv, list) = backend::everything::list(need, generation, session)?;
    let text = backend::download::by_version(&list)?;
    let platforms = platforms(need, targets)?;
    let own = [need.interpreter.identity.version.clone()];
    let pythons = if targets.pythons.is_empty() { &own[..] } else { &targets.pythons };
    for platform in &platforms {
        for python in pythons {
            let target = (platform, python.as_str(), into);
            let fetched = backend::download::wheels(&uv, &list, need, generation, session, target);
            fetched.map_err(|error| error.because(format!("fetching for {} with Python {python}", platform.name)))?;
        }
    }
    let wheels = fs::names(into).len();
    Ok((text, format!("{wheels} wheels for {} with Python {}", names(&platforms), pythons.join(", "))))
}

fn archives(
    need: &Need<'_>,
    generation: &Generation,
    session: &mut Session<'_>,
    targets: &Targets,
    into: &Path,
) -> Result<(String, String)> {
    let platforms = platforms(need, targets)?;
    let (lock, count) = backend::pack::archives(need, generation, session, &platforms, into)?;
    Ok((lock, format!("{count} packages for {}", names(&platforms))))
}

fn platforms(need: &Need<'_>, targets: &Targets) -> Result<Vec<Platform>> {
    if !targets.platforms.is_empty() {
        return Ok(targets.platforms.clone());
    }
    let own = &need.interpreter.identity.platform;
    let unknown = || Error::new(Kind::Usage, format!("make a bundle for {own}")).hint("name others with `--platform`");
    Platform::of_identity(own).map(|platform| vec![platform]).ok_or_else(unknown)
}

fn names(platforms: &[Platform]) -> String {
    platforms.iter().map(|platform| platform.name).collect::<Vec<_>>().join(", ")
}
