//! Who takes part.

use std::sync::Arc;

use async_trait::async_trait;

use crate::wire::Wire;

mod gates;
mod limiter;
mod loops;
mod reqwest_retry;
#[cfg(feature = "retry-after")]
mod retry_after;
mod seed;
mod tower_retry;

/// One way of asking until the answer is yes.
#[async_trait]
pub(crate) trait Client: Send + Sync {
    /// Has one request answered, however often it takes.
    async fn ask(&self) -> Outcome;

    /// How often it paused everybody, if it does.
    fn pauses(&self) -> Option<u64> {
        None
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Answered,
    GaveUp,
}

/// What a client is made for.
pub(crate) struct Setting {
    pub(crate) wire: Arc<dyn Wire>,
    pub(crate) workers: usize,
    /// What the server takes per second, for those who are told.
    pub(crate) rate: f64,
    pub(crate) seed: u64,
}

#[derive(Debug)]
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) ours: bool,
    /// The one by which ours are judged.
    pub(crate) default: bool,
    /// It was told what the server takes.
    pub(crate) told: bool,
    /// How many requests it sends to nginx: fewer if it takes long for what everybody knows by then.
    pub(crate) requests: u32,
    pub(crate) note: Option<&'static str>,
    pub(crate) make: fn(&Setting) -> Arc<dyn Client>,
}

impl Contender {
    const fn new(name: &'static str, make: fn(&Setting) -> Arc<dyn Client>) -> Self {
        Self { name, ours: false, default: false, told: false, requests: 2000, note: None, make }
    }

    const fn ours(name: &'static str, make: fn(&Setting) -> Arc<dyn Client>) -> Self {
        Self { ours: true, ..Self::new(name, make) }
    }

    const fn note(self, note: &'static str) -> Self {
        Self { note: Some(note), ..self }
    }

    const fn short(self) -> Self {
        Self { requests: 500, ..self }
    }

    const fn told(self) -> Self {
        Self { told: true, ..self }
    }

    const fn default(self) -> Self {
        Self { default: true, ..self }
    }
}

/// Ours first, by how much they learn; then those that pause nobody else, and those that know the answer.
pub(crate) const ALL: &[Contender] = &[
    Contender::ours("TimeLock, all at once", gates::all_at_once).short()
        .note("`TimeLock::new()`: what a server with windows wants, and no other"),
    Contender::ours("TimeLock, probe", gates::probe).short(),
    Contender::ours("TimeLock, ramp", gates::ramp)
        .note("from 10 per second, doubling each second after each pause"),
    Contender::ours("TimeLock, learned", gates::learned)
        .note("without a cold start: most of the refusals are of the first herd"),
    Contender::ours("KeyedTimeLock", gates::keyed)
        .default()
        .note("as `KeyedTimeLock::new()` makes its gates: learned, with a cold start"),
    Contender::ours("PausingSemaphore", gates::semaphore)
        .note("as many permits as workers; fewer after a refusal, and a learned pace"),
    Contender::new("backoff", loops::backoff)
        .note("a loop with full jitter, from 100 ms, doubling to 10 s; heeds no header"),
    Contender::new("Retry-After", loops::retry_after).note(
        "a loop that sleeps as long as its own refusal says, up to a tenth more; as \"backoff\" if it says nothing",
    ),
    Contender::new("reqwest-retry", reqwest_retry::patient).note(
        "100 retries, from 100 ms to 10 s, full jitter. It works out its pauses by the wall clock and sleeps by tokio's, \
         so it can be simulated; its jitter takes no seed, so that its figures differ a little each time",
    ),
    Contender::new("reqwest-retry, 3 retries", reqwest_retry::as_documented).short()
        .note("as its front page has it: from 1 s on; gives up then"),
    Contender::new("tower retry", tower_retry::backoff)
        .note("a policy of ours with its `ExponentialBackoff`, from 100 ms to 10 s, up to the double at random"),
    Contender::new("tower retry, TpsBudget", tower_retry::budget).short()
        .note("the same with its budget as it is by default; gives up when that is spent"),
    Contender::new("a lock, keep first", seed::lock).short()
        .note("one pause for all that is never made longer, then everybody at once: what one writes in ten lines"),
    Contender::new("governor", limiter::exact).told().note(
        "told the rate (the first, where it changes; the mean, where it is a window), one at a time; \
         its clock is tokio's here; waits as its own refusal says if there is one",
    ),
    Contender::new("governor, 1.5 × the rate", limiter::too_fast).told(),
];

/// Against nginx only: it goes by the wall clock, which no test can stop.
pub(crate) const REAL_ONLY: &[Contender] = &[
    #[cfg(feature = "retry-after")]
    Contender::new("reqwest-retry-after", retry_after::middleware).short().note(
        "a loop around its middleware, which holds back requests to a URL that was refused; \
         against nginx only, as it goes by the wall clock",
    ),
];
