//! Every example is run, and prints what its first page says: the block marked `text` there.
//!
//! A line of that block with `…` in it stands for every line that begins and ends like it.
#![cfg(feature = "full")]

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use std::{env, fs, thread};

/// What hangs fails: no example takes a tenth of this.
const WATCHDOG: Duration = Duration::from_secs(120);

/// The one example that asks for a feature that is not on by default, and for Unix.
const WITH_PROCESSES: &str = "run_in_executor";
const HAS_PROCESSES: bool = cfg!(all(unix, feature = "process"));

#[test]
fn every_example_prints_what_its_first_page_says() {
    let sources: Vec<_> =
        sources().filter(|it| HAS_PROCESSES || name(it) != WITH_PROCESSES).collect();
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
fn the_front_page_names_every_example() {
    let page = include_str!("../README.md");
    for source in sources() {
        let name = name(&source);
        assert!(page.contains(&format!("[`{name}`]")), "README.md does not mention {name}");
    }
}

fn sources() -> impl Iterator<Item = PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let files = fs::read_dir(folder).expect("there is a folder").map(|it| it.expect("read").path());
    files.filter(|it| it.extension().is_some_and(|it| it == "rs"))
}

fn name(source: &Path) -> String {
    source.file_stem().expect("a name").to_string_lossy().into_owned()
}

/// Runs the example of this source; an error says what is wrong.
fn check(source: &Path) -> Result<(), String> {
    let name = name(source);
    let text = fs::read_to_string(source).expect("the source can be read");
    let promised = promised(&text).ok_or(format!("{name}: its first page has no block `text`"))?;
    let printed = run(&name, source)?;
    if as_promised(&promised, &printed) {
        return Ok(());
    }
    let (promised, printed) = (promised.join("\n"), printed.join("\n"));
    Err(format!("{name} promises\n{promised}\n\nand prints\n{printed}\n"))
}

/// The lines between ```` ```text ```` and ```` ``` ```` on the first page.
fn promised(source: &str) -> Option<Vec<&str>> {
    let page = source.lines().map_while(|line| line.strip_prefix("//!"));
    let mut page = page.map(|line| line.strip_prefix(' ').unwrap_or(line));
    page.find(|line| *line == "```text")?;
    Some(page.take_while(|line| *line != "```").collect())
}

fn as_promised(promised: &[&str], printed: &[String]) -> bool {
    let same = |(promised, printed): (&&str, &String)| match promised.split_once('…') {
        None => promised == printed,
        Some((begin, end)) => {
            let rest = printed.strip_prefix(begin);
            rest.is_some_and(|rest| rest.ends_with(end))
        }
    };
    promised.len() == printed.len() && promised.iter().zip(printed).all(same)
}

fn run(name: &str, source: &Path) -> Result<Vec<String>, String> {
    // Cargo builds the examples along with the tests, and says of programs only where they are.
    let tests = env::current_exe().expect("a test is a program");
    let built = tests.ancestors().nth(2).expect("a target folder").join("examples").join(name);
    let built = built.with_extension(env::consts::EXE_EXTENSION);
    let time = |path: &Path| fs::metadata(path).and_then(|it| it.modified()).ok();
    if time(&built) < time(source) {
        return Err(format!(
            "{name} is not built: `cargo test -p tidegate` does, with no `--test`"
        ));
    }

    let mut child = Command::new(built)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{name} does not start: {error}"))?;
    let said = read_all(child.stderr.take());
    let printed = read_all(child.stdout.take());
    let Ok(printed) = printed.recv_timeout(WATCHDOG) else {
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("{name} hangs"));
    };
    let status = child.wait().expect("it is our child");
    if status.success() {
        Ok(printed.lines().map(str::to_owned).collect())
    } else {
        let said = said.recv().unwrap_or_default();
        Err(format!("{name}: {status}\n{printed}\n{said}"))
    }
}

fn read_all(from: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut text = String::new();
        from.into_iter().for_each(|mut from| drop(from.read_to_string(&mut text)));
        sender.send(text)
    });
    receiver
}
