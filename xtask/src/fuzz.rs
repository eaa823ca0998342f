//! Fuzzing: what no test thought of.
//!
//! Each target has a workspace of its own beside its crate, so that nothing else needs a nightly compiler; what it found
//! is in its `artifacts`, and what it knows already in its `corpus`.

use xshell::{Shell, cmd};

use crate::flags;

/// A crate, and the name of its target.
const TARGETS: [(&str, &str); 1] = [("tidegate-tower", "hints")];

const A_MINUTE: u64 = 60;

pub(crate) fn run(sh: &Shell, flags: &flags::Fuzz) -> anyhow::Result<()> {
    let is_there = |what: Option<&str>| {
        let asked = cmd!(sh, "cargo +nightly {what...} --version").quiet();
        asked.ignore_stdout().ignore_stderr().run().is_ok()
    };
    if !is_there(None) {
        println!("fuzz: skipped, there is no nightly (rustup toolchain install nightly)");
        return Ok(());
    }
    if !is_there(Some("fuzz")) {
        println!("fuzz: skipped, cargo-fuzz is not installed (cargo install --locked cargo-fuzz)");
        return Ok(());
    }
    let seconds = flags.seconds.unwrap_or(A_MINUTE);
    for (krate, target) in TARGETS {
        let dir = format!("crates/{krate}/fuzz");
        let (corpus, seeds) = (format!("{dir}/corpus/{target}"), format!("{dir}/seeds/{target}"));
        sh.create_dir(&corpus)?;
        let limits = [format!("-max_total_time={seconds}"), "-max_len=1024".to_owned()];
        let words = format!("-dict={dir}/{target}.dict");
        cmd!(
            sh,
            "cargo +nightly fuzz run --fuzz-dir {dir} --target-dir target/fuzz {target} {corpus} {seeds} -- {limits...} {words}"
        )
        .run()?;
    }
    Ok(())
}
