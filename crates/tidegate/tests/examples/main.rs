//! Every example is run, and prints what its first page says: the block marked `text` there.
//!
//! A line of that block with `…` in it stands for every line that begins and ends like it.
#![cfg(feature = "full")]

mod dns;
mod flags;
mod probe_domains;
mod program;

use std::path::{Path, PathBuf};
use std::{fs, thread};

use program::Program;

/// The one example that asks for a feature that is not on by default, and for Unix.
const WITH_PROCESSES: &str = "run_in_executor";
const HAS_PROCESSES: bool = cfg!(all(unix, feature = "process"));

/// The one that asks for something that is not there without a network; it has tests of its own.
const WITH_A_NETWORK: &str = "probe_domains";

#[test]
fn every_example_prints_what_its_first_page_says() {
    let runs = |name: &str| (HAS_PROCESSES || name != WITH_PROCESSES) && name != WITH_A_NETWORK;
    let sources: Vec<_> = sources().filter(|it| runs(&name(it))).collect();
    assert!(!sources.is_empty(), "there are examples");
    // At the same time: some take a second of real time.
    let ran = thread::scope(|scope| {
        let running: Vec<_> = sources.iter().map(|it| scope.spawn(|| check(it))).collect();
        running.into_iter().map(|it| it.join().expect("it only looks")).collect::<Vec<_>>()
    });
    let wrong: Vec<_> = ran.into_iter().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_guide_names_every_example() {
    let page = include_str!("../../src/guide/programs.md");
    for source in sources() {
        let name = name(&source);
        assert!(page.contains(&format!("[`{name}`]")), "programs.md does not mention {name}");
    }
}

fn sources() -> impl Iterator<Item = PathBuf> {
    let files =
        fs::read_dir(folder()).expect("there is a folder").map(|it| it.expect("read").path());
    files.filter(|it| it.extension().is_some_and(|it| it == "rs"))
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

fn name(source: &Path) -> String {
    source.file_stem().expect("a name").to_string_lossy().into_owned()
}

/// Runs the example of this source; an error says what is wrong.
fn check(source: &Path) -> Result<(), String> {
    let name = name(source);
    let promised = promised(&name)?;
    let printed = Program::start(&name, &[])?.rest()?;
    let printed: Vec<_> = printed.lines().collect();
    if as_promised(&promised, &printed) {
        return Ok(());
    }
    let (promised, printed) = (promised.join("\n"), printed.join("\n"));
    Err(format!("{name} promises\n{promised}\n\nand prints\n{printed}\n"))
}

/// The lines between ```` ```text ```` and ```` ``` ```` on the first page of an example.
fn promised(name: &str) -> Result<Vec<String>, String> {
    let source = fs::read_to_string(folder().join(name).with_extension("rs"));
    let source = source.expect("the source can be read");
    let page = source.lines().map_while(|line| line.strip_prefix("//!"));
    let mut page = page.map(|line| line.strip_prefix(' ').unwrap_or(line));
    let block = page.find(|line| *line == "```text");
    block.ok_or(format!("{name}: its first page has no block `text`"))?;
    Ok(page.take_while(|line| *line != "```").map(str::to_owned).collect())
}

fn as_promised(promised: &[String], printed: &[&str]) -> bool {
    let same = |(promised, printed): (&String, &&str)| match promised.split_once('…') {
        None => promised == printed,
        Some((begin, end)) => {
            let rest = printed.strip_prefix(begin);
            rest.is_some_and(|rest| rest.ends_with(end))
        }
    };
    promised.len() == printed.len() && promised.iter().zip(printed).all(same)
}
