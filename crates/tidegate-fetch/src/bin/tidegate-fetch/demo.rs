//! `demo`: all of it, on this machine alone.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use std::{fs, io};

use tidegate_fetch::Options;
use tidegate_fetch::codes::Wanted;
use tidegate_fetch::server::{self, Mode, Server};

use crate::args::DemoArgs;
use crate::console::say;
use crate::flags::{announce, job, limit_of};
use crate::run::{open_folder, run};
use crate::usage::{Doing as _, Usage};

/// As many as a server with a limit has to hold back.
const AT_ONCE: usize = 30;

pub(crate) async fn run_demo(args: DemoArgs) -> Result<ExitCode, Usage> {
    let options = server::Options::new(Mode::Demo);
    let limit = limit_of(&options);
    let server = Server::start(options).await.doing("cannot start a server")?;
    let scratch = Scratch::new().doing("cannot make a temporary folder")?;
    let folder = open_folder(scratch.path())?;
    let all = Wanted { all: true, ..Wanted::default() };
    let all = all.codes().map_err(|error| Usage(error.to_string()))?;

    let quiet = args.report.json;
    if !quiet {
        say(format_args!("DEMO site: {}", server.flags_url()));
        say(limit);
        say("Some answers are late, and some are an error or half a file the first time.");
        announce(&all, AT_ONCE);
    }
    let mut options = Options::default();
    options.per_host = AT_ONCE;
    options.timeout = Duration::from_secs(3);
    options.retries = 3;
    let base = server.flags_url();
    let jobs = all.iter().map(|code| job(&base, code));
    let remove = scratch.path().to_owned();
    let at_once = move || drop(fs::remove_dir_all(remove));
    let ended = run(folder, options, args.report, all.len() as u64, jobs, at_once).await?;
    let halves = half_files(scratch.path()).doing("cannot look at the files")?;
    ended.show("flag", args.report);
    let seen = server.stop().await;
    if !quiet {
        say(format_args!("{:3} half files.", halves));
        say(format_args!("The server counted {seen}."));
        say(format_args!("{:3} requests sent while the gate was shut.", seen.sent_while_shut));
    }
    Ok(ended.exit_code())
}

/// How many files are not whole pictures.
fn half_files(folder: &Path) -> io::Result<usize> {
    let mut halves = 0;
    for entry in fs::read_dir(folder)? {
        let file = fs::read(entry?.path())?;
        // Every PNG ends with an empty chunk of this name and its checksum.
        halves += usize::from(!file.ends_with(b"\0\0\0\0IEND\xae\x42\x60\x82"));
    }
    Ok(halves)
}

/// A folder for this run, removed with all that is in it.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> io::Result<Self> {
        let base = std::env::temp_dir();
        for n in 0.. {
            let path = base.join(format!("tidegate-demo-{}-{n}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        unreachable!("one of the numbers is free")
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
