//! An example that runs, and what it prints, as it prints it.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;
use std::{env, fs, thread};

/// What hangs fails: no example takes a tenth of this.
const WATCHDOG: Duration = Duration::from_secs(120);

/// Is killed if it runs still when it is dropped.
pub(crate) struct Program {
    name: String,
    child: Child,
    out: Receiver<u8>,
    err: Receiver<u8>,
}

impl Program {
    pub(crate) fn start(name: &str, arguments: &[&str]) -> Result<Self, String> {
        let mut child = Command::new(built(name)?)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{name} does not start: {error}"))?;
        let (out, err) = (read(child.stdout.take()), read(child.stderr.take()));
        Ok(Self { name: name.to_owned(), child, out, err })
    }

    /// What it prints next, up to this character or to its end.
    pub(crate) fn until(&mut self, end: char) -> Result<String, String> {
        collect(&self.out, Some(end)).ok_or_else(|| format!("{} hangs", self.name))
    }

    /// What it prints from now on, if it ends well.
    pub(crate) fn rest(mut self) -> Result<String, String> {
        let rest = collect(&self.out, None).ok_or_else(|| format!("{} hangs", self.name))?;
        let status = self.child.wait().expect("it is our child");
        if status.success() {
            return Ok(rest);
        }
        let said = collect(&self.err, None).unwrap_or_default();
        Err(format!("{}: {status}\n{rest}\n{said}", self.name))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Cargo builds the examples along with the tests, and says of programs only where they are.
fn built(name: &str) -> Result<PathBuf, String> {
    let tests = env::current_exe().expect("a test is a program");
    let built = tests.ancestors().nth(2).expect("a target folder").join("examples").join(name);
    let built = built.with_extension(env::consts::EXE_EXTENSION);
    let source = crate::folder().join(name).with_extension("rs");
    let time = |path: &Path| fs::metadata(path).and_then(|it| it.modified()).ok();
    match time(&built) < time(&source) {
        true => {
            Err(format!("{name} is not built: `cargo test -p tidegate` does, with no `--test`"))
        }
        false => Ok(built),
    }
}

/// Each byte when it is there.
fn read(from: Option<impl Read + Send + 'static>) -> Receiver<u8> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let bytes = from.into_iter().flat_map(Read::bytes).map_while(Result::ok);
        for byte in bytes {
            if sender.send(byte).is_err() {
                break;
            }
        }
    });
    receiver
}

/// The text up to a character or to the end; `None` if nothing more comes.
fn collect(from: &Receiver<u8>, end: Option<char>) -> Option<String> {
    let mut text = Vec::new();
    loop {
        match from.recv_timeout(WATCHDOG) {
            Ok(byte) if end == Some(byte.into()) => break,
            Ok(byte) => text.push(byte),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => return None,
        }
    }
    Some(String::from_utf8_lossy(&text).into_owned())
}
