//! `cargo xtask tidy`: the import table of ARCHITECTURE.md against every manifest, both ways; the ban list switched on in
//! every pure crate; the registries complete.

use crate::steps::{cargo, root};
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The first line of every crate in core/.
const BAN: &str = "#![deny(clippy::disallowed_methods, clippy::disallowed_types)]";
/// Lines of the architecture page.
const ARCHITECTURE_LINES_MAX: usize = 200;

/// One row of the import table.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    may: BTreeSet<String>,
    never: BTreeSet<String>,
}

/// A crate and what its manifest names.
struct Crate {
    name: String,
    folder: PathBuf,
    dependencies: BTreeSet<String>,
}

/// `cargo xtask tidy`.
pub(crate) fn run() -> Result<()> {
    check()?;
    cargo(&["test", "--quiet", "-p", "lapwing-formats", "--test", "registry"])?;
    cargo(&["test", "--quiet", "-p", "lapwing-transports", "--lib", "--", "every_", "reference_page"])
}

/// The table and the ban list; the registries are tested with all other tests.
pub(crate) fn check() -> Result<()> {
    let root = root();
    let page = fs::read_to_string(root.join("ARCHITECTURE.md")).context("ARCHITECTURE.md")?;
    let crates = crates(&root)?;
    let mut problems = against_table(&table(&page), &crates);
    if page.lines().count() >= ARCHITECTURE_LINES_MAX {
        problems.push(format!(
            "ARCHITECTURE.md has {} lines; it stays under {ARCHITECTURE_LINES_MAX}",
            page.lines().count()
        ));
    }
    for krate in crates.iter().filter(|c| c.folder.starts_with(root.join("core"))) {
        let lib = fs::read_to_string(krate.folder.join("src/lib.rs")).with_context(|| krate.name.clone())?;
        if lib.lines().next() != Some(BAN) {
            problems.push(format!("{}: src/lib.rs does not begin with {BAN}", krate.name));
        }
    }
    if !problems.is_empty() {
        bail!("{}", problems.join("\n"));
    }
    println!("import table: {} crates as ARCHITECTURE.md says", crates.len());
    Ok(())
}

/// The rows of the table whose first column is a crate in backquotes: `| `lapwing-model` | may | never |`.
fn table(page: &str) -> BTreeMap<String, Row> {
    page.lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
            let [name, may, never] = cells.as_slice() else { return None };
            let name = name.strip_prefix('`')?.strip_suffix('`')?.to_owned();
            Some((name, Row { may: words(may), never: words(never) }))
        })
        .collect()
}

/// The words in backquotes of a cell; crates of the workspace may leave out their `lapwing-`.
fn words(cell: &str) -> BTreeSet<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn crates(root: &Path) -> Result<Vec<Crate>> {
    let mut found = Vec::new();
    for group in ["core", "edge"] {
        for item in fs::read_dir(root.join(group))?.flatten() {
            let manifest = item.path().join("Cargo.toml");
            let Ok(text) = fs::read_to_string(&manifest) else { continue };
            let document: toml::Table = text.parse().with_context(|| manifest.display().to_string())?;
            let name = document.get("package").and_then(|p| p.get("name")).and_then(|n| n.as_str());
            let name = name.with_context(|| format!("{}: no package name", manifest.display()))?.to_owned();
            let dependencies = document.get("dependencies").and_then(|d| d.as_table());
            let dependencies = dependencies.map(|d| d.keys().cloned().collect()).unwrap_or_default();
            found.push(Crate { name, folder: item.path(), dependencies });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn against_table(table: &BTreeMap<String, Row>, crates: &[Crate]) -> Vec<String> {
    let mut problems = Vec::new();
    for name in table.keys().filter(|n| !crates.iter().any(|c| c.name == **n)) {
        problems.push(format!("ARCHITECTURE.md names `{name}`, which is no crate"));
    }
    for krate in crates {
        let Some(row) = table.get(&krate.name) else {
            problems.push(format!("ARCHITECTURE.md does not name `{}`", krate.name));
            continue;
        };
        for dependency in &krate.dependencies {
            let short = dependency.strip_prefix("lapwing-");
            let named = |set: &BTreeSet<String>| set.contains(dependency) || short.is_some_and(|s| set.contains(s));
            if named(&row.never) {
                problems.push(format!("{} imports `{dependency}`, which it must never", krate.name));
            } else if short.is_some() && !named(&row.may) {
                problems.push(format!("{} imports `{dependency}`, which its row does not allow", krate.name));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "| Crate | May import | Must never import |\n|---|---|---|\n| `lapwing-model` | std | `formats`, `tokio` |\n| `lapwing-formats` | `model` | `track` |\n";

    fn krate(name: &str, dependencies: &[&str]) -> Crate {
        let dependencies = dependencies.iter().map(|d| (*d).to_owned()).collect();
        Crate { name: name.to_owned(), folder: PathBuf::new(), dependencies }
    }

    #[test]
    fn a_forbidden_import_is_found() {
        let crates = [
            krate("lapwing-model", &["serde", "tokio"]),
            krate("lapwing-formats", &["lapwing-model", "lapwing-track"]),
        ];
        let problems = against_table(&table(PAGE), &crates);
        assert_eq!(problems.len(), 2, "{problems:?}");
    }

    #[test]
    fn the_table_and_the_crates_are_compared_both_ways() {
        let problems = against_table(&table(PAGE), &[krate("lapwing-model", &[]), krate("lapwing-new", &[])]);
        assert!(problems.iter().any(|p| p.contains("`lapwing-formats`, which is no crate")), "{problems:?}");
        assert!(problems.iter().any(|p| p.contains("does not name `lapwing-new`")), "{problems:?}");
    }
}
