//! Requirements that no version holds fast: what they resolved to last is not what they resolve to tomorrow.

use crate::generation::Inputs;
use crate::manifest::{Format, Manifest};
use crate::requirement_line::{Line, Named, normalised_name};
use crate::requirements::Item;

/// How many a person reads.
const MOST: usize = 10;

/// Which they are, and what they resolved to in the environment that was built last.
pub fn note(manifest: &Manifest, built: Option<&Inputs>) -> Option<String> {
    let items = match manifest.format {
        Format::Requirements => manifest.facts().unpinned,
        Format::Pyproject | Format::Script => manifest.items().into_iter().filter(is_unpinned).collect(),
        _ => Vec::new(),
    };
    let told: Vec<String> = items.iter().take(MOST).map(|item| told(item, built)).collect();
    let more = match items.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let them = if items.len() == 1 { "it" } else { "them" };
    (!items.is_empty()).then(|| format!("not pinned: {}{more}; `plugdeps lock` pins {them}", told.join(", ")))
}

fn is_unpinned(item: &Item) -> bool {
    !Line::parse(&item.text).is_local() && !Named::parse(&item.text).is_pinned()
}

fn told(item: &Item, built: Option<&Inputs>) -> String {
    let name = Named::parse(&item.text).normalised_name();
    let packages = built.into_iter().flat_map(|built| &built.packages).filter_map(|package| package.split_once("=="));
    let version = packages.into_iter().find(|(other, _)| normalised_name(other) == name);
    match version {
        Some((_, version)) => format!("`{}` ({version} the last time)", item.text),
        None => format!("`{}`", item.text),
    }
}
