//! The documentation, as docs.rs builds it.

mod links;
mod promises;

use xshell::{Shell, cmd};

/// What has no documentation to read.
const SILENT: [&str; 6] =
    ["--exclude", "tidegate-bench", "--exclude", "tidegate-bench-gate", "--exclude", "xtask"];

pub(crate) fn build(sh: &Shell, open: bool) -> anyhow::Result<()> {
    promises::check(sh)?;
    let open = open.then_some("--open");
    let has_nightly =
        cmd!(sh, "cargo +nightly --version").quiet().ignore_stdout().ignore_stderr().run().is_ok();
    // docs.rs has a nightly, for the badges that say what needs which feature.
    let (toolchain, flags) = if has_nightly {
        (Some("+nightly"), NIGHTLY)
    } else {
        println!("docs: without badges, as there is no nightly (rustup toolchain install nightly)");
        (None, "-D warnings")
    };
    let _flags = sh.push_env("RUSTDOCFLAGS", flags);
    let _dir = sh.push_env("CARGO_TARGET_DIR", "target/docs");
    let what = ["--workspace", "--all-features", "--no-deps"];
    cmd!(sh, "cargo {toolchain...} doc {what...} {SILENT...} {open...}").run()?;
    links::check(sh, "target/docs/doc")
}

/// As in the manifests' `package.metadata.docs.rs`.
const NIGHTLY: &str = "-D warnings --cfg docsrs --generate-link-to-definition -Zunstable-options";
