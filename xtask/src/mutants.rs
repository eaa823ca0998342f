//! `cargo xtask mutants`: break the code on purpose, and see a test fail each time.
//!
//! cargo-mutants does the same without a list: it swaps operators and replaces the bodies of functions by default
//! values. What can go wrong here is elsewhere: an ordering one step too weak, a grant that is not handed on, a
//! waker that runs inside the lock. It knows none of these mutations, runs one test command for all (loom is the
//! only one that can tell a weakened ordering), and a great part of what it makes of lock-free code loops for ever.
//! So the mutations are chosen by hand, one for each thing that the code takes care of, and are kept beside the
//! tests that must notice: `tests/mutations.txt`.
//!
//! A list is blocks between empty lines; lines that start with `#` are comments:
//!
//! ```text
//! a permit that was granted and never looked at is lost
//! in src/gate.rs
//! by it cancel::
//! - Left::Granted => Self::add::<CAPPED>(line, *need),
//! + Left::Granted => {}
//! ```
//!
//! The first line says what goes wrong. `in` names the file. `by` names the tests that must fail: `it`, `unit` (the
//! crate's own), `loom` (`tests/races.rs`), `shuttle` (`tests/crowd.rs`), or another program in `tests`; and a part of
//! their names if not all are to be run. All features are on. One `-` line is a part of a line, which may stand in the file once only, unless `after` gives a part of
//! a line above it. Several are whole lines, whatever their indentation. `+` lines take their place; without one
//! they are gone.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use xshell::{Shell, cmd};

use crate::flags::Mutants;

/// The copy of the tree that is broken; the tree itself is never touched.
const TREE: &str = "target/mutants/tree";

/// Who may be asked. Those that are not explained above are programs in `tests`.
const KINDS: [&str; 7] = ["it", "unit", "loom", "shuttle", "memory", "process", "signals"];

/// The crate with a feature that its tests have no use for, and that takes minutes to build.
const AS_IT_IS: &str = "tidegate-fetch";

pub(crate) fn run(sh: &Shell, flags: &Mutants) -> anyhow::Result<()> {
    if flags.check {
        return check(sh);
    }
    let mut mutations = all(sh)?;
    mutations.retain(|it| flags.package.as_ref().is_none_or(|name| it.krate == *name));
    mutations.retain(|it| flags.only.as_ref().is_none_or(|part| it.title.contains(part.as_str())));
    ensure!(!mutations.is_empty(), "there is no such mutation");

    // From here on the copy alone is read, so that the tree may be worked on meanwhile.
    copy_tree(sh)?;
    let mut known = BTreeMap::new();
    let mut trouble = Vec::new();
    for mutation in &mutations {
        let start = Instant::now();
        let file = Path::new(TREE).join(mutation.path());
        let whole = sh.read_file(&file)?;
        let verdict = try_out(sh, mutation, &whole, &mut known);
        // Whatever became of it, the next one starts from the code as it is.
        sh.write_file(&file, &whole)?;
        match &verdict {
            Ok(Verdict::Failed) => print!("caught   "),
            Ok(Verdict::Hung) => print!("hung     "),
            Ok(Verdict::Passed) => print!("SURVIVED "),
            Err(_) => print!("TROUBLE  "),
        }
        println!(" {mutation} ({}, {:.1?})", mutation.by, start.elapsed());
        match verdict {
            Ok(Verdict::Failed | Verdict::Hung) => {}
            Ok(Verdict::Passed) => {
                trouble.push(format!("{mutation}: no test of `{}` failed", mutation.by));
            }
            Err(error) => trouble.push(format!("{mutation}: {error:#}")),
        }
    }
    println!("mutants: {} of {} noticed", mutations.len() - trouble.len(), mutations.len());
    ensure!(trouble.is_empty(), "what survives is a missing test\n  {}", trouble.join("\n  "));
    Ok(())
}

/// Sees that each mutation still finds its text.
pub(crate) fn check(sh: &Shell) -> anyhow::Result<()> {
    let mutations = all(sh)?;
    let mut trouble = Vec::new();
    for mutation in &mutations {
        let text = sh.read_file(mutation.path())?;
        if let Err(error) = mutation.apply(&text) {
            trouble.push(format!("{mutation}: {error:#}"));
        }
    }
    ensure!(trouble.is_empty(), "adjust these mutations\n  {}", trouble.join("\n  "));
    println!("mutants: {} mutations find their text", mutations.len());
    Ok(())
}

/// One way to break a crate.
#[derive(Debug, PartialEq, Eq)]
struct Mutation {
    krate: String,
    title: String,
    file: String,
    by: Oracle,
    after: Option<String>,
    old: Vec<String>,
    new: Vec<String>,
}

/// The tests that must notice.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Oracle {
    kind: String,
    /// A part of their names.
    filter: Option<String>,
}

/// What the tests made of a mutation.
enum Verdict {
    Failed,
    /// They did not come to their end, which is what a lost wake-up looks like from outside.
    Hung,
    Passed,
}

/// What there is to know of an oracle before it is asked about mutations.
struct Baseline {
    /// How long its tests take when all is well.
    takes: Duration,
    names: BTreeSet<String>,
}

impl Mutation {
    fn path(&self) -> PathBuf {
        Path::new("crates").join(&self.krate).join(&self.file)
    }

    /// The file's text as this mutation leaves it.
    fn apply(&self, text: &str) -> anyhow::Result<String> {
        let lines: Vec<_> = text.lines().collect();
        let start = match &self.after {
            None => 0,
            Some(after) => {
                let above = lines.iter().position(|it| it.contains(after.as_str()));
                above.with_context(|| format!("`{after}` is not there any more"))? + 1
            }
        };
        let stands_at = |at: usize| match &self.old[..] {
            [part] => lines[at].contains(part.as_str()),
            whole => lines[at..]
                .get(..whole.len())
                .is_some_and(|it| it.iter().map(|it| it.trim()).eq(whole.iter())),
        };
        let found: Vec<_> = (start..lines.len()).filter(|at| stands_at(*at)).collect();
        let at = match found[..] {
            [] => bail!("the text is not there any more: {}", self.old.join(" / ")),
            [at] => at,
            [at, ..] if self.after.is_some() => at,
            _ => bail!("the text is there {} times: say after which line", found.len()),
        };
        let mut out: Vec<_> = lines[..at].iter().map(ToString::to_string).collect();
        match &self.old[..] {
            [part] => out.push(lines[at].replacen(part.as_str(), &self.new.join("\n"), 1)),
            _ => out.extend(self.new.iter().cloned()),
        }
        out.extend(lines[at + self.old.len()..].iter().map(ToString::to_string));
        Ok(out.join("\n") + "\n")
    }
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.krate, self.title)
    }
}

impl fmt::Display for Oracle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        self.filter.iter().try_for_each(|it| write!(f, " {it}"))
    }
}

/// The mutations of every crate that has a list.
fn all(sh: &Shell) -> anyhow::Result<Vec<Mutation>> {
    let mut mutations = Vec::new();
    for dir in sh.read_dir("crates")? {
        let list = dir.join("tests/mutations.txt");
        if !sh.path_exists(&list) {
            continue;
        }
        let krate = dir.file_name().and_then(|it| it.to_str()).context("a crate's folder")?;
        let text = sh.read_file(&list)?;
        mutations.extend(parse(krate, &text).with_context(|| list.display().to_string())?);
    }
    Ok(mutations)
}

fn parse(krate: &str, list: &str) -> anyhow::Result<Vec<Mutation>> {
    let list: Vec<_> = list.lines().filter(|it| !it.starts_with('#')).collect();
    let blocks = list.split(|it| it.trim().is_empty()).filter(|it| !it.is_empty());
    blocks.map(|block| parse_one(krate, block).with_context(|| block[0].to_owned())).collect()
}

fn parse_one(krate: &str, block: &[&str]) -> anyhow::Result<Mutation> {
    let (mut file, mut by, mut after) = (None, None, None);
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for line in &block[1..] {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        let value = value.trim().to_owned();
        match key {
            "in" => file = Some(value),
            "after" => after = Some(value),
            "by" => by = Some(value),
            "-" => old.push(value),
            "+" => new.push(value),
            _ => bail!("`{line}` starts with none of in, after, by, - and +"),
        }
    }
    let by = by.context("`by` is missing")?;
    let (kind, filter) = match by.split_once(' ') {
        Some((kind, filter)) => (kind.to_owned(), Some(filter.trim().to_owned())),
        None => (by, None),
    };
    ensure!(KINDS.contains(&&*kind), "`by {kind}`: no such tests");
    ensure!(!old.is_empty(), "there is no `-` line");
    Ok(Mutation {
        krate: krate.to_owned(),
        title: block[0].to_owned(),
        file: file.context("`in` is missing")?,
        by: Oracle { kind, filter },
        after,
        old,
        new,
    })
}

/// Brings the copy to where the tree is, touching nothing that is the same: Cargo goes by the time of writing.
fn copy_tree(sh: &Shell) -> anyhow::Result<()> {
    let list = cmd!(sh, "git ls-files --cached --others --exclude-standard").quiet().read()?;
    let wanted: BTreeSet<_> = list.lines().filter(|it| sh.path_exists(it)).collect();
    for file in &wanted {
        let (from, to) = (sh.current_dir().join(file), sh.current_dir().join(TREE).join(file));
        let text = std::fs::read(&from).with_context(|| from.display().to_string())?;
        if std::fs::read(&to).ok().as_ref() != Some(&text) {
            std::fs::create_dir_all(to.parent().context("a file is in a folder")?)?;
            std::fs::write(&to, text)?;
        }
    }
    remove_others(&sh.current_dir().join(TREE), Path::new(""), &wanted)
}

fn remove_others(tree: &Path, dir: &Path, wanted: &BTreeSet<&str>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(tree.join(dir))? {
        let entry = entry?;
        let path = dir.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            remove_others(tree, &path, wanted)?;
        } else if !path.to_str().is_some_and(|it| wanted.contains(it)) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn try_out(
    sh: &Shell,
    mutation: &Mutation,
    whole: &str,
    known: &mut BTreeMap<(String, String), Baseline>,
) -> anyhow::Result<Verdict> {
    let mutated = mutation.apply(whole)?;
    let key = (mutation.krate.clone(), mutation.by.kind.clone());
    if !known.contains_key(&key) {
        known.insert(key.clone(), baseline(sh, &key.0, &key.1)?);
    }
    let baseline = &known[&key];
    let filter = mutation.by.filter.as_deref();
    let is_there = |part: &str| baseline.names.iter().any(|it| it.contains(part));
    ensure!(filter.is_none_or(is_there), "there is no test `{}`", mutation.by);

    sh.write_file(Path::new(TREE).join(mutation.path()), mutated)?;
    let tests = build(sh, &mutation.krate, &mutation.by.kind)?;
    let limit = Duration::from_secs(15) + 4 * baseline.takes;
    let dir = sh.current_dir().join(TREE).join("crates").join(&mutation.krate);
    execute(&tests, filter, &dir, limit)
}

/// Sees that the tests pass as long as nothing is broken.
fn baseline(sh: &Shell, krate: &str, kind: &str) -> anyhow::Result<Baseline> {
    let tests = build(sh, krate, kind)?;
    let list = cmd!(sh, "{tests} --list").quiet().ignore_stderr().read()?;
    let names = list.lines().filter_map(|it| it.strip_suffix(": test")).map(ToOwned::to_owned);
    let names = names.collect();
    let start = Instant::now();
    let dir = sh.current_dir().join(TREE).join("crates").join(krate);
    match execute(&tests, None, &dir, Duration::from_secs(600))? {
        Verdict::Passed => Ok(Baseline { takes: start.elapsed(), names }),
        _ => bail!("`{kind}` of {krate} fails though nothing is broken"),
    }
}

/// Builds the tests in the copy; returns the program.
fn build(sh: &Shell, krate: &str, kind: &str) -> anyhow::Result<PathBuf> {
    let (target, cfg): (&[&str], _) = match kind {
        "unit" => (&["--lib"], ""),
        "loom" => (&["--profile", "loom", "--test", "races"], "--cfg tidegate_loom"),
        "shuttle" => (&["--profile", "loom", "--test", "crowd"], "--cfg tidegate_shuttle"),
        program => (&["--test", program], ""),
    };
    let features = (krate != AS_IT_IS).then_some("--all-features");
    let folder = if cfg.is_empty() { "plain" } else { kind };
    // Little is built, often.
    let _quick = ["CARGO_INCREMENTAL", "CARGO_PROFILE_DEV_DEBUG"]
        .into_iter()
        .zip(["1", "0"])
        .map(|(name, value)| sh.push_env(name, value))
        .collect::<Vec<_>>();
    // No word of what the compiler finds odd in broken code.
    let _flags = sh.push_env("RUSTFLAGS", format!("{cfg} --cap-lints allow").trim_start());
    let _dir = sh.push_env(
        "CARGO_TARGET_DIR",
        sh.current_dir().join("target/mutants").join(folder).as_os_str(),
    );
    let _in = sh.push_dir(TREE);
    let built = cmd!(
        sh,
        "cargo test --quiet --package {krate} {features...} {target...} --no-run --message-format json-render-diagnostics"
    )
    .quiet()
    .ignore_status()
    .output()?;
    if !built.status.success() {
        bail!("does not build\n{}", String::from_utf8_lossy(&built.stderr));
    }
    let messages = String::from_utf8_lossy(&built.stdout);
    let program = messages.lines().rev().find_map(|it| {
        let (_, rest) = it.split_once("\"executable\":\"")?;
        Some(rest.split_once('"')?.0)
    });
    Ok(program.context("cargo names the program that it built")?.into())
}

/// Runs the tests, for `limit` at most.
fn execute(
    tests: &Path,
    filter: Option<&str>,
    dir: &Path,
    limit: Duration,
) -> anyhow::Result<Verdict> {
    let mut child = Command::new(tests)
        .args(filter)
        .current_dir(dir)
        // A failure that is remembered would be tried first the next time, and hide that chance does not find it.
        .env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(if status.success() { Verdict::Passed } else { Verdict::Failed });
        }
        if start.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            return Ok(Verdict::Hung);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
