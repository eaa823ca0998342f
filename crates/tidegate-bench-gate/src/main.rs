//! `cargo xtask bench time-lock` runs this; see its README.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    tidegate_bench_gate::run()
}
