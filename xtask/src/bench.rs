//! The comparisons with other crates, built as their users build: `crates/tidegate-bench`, and
//! `crates/tidegate-bench-gate` for the time lock beside other clients of servers that refuse.

use anyhow::ensure;
use xshell::{Shell, cmd};

use crate::flags::Bench;
use crate::section;

const PAGE: &str = "docs/BENCHMARKS.md";
const PLOT: &str = "docs/time-lock.svg";

pub(crate) fn run(sh: &Shell, flags: &Bench) -> anyhow::Result<()> {
    if flags.scenario.as_deref() == Some("time-lock") {
        return time_lock(sh, flags);
    }
    ensure!(
        !flags.write || flags.scenario.is_none(),
        "docs/BENCHMARKS.md is of all scenarios or of none"
    );
    sh.create_dir("target/bench")?;
    let page = "target/bench/bench.md";
    let mut args = vec!["--json", "target/bench/bench.json", "--markdown", page];
    let rounds = flags.rounds.map(|it| it.to_string());
    args.extend(rounds.iter().flat_map(|it| ["--rounds", it]));
    args.extend(flags.smoke.then_some("--smoke"));
    args.extend(flags.no_count.then_some("--no-count"));
    args.extend(flags.scenario.as_deref());
    // Both programs: the one that times asks the one that counts bytes.
    cmd!(sh, "cargo build --release --package tidegate-bench").run()?;
    cmd!(
        sh,
        "cargo run --quiet --release --package tidegate-bench --bin tidegate-bench -- {args...}"
    )
    .run()?;
    if flags.write && !flags.smoke {
        let before = sh.read_file(PAGE).unwrap_or_default();
        sh.write_file(PAGE, section::keep(&before, &sh.read_file(page)?))?;
    }
    if !flags.smoke {
        let page = if flags.write { PAGE } else { page };
        println!("written: {page} and target/bench/bench.json");
    }
    Ok(())
}

fn time_lock(sh: &Shell, flags: &Bench) -> anyhow::Result<()> {
    ensure!(
        flags.rounds.is_none() && !flags.no_count,
        "the time lock's comparison has no rounds and counts nothing"
    );
    ensure!(!(flags.write && flags.smoke), "a rehearsal has no figures to write down");
    sh.create_dir("target/bench")?;
    let page = "target/bench/time-lock.md";
    let plot = if flags.write { PLOT } else { "target/bench/time-lock.svg" };
    let mut args = vec!["--markdown", page, "--plot", plot];
    args.extend(flags.smoke.then_some("--smoke"));
    // One of the contenders brings OpenSSL, which asks for its headers.
    let openssl = cmd!(sh, "pkg-config --exists openssl").quiet().ignore_stderr().run().is_ok();
    if !openssl {
        println!("reqwest-retry-after: skipped, the headers of OpenSSL are not installed");
    }
    let features = openssl.then_some("--features=retry-after");
    cmd!(
        sh,
        "cargo run --quiet --release --package tidegate-bench-gate {features...} -- {args...}"
    )
    .run()?;
    if flags.write {
        let before = sh.read_file(PAGE)?;
        sh.write_file(PAGE, section::replace(&before, &sh.read_file(page)?))?;
    }
    let page = if flags.write { PAGE } else { page };
    println!("written: {page} and {plot}");
    Ok(())
}
