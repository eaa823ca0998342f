//! What `demo`, `flags` and `get` have in common: a run from the arguments to the exit code.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use tidegate_fetch::save::Folder;
use tidegate_fetch::{Fetcher, Job, Options, Stop, Summary};
use tokio::task::JoinHandle;

use crate::args::ReportArgs;
use crate::console::say;
use crate::report::{Report, below};
use crate::signals::Signals;
use crate::usage::{Doing as _, Usage};

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) summary: Summary,
    interrupted: Option<u8>,
}

impl Ended {
    /// 0 if every file came, 1 if some did not, 130 after Ctrl-C.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self.interrupted {
            Some(code) => ExitCode::from(code),
            None if self.summary.is_complete() => ExitCode::SUCCESS,
            None => ExitCode::FAILURE,
        }
    }

    pub(crate) fn show(&self, thing: &str, report: ReportArgs) {
        if report.json {
            say(self.summary.to_json());
        } else {
            say(self.summary.of(thing));
        }
    }
}

/// The folder to save to, or why it is of no use.
pub(crate) fn open_folder(path: &Path) -> Result<Folder, Usage> {
    Folder::open(path).doing(format_args!("cannot save to {}", path.display()))
}

/// Downloads everything, unless it is interrupted.
///
/// `at_once` is called when the process ends at once, after the second Ctrl-C.
pub(crate) async fn run(
    folder: Folder,
    options: Options,
    report: ReportArgs,
    count: u64,
    jobs: impl Iterator<Item = Job>,
    at_once: impl FnOnce() + Send + 'static,
) -> Result<Ended, Usage> {
    let fetcher = Fetcher::new(folder.clone(), options).doing("cannot start")?;
    let abandon = move || {
        folder.abandon();
        at_once();
    };
    let watch = Watch::start(fetcher.stop(), abandon)?;
    let report = Report::new(report, count);
    let bar = report.bar();
    let telling = report.tell(fetcher.watch());
    let summary = tokio::select! {
        biased;
        summary = fetcher.run(jobs, report) => summary,
        never = telling => match never {},
    };
    below(&bar, String::new());
    if bar.position() == count {
        bar.finish()
    } else {
        bar.abandon()
    }
    Ok(Ended { summary, interrupted: watch.end() })
}

/// Watches for signals while a run goes on.
///
/// The first ends the run in good order, the second the process at once, without leaving half a file.
struct Watch {
    watching: JoinHandle<()>,
    /// The exit code that the first signal asks for, or 0.
    code: Arc<AtomicI32>,
}

impl Watch {
    fn start(stop: Stop, at_once: impl FnOnce() + Send + 'static) -> Result<Self, Usage> {
        let mut signals = Signals::new().doing("cannot wait for Ctrl-C")?;
        let code = Arc::new(AtomicI32::new(0));
        let first = Arc::clone(&code);
        let watching = tokio::spawn(async move {
            first.store(signals.next().await, Ordering::Relaxed);
            stop.now();
            let code = signals.next().await;
            at_once();
            std::process::exit(code);
        });
        Ok(Self { watching, code })
    }

    fn end(self) -> Option<u8> {
        self.watching.abort();
        u8::try_from(self.code.load(Ordering::Relaxed)).ok().filter(|&code| code != 0)
    }
}
