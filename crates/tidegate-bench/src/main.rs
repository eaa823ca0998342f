//! `cargo xtask bench` runs this; see its README.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    tidegate_bench::run()
}
