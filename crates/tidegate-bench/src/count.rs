//! Instructions per operation: the same run, 1,000 and 11,000 times, under callgrind; the difference over 10,000.
//!
//! What starts and ends the program cancels out, and on one machine the figure is the same to the digit.

use std::env;
use std::process::Command;

const FEW: u64 = 1_000;
const MANY: u64 = 11_000;

/// Whether valgrind is here.
pub(crate) fn can_count() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|it| it.status.success())
}

/// Counts one contender's instructions per operation.
pub(crate) fn count(scenario: &str, contender: &str) -> Option<f64> {
    let few = under_callgrind(scenario, contender, FEW)?;
    let many = under_callgrind(scenario, contender, MANY)?;
    Some((many - few) as f64 / (MANY - FEW) as f64)
}

fn under_callgrind(scenario: &str, contender: &str, n: u64) -> Option<u64> {
    let ran = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe().ok()?)
        .args(["once", scenario, contender, &n.to_string()])
        .output()
        .ok()?;
    // Its summary: "==123== Collected : 4567".
    let said = String::from_utf8_lossy(&ran.stderr);
    said.lines().find_map(|it| it.split_once("Collected :"))?.1.trim().parse().ok()
}
