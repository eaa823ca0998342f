//! What the architecture promises, as far as a program can check it.
//!
//! - A crate uses only crates of the layers below its own.
//! - Unsafe code is written in two crates; every other forbids it.
//! - Every published crate has a front page, a changelog, licences and docs.rs metadata.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use xshell::{Shell, cmd};

/// Bottom layer first. A crate uses only crates of the layers before its own. Some are yet to be written.
const LAYERS: &[&[&str]] = &[
    &["tidegate-shim"],
    &["tidegate-waiters"],
    &["tidegate-lock", "tidegate-event", "tidegate-semaphore", "tidegate-barrier"],
    &["tidegate-condition", "tidegate-queue", "tidegate-time-lock", "tidegate-timeout"],
    &["tidegate-executor"],
    &["tidegate-task-group"],
    &["tidegate-tower"],
    &["tidegate"],
    &["tidegate-fetch"],
];

/// Support for tests and measurements: every crate's tests may use it, and it uses none of them.
const BESIDE: &[&str] = &["tidegate-test", "tidegate-bench", "tidegate-bench-gate"];

/// Where unsafe code may be written.
pub(crate) const UNSAFE_HOMES: [&str; 2] = ["tidegate-shim", "tidegate-waiters"];

pub(crate) fn check(sh: &Shell) -> anyhow::Result<()> {
    let crates = crates(sh)?;
    for krate in &crates {
        let name = krate.name.as_str();
        ensure!(
            layer(name).is_some() || BESIDE.contains(&name),
            "{name} is in no layer; add it to {}",
            file!()
        );
        uses_only_lower_layers(sh, name)?;
        keeps_unsafe_at_home(sh, krate)?;
        if krate.is_published() {
            is_fit_to_publish(sh, krate)?;
        }
    }
    println!("layers: {} crates are as the architecture says", crates.len());
    Ok(())
}

/// The crates that loom can model: those that take their types from the shim and have races to run.
pub(crate) fn modelled(sh: &Shell) -> anyhow::Result<Vec<String>> {
    let crates = crates(sh)?.into_iter();
    Ok(crates
        .filter(|it| {
            it.manifest.contains("tidegate-shim") && sh.path_exists(it.dir.join("tests/races.rs"))
        })
        .map(|it| it.name)
        .collect())
}

/// The features of a crate, as its manifest lists them.
pub(crate) fn features(sh: &Shell, name: &str) -> anyhow::Result<Vec<String>> {
    let manifest = sh.read_file(format!("crates/{name}/Cargo.toml"))?;
    let lines = manifest.lines().skip_while(|it| *it != "[features]").skip(1);
    let features =
        lines.take_while(|it| !it.starts_with('[')).filter_map(|it| it.split_once(" = "));
    Ok(features.map(|(name, _)| name.to_owned()).collect())
}

/// The oldest supported compiler, from the root's manifest.
pub(crate) fn rust_version(sh: &Shell) -> anyhow::Result<String> {
    let manifest = sh.read_file("Cargo.toml")?;
    let version = manifest.lines().find_map(|it| it.strip_prefix("rust-version = "));
    Ok(version.context("the root names a rust-version")?.trim_matches('"').to_owned())
}

/// The sources of each published crate.
pub(crate) fn published_sources(sh: &Shell) -> anyhow::Result<Vec<Vec<PathBuf>>> {
    let published = crates(sh)?.into_iter().filter(Crate::is_published);
    published.map(|it| rust_files(sh, &it.dir.join("src"))).collect()
}

struct Crate {
    name: String,
    dir: PathBuf,
    manifest: String,
}

impl Crate {
    fn is_published(&self) -> bool {
        !self.manifest.lines().any(|it| it == "publish = false")
    }
}

fn crates(sh: &Shell) -> anyhow::Result<Vec<Crate>> {
    let mut crates = Vec::new();
    for dir in sh.read_dir("crates")? {
        let name =
            dir.file_name().and_then(|it| it.to_str()).context("a crate's folder")?.to_owned();
        let manifest = sh.read_file(dir.join("Cargo.toml"))?;
        ensure!(
            manifest.contains(&format!("name = \"{name}\"")),
            "crates/{name} holds a crate of another name"
        );
        crates.push(Crate { name, dir, manifest });
    }
    Ok(crates)
}

fn layer(krate: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&krate))
}

fn uses_only_lower_layers(sh: &Shell, name: &str) -> anyhow::Result<()> {
    let Some(own) = layer(name) else { return Ok(()) };
    // The first line of the tree is the crate itself; each further line is one it uses.
    let tree = cmd!(
        sh,
        "cargo tree --package {name} --all-features --edges normal,build --depth 1 --prefix none"
    )
    .quiet()
    .read()?;
    for used in tree.lines().skip(1).filter_map(|line| line.split_whitespace().next()) {
        if !used.starts_with("tidegate") {
            continue;
        }
        let other =
            layer(used).with_context(|| format!("{name} uses {used}, which has no layer"))?;
        ensure!(other < own, "{name} (layer {own}) uses {used} (layer {other})");
    }
    Ok(())
}

fn keeps_unsafe_at_home(sh: &Shell, krate: &Crate) -> anyhow::Result<()> {
    if UNSAFE_HOMES.contains(&krate.name.as_str()) {
        return Ok(());
    }
    for root in ["src/lib.rs", "src/main.rs"] {
        let file = krate.dir.join(root);
        if sh.path_exists(&file) {
            ensure!(
                sh.read_file(&file)?.contains("#![forbid(unsafe_code)]"),
                "{} does not say #![forbid(unsafe_code)]",
                shown(sh, &file)
            );
        }
    }
    // `forbid` reaches the library; tests, examples and binaries are read.
    for file in rust_files(sh, &krate.dir)? {
        for (number, line) in sh.read_file(&file)?.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            ensure!(
                !code
                    .split(|it: char| !(it.is_alphanumeric() || it == '_'))
                    .any(|it| it == "unsafe"),
                "{}:{}: unsafe code outside {}",
                shown(sh, &file),
                number + 1,
                UNSAFE_HOMES.join(" and ")
            );
        }
    }
    Ok(())
}

fn is_fit_to_publish(sh: &Shell, krate: &Crate) -> anyhow::Result<()> {
    let Crate { name, dir, manifest } = krate;
    for file in ["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"] {
        ensure!(sh.path_exists(dir.join(file)), "{name} has no {file}");
    }
    for line in ["description = ", "keywords = ", "[package.metadata.docs.rs]"] {
        ensure!(manifest.contains(line), "{name}: no `{line}` in its manifest");
    }
    let front = "#![doc = include_str!(\"../README.md\")]";
    ensure!(
        sh.read_file(dir.join("src/lib.rs"))?.contains(front),
        "{name}: its documentation does not start with its README ({front})"
    );
    let readme = sh.read_file(dir.join("README.md"))?;
    ensure!(readme.starts_with(&format!("# {name}\n")), "{name}: its README has another title");
    Ok(())
}

fn rust_files(sh: &Shell, dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in sh.read_dir(dir)? {
        if path.is_dir() && !path.ends_with("target") {
            files.extend(rust_files(sh, &path)?);
        } else if path.extension().is_some_and(|it| it == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

/// A path as seen from the root of the workspace.
pub(crate) fn shown(sh: &Shell, file: &Path) -> String {
    file.strip_prefix(sh.current_dir()).unwrap_or(file).display().to_string()
}
