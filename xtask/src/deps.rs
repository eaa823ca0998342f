//! What we depend on: all of it used, and under licences and from places that we want.

use xshell::{Shell, cmd};

use crate::tools::{DENY, SHEAR};

pub(crate) fn check(sh: &Shell) -> anyhow::Result<()> {
    if let Some(shear) = SHEAR.find(sh) {
        cmd!(sh, "{shear}").run()?;
    }
    if let Some(deny) = DENY.find(sh) {
        // The first of them needs the sources of every platform's crates.
        cmd!(sh, "cargo fetch --locked --quiet").run()?;
        cmd!(sh, "{deny} check licenses bans sources").run()?;
        // What is known to be broken is told by a database elsewhere.
        if cmd!(sh, "{deny} fetch db").quiet().ignore_stdout().ignore_stderr().run().is_ok() {
            cmd!(sh, "{deny} check advisories").run()?;
        } else {
            println!("advisories: skipped, their database is out of reach");
        }
    }
    Ok(())
}
