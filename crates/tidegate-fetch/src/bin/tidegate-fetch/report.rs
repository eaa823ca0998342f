//! What a run shows: a bar on a terminal, or a line for each file.

use std::fmt;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use tidegate_fetch::{Job, Outcome, Progress};

use crate::args::ReportArgs;
use crate::console::{say, warn};

/// Shows how a run goes on.
#[derive(Debug)]
pub(crate) struct Report {
    bar: ProgressBar,
    lines: Lines,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lines {
    None,
    /// Among the output.
    Out,
    /// Beside it, because the output is for a machine.
    Err,
}

impl Report {
    /// For so many files. There is a bar if somebody can see it: on a terminal, and with no lines in its way.
    pub(crate) fn new(args: ReportArgs, count: u64) -> Self {
        let lines = match (args.verbose, args.json) {
            (false, _) => Lines::None,
            (true, false) => Lines::Out,
            (true, true) => Lines::Err,
        };
        let target = if args.verbose || args.json {
            ProgressDrawTarget::hidden()
        } else {
            // Draws nothing when the standard error is no terminal.
            ProgressDrawTarget::stderr()
        };
        let bar = ProgressBar::with_draw_target(Some(count), target).with_style(style());
        if !bar.is_hidden() {
            // The clock goes on during a pause.
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Self { bar, lines }
    }

    /// A second handle to the bar, to take it away at the end.
    pub(crate) fn bar(&self) -> ProgressBar {
        self.bar.clone()
    }
}

fn style() -> ProgressStyle {
    let rate = |state: &ProgressState, out: &mut dyn fmt::Write| {
        let _ = write!(out, "{:.1}/s", state.per_sec());
    };
    ProgressStyle::with_template(
        "{percent:>3}%|{wide_bar}| {pos}/{len} [{elapsed}<{eta}, {rate}] {msg}",
    )
    .expect("the template is a good one")
    .with_key("rate", rate)
}

impl Progress for Report {
    fn ended(&self, job: &Job, outcome: &Outcome) {
        self.bar.inc(1);
        self.bar.set_message("");
        let line = match outcome {
            Outcome::NotFound => format!("{} not found: {}", job.label(), job.shown_url()),
            _ => format!("{} {outcome}", job.label()),
        };
        match self.lines {
            Lines::None => {}
            Lines::Out => say(line),
            Lines::Err => warn(line),
        }
    }

    fn paused(&self, host: &str, pause: Duration, waiting: usize) {
        let message = format!("{host} shut for {:.1} s, {waiting} waiting", pause.as_secs_f64());
        if self.lines == Lines::Out {
            say(&message);
        }
        self.bar.set_message(message);
    }
}
