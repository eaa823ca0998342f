//! Runs the real binary, with an end in sight whatever it does.

use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What hangs fails: nothing here takes a tenth of this.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(120);

/// A folder of a test's own, removed at its end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!(
            "tidegate-fetch-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Scratch {
    /// The path as an argument.
    pub(crate) fn arg(&self) -> &str {
        self.0.to_str().unwrap()
    }

    /// The names of all files, hidden ones too, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.unwrap().file_name().into_string().unwrap()
        };
        let mut names: Vec<_> = std::fs::read_dir(&self.0).unwrap().map(name).collect();
        names.sort();
        names
    }

    /// The contents of all files, in order.
    pub(crate) fn contents(&self) -> Vec<Vec<u8>> {
        let mut contents: Vec<_> =
            self.names().iter().map(|name| std::fs::read(self.0.join(name)).unwrap()).collect();
        contents.sort();
        contents
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A run of the binary.
pub(crate) struct Run {
    child: Child,
    out: Option<JoinHandle<String>>,
    err: Option<JoinHandle<String>>,
    first_line: Option<String>,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    /// A number of the JSON object that is the only output.
    #[track_caller]
    pub(crate) fn number(&self, key: &str) -> f64 {
        let numbers = self.json();
        let found = numbers.iter().find(|(name, _)| name == key);
        found.unwrap_or_else(|| panic!("no {key} in {}", self.out)).1
    }

    /// The JSON object that is the only output: flat, with numbers and nothing else.
    #[track_caller]
    pub(crate) fn json(&self) -> Vec<(String, f64)> {
        assert_eq!(self.out.lines().count(), 1, "{self:?}");
        let inside = self.out.trim().strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        let field = |field: &str| {
            let (name, number) = field.split_once(':').unwrap();
            let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap();
            (name.to_owned(), number.parse().unwrap())
        };
        inside.unwrap().split(',').map(field).collect()
    }

    /// Refused with one clear line that says this.
    #[track_caller]
    pub(crate) fn assert_refused(&self, says: &str) {
        assert_eq!(self.code, Some(2), "{self:?}");
        assert_eq!(self.out, "", "{self:?}");
        assert_eq!(self.err.lines().count(), 1, "{self:?}");
        assert!(self.err.contains(says), "{self:?}");
    }
}

/// Starts the binary with these arguments.
pub(crate) fn start<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate-fetch"));
    command.args(args);
    start_command(command)
}

pub(crate) fn start_command(mut command: Command) -> Run {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let err = read_all(child.stderr.take().unwrap());
    Run { child, out: None, err: Some(err), first_line: None }
}

/// Runs the binary to its end.
pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Ended {
    start(args).end()
}

impl Run {
    /// Waits for the first line it prints.
    pub(crate) fn first_line(&mut self) -> String {
        let mut reader = BufReader::new(self.child.stdout.take().unwrap());
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        self.out = Some(read_all(reader));
        self.first_line = Some(line.clone());
        line
    }

    /// Sends a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let sent =
            Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Watches it until it ends; the most memory that it had, in kilobytes.
    #[cfg(target_os = "linux")]
    pub(crate) fn watch_memory(&mut self) -> u64 {
        let status = format!("/proc/{}/status", self.child.id());
        let start = Instant::now();
        let mut peak = 0;
        // VmHWM is the high-water mark itself; it is gone when the process is, so the last look counts.
        while self.child.try_wait().unwrap().is_none() {
            assert!(start.elapsed() < WATCHDOG, "it hangs");
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
            peak = peak.max(kilobytes.unwrap_or(0));
            std::thread::sleep(Duration::from_millis(5));
        }
        peak
    }

    pub(crate) fn end(mut self) -> Ended {
        let out = match (self.out.take(), self.child.stdout.take()) {
            (Some(out), _) => out,
            (None, stdout) => read_all(stdout.unwrap()),
        };
        let code = self.wait().code();
        let rest = out.join().unwrap();
        Ended {
            code,
            out: self.first_line.take().unwrap_or_default() + &rest,
            err: self.err.take().unwrap().join().unwrap(),
        }
    }

    fn wait(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < WATCHDOG, "it hangs");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_all(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = from.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    })
}
