use std::time::Duration;

use crate::Rate;

/// How a gate opens again when its time is up.
///
/// The right one depends on what stands behind the gate. A server that counts requests in fixed windows and says
/// when the next one begins is served best by [`All`](Self::All). A server that hands out so many requests per
/// second refuses most of a herd that is let loose at once, which shuts the gate again: there, opening all at once
/// was measured (in simulated time) to take five times as long as need be, with five refusals for each answer, where
/// [`Learned`](Self::Learned) takes 1.2 times as long with three refusals in a thousand answers.
///
/// # Examples
///
/// ```
/// use tidegate_time_lock::{LearnedPace, Reopen, TimeLock};
///
/// let gate = TimeLock::builder().reopen(Reopen::Learned(LearnedPace::default())).build();
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Reopen {
    /// Everybody at once, in the order in which they came.
    #[default]
    All,
    /// A few first; everybody once one of them [succeeded](crate::Pass::ok).
    Probe {
        /// How many may be out without a verdict, at least one.
        n: u32,
    },
    /// One after the other at this rate, from the first pause on, also while the gate is open.
    Paced(Rate),
    /// As [`Paced`](Self::Paced), faster and faster, until the pace is too fast to matter.
    Ramp {
        /// The pace at the start.
        start: Rate,
        /// How long it takes the pace to double.
        double_every: Duration,
    },
    /// One probe, then at the pace that the answers so far suggest.
    Learned(LearnedPace),
}

/// A pace that settles on what the other side accepts.
///
/// Until the first refusal there is no pace, but for a cautious start. Each refusal is a measurement: the other side
/// allows at least what was accepted since the refusal before it, over the time that took, and less than the pace
/// of the moment. The pace goes on between the two, from there towards what was refused, and more patiently each
/// time it ends at the same place. When nothing was refused for long, it tries a little more.
///
/// It learns from verdicts: report every answer with [`Pass::ok`](crate::Pass::ok) or
/// [`Pass::refused`](crate::Pass::refused).
///
/// # Examples
///
/// ```
/// use tidegate_time_lock::{LearnedPace, Reopen, TimeLock};
///
/// // Eight requests at once to begin with, instead of four.
/// let pace = LearnedPace::default().cold_start(8);
/// let gate = TimeLock::builder().reopen(Reopen::Learned(pace)).build();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LearnedPace {
    pub(crate) cold_start: u32,
}

impl LearnedPace {
    /// The default: a cautious start with four requests.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::LearnedPace;
    /// const PACE: LearnedPace = LearnedPace::new();
    /// assert_eq!(PACE, LearnedPace::default().cold_start(4));
    /// ```
    pub const fn new() -> Self {
        Self { cold_start: 4 }
    }

    /// A cautious start: `first` requests at once, the rest at a pace that starts low and doubles each second
    /// until something is refused.
    ///
    /// Without it (`first` = 0) nothing holds the first herd back, and most of it is refused by a server that
    /// has a limit. The default is 4.
    #[must_use]
    pub const fn cold_start(mut self, first: u32) -> Self {
        self.cold_start = first;
        self
    }
}

impl Default for LearnedPace {
    fn default() -> Self {
        Self::new()
    }
}
