//! Publishing. Cargo knows the order; this knows when it may be done for real.

use anyhow::bail;
use xshell::{Shell, cmd};

use crate::flags::Release;

pub(crate) fn run(sh: &Shell, flags: &Release) -> anyhow::Result<()> {
    match (flags.dry_run, flags.execute) {
        (true, false) => rehearse(sh),
        (false, true) => Ok(cmd!(sh, "cargo publish --workspace --locked").run()?),
        _ => bail!("say either --dry-run or --execute"),
    }
}

/// Packages every crate as publishing would.
///
/// Without the verifying build: Cargo takes a registry's sources for immutable, its own temporary one's too, so a
/// second rehearsal of a version would be built against the first one's code. `--execute` verifies, on a machine
/// that has not built this version before.
pub(crate) fn rehearse(sh: &Shell) -> anyhow::Result<()> {
    cmd!(sh, "cargo publish --workspace --dry-run --no-verify --allow-dirty").run()?;
    Ok(())
}
