//! Rounds, medians, ratios.
//!
//! A round lets every contender do its work once, in an order that turns from round to round (A B C, B C A, …), so
//! that whatever else the machine does meets all of them alike. A ratio is taken within each round, and its median
//! over the rounds is what counts: the processor's speed may drift from one round to the next.

use std::time::{Duration, Instant};

use crate::guarantee::{Guarantee, Who};
use crate::stage::Stage;

/// Work to compare.
pub(crate) struct Scenario {
    /// `group/name`; how it is asked for.
    pub(crate) id: &'static str,
    /// What one operation is.
    pub(crate) what: &'static str,
    pub(crate) unit: Unit,
    /// Single-threaded and the same each time, so that its instructions can be counted.
    pub(crate) counted: bool,
    /// How much of the usual number of rounds.
    pub(crate) rounds: Rounds,
    pub(crate) amount: Amount,
    pub(crate) entries: Vec<Entry>,
}

/// What a scenario's figure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Nanoseconds for one operation: less is better.
    Time,
    /// A part of what would be fair: more is better.
    Share,
    /// How many times what would be fair: less is better.
    Times,
}

/// How much of the usual number of rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rounds {
    All,
    /// It takes long.
    Third,
}

/// How often the work is done in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Amount {
    /// The same for all.
    Fixed(u64),
    /// As often as fits, for each; and so often that what it takes to begin is lost in it.
    AtLeast(u64),
}

/// A contender and its way to do the work.
pub(crate) struct Entry {
    pub(crate) who: Who,
    run: Run,
}

/// Does the work so many times, and says how long it took or how good it was.
type Run = Box<dyn Fn(&Stage, u64) -> Outcome>;

/// What one run gave.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    Took(Duration),
    Was(f64),
}

impl From<Duration> for Outcome {
    fn from(it: Duration) -> Self {
        Self::Took(it)
    }
}

impl Entry {
    pub(crate) fn new<O: Into<Outcome>>(
        who: Who,
        run: impl Fn(&Stage, u64) -> O + 'static,
    ) -> Self {
        Self { who, run: Box::new(move |stage, n| run(stage, n).into()) }
    }

    /// Does the work `n` times.
    pub(crate) fn run(&self, stage: &Stage, n: u64) -> Outcome {
        (self.run)(stage, n)
    }
}

impl Scenario {
    pub(crate) fn new(id: &'static str, what: &'static str, entries: Vec<Entry>) -> Self {
        Self {
            id,
            what,
            unit: Unit::Time,
            counted: false,
            rounds: Rounds::All,
            amount: Amount::AtLeast(64),
            entries,
        }
    }

    pub(crate) fn unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    pub(crate) fn counted(mut self) -> Self {
        self.counted = true;
        self
    }

    /// For tasks of a runtime, which have to be started first.
    pub(crate) fn with_tasks(mut self) -> Self {
        self.amount = Amount::AtLeast(6_400);
        self
    }

    /// For so many waiters that it takes long: a round does `amount`, and there are fewer of them; who walks its
    /// whole line for each waiter stays at home.
    pub(crate) fn crowded(mut self, amount: u64) -> Self {
        self.amount = Amount::Fixed(amount);
        self.rounds = Rounds::Third;
        self.entries.retain(|it| !it.who.walks);
        self
    }

    /// The part before the slash.
    pub(crate) fn group(&self) -> &'static str {
        self.id.split('/').next().unwrap_or(self.id)
    }
}

/// What a contender did in one scenario.
pub(crate) struct Figure {
    pub(crate) who: Who,
    /// One for each round.
    pub(crate) values: Vec<f64>,
    pub(crate) median: f64,
    /// Median of the ratios to the best of those that promise the same (of the others, if it is ours).
    pub(crate) ratio: Option<f64>,
    /// The same to the best peer, whatever it promises.
    pub(crate) of_any: Option<f64>,
    /// Per operation, when they were counted.
    pub(crate) instructions: Option<f64>,
}

/// What all of them did.
pub(crate) struct Table {
    pub(crate) scenario: Scenario,
    pub(crate) figures: Vec<Figure>,
}

/// About how long one contender's part of a round is.
const PART: Duration = Duration::from_millis(8);

/// Lets the contenders compete.
pub(crate) fn measure(scenario: Scenario, rounds: usize) -> Table {
    let stage = Stage::default();
    let amounts: Vec<u64> =
        scenario.entries.iter().map(|it| amount(it, &stage, scenario.amount)).collect();
    let rounds = match scenario.rounds {
        Rounds::All => rounds,
        Rounds::Third => rounds.div_ceil(3),
    };
    let count = scenario.entries.len();
    let mut values = vec![Vec::new(); count];
    for round in 0..rounds {
        for turn in 0..count {
            let who = (round + turn) % count;
            values[who].push(match scenario.entries[who].run(&stage, amounts[who]) {
                Outcome::Took(time) => time.as_secs_f64() * 1e9 / amounts[who] as f64,
                Outcome::Was(value) => value,
            });
        }
    }
    let figures = scenario.entries.iter().zip(values).map(|(entry, values)| Figure {
        who: entry.who,
        median: median(values.clone()),
        values,
        ratio: None,
        of_any: None,
        instructions: None,
    });
    let mut table = Table { figures: figures.collect(), scenario };
    table.compare();
    table
}

/// Lets each contender do a little of the work, with a closer look at what it does.
pub(crate) fn rehearse(scenario: &Scenario) {
    let stage = Stage::rehearsal();
    for entry in &scenario.entries {
        entry.run(&stage, 64);
    }
}

/// How often a contender does the work in one round. Finding it out warms up.
fn amount(entry: &Entry, stage: &Stage, amount: Amount) -> u64 {
    let least = match amount {
        Amount::Fixed(n) => {
            entry.run(stage, n);
            return n;
        }
        Amount::AtLeast(n) => n,
    };
    let mut n = 64;
    loop {
        let start = Instant::now();
        // The shorter of two: what else the machine does must not pass for work, or the rounds would be too short.
        let time = time(entry, stage, n).min(time(entry, stage, n));
        // What is not timed takes time too. And who takes a hundred times as long as the others may do less.
        let enough = time >= PART / 2 && n >= least || time >= PART;
        if enough || start.elapsed() >= PART * 8 {
            let more = PART.as_secs_f64() / time.as_secs_f64().max(1e-9);
            return ((n as f64 * more.clamp(1.0, 2.0)) as u64).max(1);
        }
        n *= 2;
    }
}

fn time(entry: &Entry, stage: &Stage, n: u64) -> Duration {
    let start = Instant::now();
    match entry.run(stage, n) {
        Outcome::Took(time) => time,
        Outcome::Was(_) => start.elapsed(),
    }
}

impl Table {
    /// The best of those that `who` is measured by.
    pub(crate) fn bar(&self, who: &Who) -> Option<&Figure> {
        self.best(|other| who.is_measured_by(other))
    }

    /// The best of all peers, whatever they promise.
    pub(crate) fn best_peer(&self) -> Option<&Figure> {
        self.best(|it| !it.ours && it.breaks.is_none() && it.guarantee != Guarantee::Physical)
    }

    fn best(&self, counts: impl Fn(&Who) -> bool) -> Option<&Figure> {
        let figures = self.figures.iter().filter(|it| counts(&it.who));
        let less = |a: &&Figure, b: &&Figure| a.median.total_cmp(&b.median);
        match self.scenario.unit {
            Unit::Time | Unit::Times => figures.min_by(less),
            Unit::Share => figures.max_by(less),
        }
    }

    fn compare(&mut self) {
        let ratios = self.figures.iter().map(|it| {
            let to = |bar: &Figure| it.ratio_to(bar);
            (self.bar(&it.who).map(to), self.best_peer().map(to))
        });
        let ratios: Vec<_> = ratios.collect();
        for (figure, (ratio, of_any)) in self.figures.iter_mut().zip(ratios) {
            figure.ratio = ratio;
            figure.of_any = of_any;
        }
    }
}

impl Figure {
    fn ratio_to(&self, other: &Self) -> f64 {
        median(self.values.iter().zip(&other.values).map(|(own, other)| own / other).collect())
    }
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Times `work`.
#[inline(always)]
pub(crate) fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

#[cfg(test)]
mod tests;
