//! The comparison with other crates: `crates/tidegate-bench`, built as its users build.

use anyhow::ensure;
use xshell::{Shell, cmd};

use crate::flags::Bench;

pub(crate) fn run(sh: &Shell, flags: &Bench) -> anyhow::Result<()> {
    ensure!(
        !flags.write || flags.scenario.is_none(),
        "docs/BENCHMARKS.md is of all scenarios or of none"
    );
    sh.create_dir("target/bench")?;
    let page = if flags.write { "docs/BENCHMARKS.md" } else { "target/bench/bench.md" };
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
    if !flags.smoke {
        println!("written: {page} and target/bench/bench.json");
    }
    Ok(())
}
