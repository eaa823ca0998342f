//! The workspace's own commands: `cargo xtask <verb>`. Run it with `--help` to see them all.
//!
//! Continuous integration calls these verbs and nothing else, so what passes here passes there.

mod bench;
mod deps;
mod docs;
mod flags;
mod fuzz;
mod layers;
mod mutants;
mod new;
mod release;
mod section;
mod tools;
mod workflows;

use std::process::ExitCode;
use std::time::Instant;

use xshell::{Shell, cmd};

fn main() -> ExitCode {
    match run(flags::Xtask::from_env_or_exit()) {
        Ok(()) => ExitCode::SUCCESS,
        // One line, not `Result`'s backtrace: the command that failed has already said why.
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: flags::Xtask) -> anyhow::Result<()> {
    let sh = &Shell::new()?;
    sh.change_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));

    match flags.subcommand {
        flags::XtaskCmd::Ci(_) => ci(sh),
        flags::XtaskCmd::Fmt(it) => fmt(sh, it.check),
        flags::XtaskCmd::Layers(_) => layers::check(sh),
        flags::XtaskCmd::Typos(_) => typos(sh),
        flags::XtaskCmd::Deps(_) => deps::check(sh),
        flags::XtaskCmd::Workflows(_) => workflows::check(sh),
        flags::XtaskCmd::Lint(_) => lint(sh),
        flags::XtaskCmd::Test(it) => test(sh, it.package),
        flags::XtaskCmd::Features(_) => features(sh),
        flags::XtaskCmd::Docs(it) => docs::build(sh, it.open),
        flags::XtaskCmd::Loom(it) => loom(sh, it.package),
        flags::XtaskCmd::Shuttle(it) => shuttle(sh, it.package, it.schedules),
        flags::XtaskCmd::Stress(it) => stress(sh, it.scopes),
        flags::XtaskCmd::Asan(it) => asan(sh, it.package),
        flags::XtaskCmd::Fuzz(it) => fuzz::run(sh, &it),
        flags::XtaskCmd::Mutants(it) => mutants::run(sh, &it),
        flags::XtaskCmd::Miri(it) => miri(sh, it.package),
        flags::XtaskCmd::Msrv(_) => msrv(sh),
        flags::XtaskCmd::Bench(it) => bench::run(sh, &it),
        flags::XtaskCmd::New(it) => new::run(sh, &it.name),
        flags::XtaskCmd::Release(it) => release::run(sh, &it),
    }
}

/// Everything that has to hold on the main branch, cheapest first.
fn ci(sh: &Shell) -> anyhow::Result<()> {
    section("fmt", || fmt(sh, true))?;
    section("layers", || layers::check(sh))?;
    section("mutants --check", || mutants::check(sh))?;
    section("typos", || typos(sh))?;
    section("deps", || deps::check(sh))?;
    section("workflows", || workflows::check(sh))?;
    section("lint", || lint(sh))?;
    section("features", || features(sh))?;
    section("test", || test(sh, None))?;
    section("docs", || docs::build(sh, false))?;
    section("loom", || loom(sh, None))?;
    section("shuttle", || shuttle(sh, None, None))?;
    section("release", || release::rehearse(sh))
}

fn fmt(sh: &Shell, check: bool) -> anyhow::Result<()> {
    let check = check.then_some("--check");
    cmd!(sh, "cargo fmt --all {check...}").run()?;
    Ok(())
}

fn typos(sh: &Shell) -> anyhow::Result<()> {
    if let Some(typos) = tools::TYPOS.find(sh) {
        cmd!(sh, "{typos}").run()?;
    }
    Ok(())
}

fn lint(sh: &Shell) -> anyhow::Result<()> {
    for what in [LIBRARIES, DOWNLOADER, COMPARISON, CLIENTS] {
        cmd!(sh, "cargo clippy {what...} --all-targets -- -D warnings").run()?;
    }
    Ok(())
}

fn test(sh: &Shell, package: Option<String>) -> anyhow::Result<()> {
    if let Some(package) = package {
        cmd!(sh, "cargo test --package {package}").run()?;
        return Ok(());
    }
    for what in [LIBRARIES, DOWNLOADER, COMPARISON, CLIENTS] {
        cmd!(sh, "cargo test {what...}").run()?;
    }
    Ok(())
}

fn features(sh: &Shell) -> anyhow::Result<()> {
    for feature in layers::features(sh, "tidegate")? {
        cmd!(sh, "cargo check --package tidegate --no-default-features --features {feature}")
            .run()?;
    }
    cmd!(sh, "cargo check --package tidegate-fetch --all-features").run()?;
    Ok(())
}

fn loom(sh: &Shell, package: Option<String>) -> anyhow::Result<()> {
    let crates = match package {
        Some(package) => vec![package],
        None => layers::modelled(sh)?,
    };
    let what = crates.iter().flat_map(|name| ["--package", name]);
    // A target folder of its own, so that switching back and forth rebuilds nothing.
    let _flags = sh.push_env("RUSTFLAGS", "--cfg tidegate_loom");
    let _dir = sh.push_env("CARGO_TARGET_DIR", "target/loom");
    cmd!(sh, "cargo test --profile loom {what...} --test races").run()?;
    Ok(())
}

fn shuttle(sh: &Shell, package: Option<String>, schedules: Option<usize>) -> anyhow::Result<()> {
    let crates = match package {
        Some(package) => vec![package],
        None => layers::modelled(sh)?,
    };
    let what = crates.iter().flat_map(|name| ["--package", name]);
    // Cargo refuses the name of a target that none of the crates has.
    let crowds = crates.iter().any(|it| has_crowds(sh, it));
    let targets = ["races", "crowd"].into_iter().take(1 + usize::from(crowds));
    let targets = targets.flat_map(|it| ["--test", it]);
    let _flags = sh.push_env("RUSTFLAGS", "--cfg tidegate_shuttle");
    let _dir = sh.push_env("CARGO_TARGET_DIR", "target/shuttle");
    let _schedules = schedules.map(|it| sh.push_env("TIDEGATE_SCHEDULES", it.to_string()));
    cmd!(sh, "cargo test --profile loom {what...} {targets...}").run()?;
    Ok(())
}

fn stress(sh: &Shell, scopes: Option<usize>) -> anyhow::Result<()> {
    let _scopes = sh.push_env("TIDEGATE_SCOPES", scopes.unwrap_or(16_000).to_string());
    cmd!(sh, "cargo test --release --package tidegate --test stress -- --nocapture").run()?;
    // Three tests of 60 operations on average: eighteen million.
    let _cases = sh.push_env("PROPTEST_CASES", "100000");
    cmd!(sh, "cargo test --release --package tidegate-time-lock --test it model").run()?;
    Ok(())
}

fn asan(sh: &Shell, package: Option<String>) -> anyhow::Result<()> {
    let Ok(about) = cmd!(sh, "rustc +nightly --version --verbose").quiet().ignore_stderr().read()
    else {
        println!("asan: skipped, there is no nightly (rustup toolchain install nightly)");
        return Ok(());
    };
    let host = about.lines().find_map(|it| it.strip_prefix("host: ")).unwrap_or_default();
    if !SANITIZED.contains(&host) {
        println!("asan: skipped, AddressSanitizer does not find leaks on {host}");
        return Ok(());
    }
    // Those above the primitives add no unsafe code and little but time.
    let crates = match package {
        Some(package) => vec![package],
        None => layers::modelled(sh)?.into_iter().filter(|it| has_crowds(sh, it)).collect(),
    };
    let what = crates.iter().flat_map(|name| ["--package", name]);
    // The standard library stays as it is: what is sought is in our code, and allocations are watched anyway. With
    // a target that is named, build scripts and procedural macros stay as they are too.
    let _flags = sh.push_env("RUSTFLAGS", "-Zsanitizer=address");
    let _dir = sh.push_env("CARGO_TARGET_DIR", "target/asan");
    let meant = sh.current_dir().join("target/asan/meant.txt");
    sh.write_file(&meant, MEANT_TO_LEAK)?;
    let options = format!("suppressions={}:print_suppressions=0", meant.display());
    let _options = sh.push_env("LSAN_OPTIONS", options);
    cmd!(sh, "cargo +nightly test --target {host} {what...} --tests").run()?;
    Ok(())
}

fn miri(sh: &Shell, package: Option<String>) -> anyhow::Result<()> {
    if cmd!(sh, "cargo +nightly miri --version")
        .quiet()
        .ignore_stdout()
        .ignore_stderr()
        .run()
        .is_err()
    {
        println!("miri: skipped, it is not installed (rustup +nightly component add miri)");
        return Ok(());
    }
    let crates = match package {
        Some(package) => vec![package],
        None => layers::UNSAFE_HOMES.map(String::from).to_vec(),
    };
    let what = crates.iter().flat_map(|name| ["--package", name]);
    let _flags = sh.push_env("MIRIFLAGS", "-Zmiri-strict-provenance");
    cmd!(sh, "cargo +nightly miri test {what...}").run()?;
    Ok(())
}

fn msrv(sh: &Shell) -> anyhow::Result<()> {
    let version = layers::rust_version(sh)?;
    let toolchain = format!("+{version}");
    if cmd!(sh, "cargo {toolchain} --version")
        .quiet()
        .ignore_stdout()
        .ignore_stderr()
        .run()
        .is_err()
    {
        println!("msrv: skipped, Rust {version} is not installed (rustup toolchain add {version})");
        return Ok(());
    }
    cmd!(sh, "cargo {toolchain} check {LIBRARIES...}").run()?;
    Ok(())
}

fn has_crowds(sh: &Shell, name: &str) -> bool {
    sh.path_exists(format!("crates/{name}/tests/crowd.rs"))
}

/// Where AddressSanitizer comes with its finder of leaks.
const SANITIZED: [&str; 2] = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];
/// What is leaked on purpose: what a panic carries, where dropping it could panic once more (see `wake_all` in
/// tidegate-waiters), also if a test's waker threw it, or a destructor; and what a test forgets that says so in its
/// name, or is in the module for misuse.
const MEANT_TO_LEAK: &str = "\
leak:std::panicking::panic_handler
leak:std::panicking::begin_panic
leak:alloc::task::raw_waker::wake
leak:tidegate_timeout::discard::discard
leak:tidegate_task_group::panicked::quietly
leak:_whose_payload_panics_when_dropped_
leak:_forgotten_
leak:it::misuse::
";

/// The crates whose features belong together.
const LIBRARIES: &[&str] = &[
    "--workspace",
    "--exclude",
    "tidegate-fetch",
    "--exclude",
    "tidegate-bench",
    "--exclude",
    "tidegate-bench-gate",
    "--all-features",
];
/// The downloader, without the TLS stack that its tests have no use for.
const DOWNLOADER: &[&str] = &["--package", "tidegate-fetch"];
/// The comparison: its contenders turn on features that would hide it if a library forgot its own.
const COMPARISON: &[&str] = &["--package", "tidegate-bench"];
/// The other one, which brings an HTTP client; without the contender that brings OpenSSL.
const CLIENTS: &[&str] = &["--package", "tidegate-bench-gate"];
/// Runs one step, folded (where the log can fold) and timed.
fn section(name: &str, step: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let folds = std::env::var_os("GITHUB_ACTIONS").is_some();
    println!("{}{name}", if folds { "::group::" } else { "==> " });
    let start = Instant::now();
    let outcome = step();
    if folds {
        println!("::endgroup::");
    }
    println!("{name}: {:.1?}", start.elapsed());
    outcome
}
