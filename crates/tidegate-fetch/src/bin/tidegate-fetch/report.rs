//! What a run shows: a bar on a terminal, or a line for each file; and who is being waited for.

use std::convert::Infallible;
use std::fmt;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use tidegate_fetch::{Job, Outcome, Progress, Watch};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::args::ReportArgs;
use crate::console::{say, warn};
use crate::status::{self, Shut, Teller};

/// Shows how a run goes on.
#[derive(Debug)]
pub(crate) struct Report {
    bar: ProgressBar,
    lines: Lines,
    pauses: Pauses,
}

/// Where it says who is being waited for.
#[derive(Clone, Copy, Debug)]
enum Pauses {
    /// Below the bar.
    Bar,
    /// In lines among the output, or beside it.
    Lines(fn(String)),
    /// Nowhere: the output is for a machine, and nothing else was asked for.
    None,
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
        let bar = ProgressBar::with_draw_target(Some(count), target).with_style(style(BAR));
        if !bar.is_hidden() {
            // The clock goes on during a pause.
            bar.enable_steady_tick(OFTEN);
        }
        let pauses = match (bar.is_hidden(), lines, args.json) {
            (false, ..) => Pauses::Bar,
            (true, Lines::Out, _) => Pauses::Lines(say),
            (true, Lines::None, true) => Pauses::None,
            (true, ..) => Pauses::Lines(warn),
        };
        Self { bar, lines, pauses }
    }

    /// A second handle to the bar, to take it away at the end.
    pub(crate) fn bar(&self) -> ProgressBar {
        self.bar.clone()
    }

    /// Says who is being waited for, for as long as it is polled.
    pub(crate) fn tell(&self, watch: Watch) -> impl Future<Output = Infallible> + use<> {
        let (bar, pauses) = (self.bar.clone(), self.pauses);
        async move {
            let mut teller = Teller::default();
            let mut ticks = interval(OFTEN);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let shut: Vec<Shut> = watch.shut().into_iter().map(Shut::from).collect();
                match pauses {
                    Pauses::Bar => below(&bar, status::line(&shut)),
                    Pauses::Lines(say) => {
                        teller.lines(Instant::now(), &shut).into_iter().for_each(say);
                    }
                    Pauses::None => std::future::pending().await,
                }
            }
        }
    }
}

/// How often a bar is drawn, and it is looked who is shut.
const OFTEN: Duration = Duration::from_millis(200);

const BAR: &str = "{percent:>3}%|{wide_bar}| {pos}/{len} [{elapsed}<{eta}, {rate}]";
const BAR_AND_LINE: &str =
    "{percent:>3}%|{wide_bar}| {pos}/{len} [{elapsed}<{eta}, {rate}]\n{wide_msg}";

/// Puts a line below the bar, or takes it away if there is nothing to say.
pub(crate) fn below(bar: &ProgressBar, line: String) {
    match (bar.message().is_empty(), line.is_empty()) {
        (true, true) => return,
        (true, false) => bar.set_style(style(BAR_AND_LINE)),
        (false, true) => bar.set_style(style(BAR)),
        (false, false) => {}
    }
    bar.set_message(line);
}

fn style(template: &str) -> ProgressStyle {
    let rate = |state: &ProgressState, out: &mut dyn fmt::Write| {
        let _ = write!(out, "{:.1}/s", state.per_sec());
    };
    ProgressStyle::with_template(template)
        .expect("the template is a good one")
        .with_key("rate", rate)
}

impl Progress for Report {
    fn ended(&self, job: &Job, outcome: &Outcome) {
        self.bar.inc(1);
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
}
