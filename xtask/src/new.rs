//! `cargo xtask new tidegate-latch`: a crate that builds, tests and documents itself from the start.

use anyhow::ensure;
use xshell::{Shell, cmd};

pub(crate) fn run(sh: &Shell, name: &str) -> anyhow::Result<()> {
    let plain = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
    ensure!(
        name.strip_prefix("tidegate-").is_some_and(|it| !it.is_empty() && it.chars().all(plain)),
        "a crate is named as its folder: tidegate-<thing>, in lower case"
    );
    let dir = format!("crates/{name}");
    ensure!(!sh.path_exists(&dir), "{dir} is already there");

    let module = name.replace('-', "_");
    for (file, template) in FILES {
        let text = template.replace("{name}", name).replace("{module}", &module);
        sh.write_file(format!("{dir}/{file}"), text)?;
    }
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        cmd!(sh, "ln -s ../../{licence} {dir}/{licence}").quiet().run()?;
    }
    println!("made {dir}; now");
    println!("- give it a place in the layers: xtask/src/layers.rs and docs/ARCHITECTURE.md,");
    println!(
        "- add `{name} = {{ path = \"{dir}\", version = \"0.1.0\" }}` to the root's Cargo.toml,"
    );
    println!("- write its sentence: in Cargo.toml, and the same in README.md.");
    Ok(())
}

const FILES: &[(&str, &str)] = &[
    ("Cargo.toml", MANIFEST),
    ("README.md", README),
    ("CHANGELOG.md", CHANGELOG),
    ("src/lib.rs", LIB),
    ("tests/it/main.rs", IT),
    ("tests/races.rs", RACES),
    ("tests/crowd.rs", CROWD),
];

const MANIFEST: &str = r#"[package]
name = "{name}"
version = "0.1.0"
description = "One sentence, the README's"
keywords = ["async", "concurrency"]
edition.workspace = true
rust-version.workspace = true
license.workspace = true
repository.workspace = true
categories.workspace = true
include.workspace = true

[package.metadata.docs.rs]
all-features = true
rustdoc-args = ["--cfg", "docsrs", "--generate-link-to-definition"]

[dependencies]
tidegate-shim.workspace = true
tidegate-waiters.workspace = true

[dev-dependencies]
tidegate-test.workspace = true

[target.'cfg(not(tidegate_loom))'.dev-dependencies]
proptest.workspace = true

[lints]
workspace = true
"#;

const README: &str = "# {name}

One sentence.

| Promise | Here |
| --- | --- |
| Fairness | |
| Cancel safety | |
| Wakers | |
| Runtime | |
| Unsafe code | None |

Part of [tidegate](https://docs.rs/tidegate), whose guide has [all the words of
asyncio](https://docs.rs/tidegate/latest/tidegate/guide/asyncio/index.html) and helps with
[choosing](https://docs.rs/tidegate/latest/tidegate/guide/choosing/index.html).
";

const CHANGELOG: &str = "# Changelog

What changed for users. The format follows Keep a Changelog, the numbers Semantic Versioning.

## Unreleased
";

const LIB: &str = r#"#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
"#;

const IT: &str = "//! What its users see. One binary, one module per theme.
#![cfg(not(tidegate_loom))]
";

const RACES: &str = "//! Interleavings. Under `cargo test` each runs a few hundred times; `cargo xtask loom` runs them all.

use tidegate_test::{race, spawn};

#[test]
fn it_links() {
    race(|| {
        use {module} as _;
        spawn(|| ()).join().unwrap();
    });
}
";

const CROWD: &str = "//! Crowds. Under `cargo test` each runs a few times; `cargo xtask shuttle` draws thousands of schedules.
#![cfg(not(tidegate_loom))]

use tidegate_test::{crowd, member};

#[test]
fn it_links() {
    crowd(|| {
        use {module} as _;
        let members: Vec<_> = (0..5).map(|_| member(async {})).collect();
        members.into_iter().for_each(|it| it.join());
    });
}
";
