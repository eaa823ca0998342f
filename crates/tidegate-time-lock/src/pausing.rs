// How it works
//
// A gate whose passes come with permits. Whether it is open and whether a permit is free is one decision, under the
// gate's one lock, about whoever is first in its one line: so nobody who waits holds a permit, and nobody who got one
// finds the gate shut. The permits are counted in the gate's core (seats.rs); this file is the handle, its future
// (permit.rs) is the gate's with another note.

use std::fmt;
use std::sync::Arc;

use crate::line::Note;
use crate::{
    Aimd, Classify, Closed, LearnedPace, NoRefusals, Pass, Permit, PermitFut, Permits, Reopen,
    Requeue, RetryBudget, RunError, TimeLock, TimeLockBuilder, TryAcquireError, Verdict,
};

/// So many requests at a time, and none at all for a while after one was refused.
///
/// A semaphore and a [`TimeLock`] in one: a permit is given when the gate is open and a permit is free, which is one
/// decision. With two objects it is two, and whichever is asked first, something is wrong: who waits for a permit behind
/// the gate sends in the middle of a pause, and who waits at the gate with a permit keeps it from those who could use it.
///
/// [`run`](Self::run) looks at every result with a [classifier](Classify) and shuts the gate each time it finds a
/// refusal, not only the first time. How many run at a time [adapts](Aimd), and so does the
/// [pace](LearnedPace) after a pause: the one helps with servers that limit how much they work on at once, the other
/// with servers that limit how much they take per second.
///
/// It is a handle; clones share the gate and the permits.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use std::time::Duration;
/// use tidegate_time_lock::{PausingSemaphore, Verdict};
///
/// #[derive(Debug, PartialEq)]
/// struct TooManyRequests;
///
/// let requests = PausingSemaphore::builder()
///     .permits(3)
///     .classify(|result: &Result<&str, TooManyRequests>| match result {
///         Ok(_) => Verdict::Ok,
///         Err(TooManyRequests) => Verdict::refused(Duration::from_secs(5)),
///     })
///     .build();
///
/// assert_eq!(requests.run(async { Ok("a page") }).await, Ok("a page"));
/// // An error goes through to its caller, and everybody else waits.
/// assert_eq!(requests.run(async { Err(TooManyRequests) }).await, Err(TooManyRequests));
/// assert!(requests.gate().is_locked());
///
/// let before = tokio::time::Instant::now();
/// assert!(requests.run(async { Ok("another page") }).await.is_ok());
/// assert!(before.elapsed() >= Duration::from_secs(5));
/// # }
/// ```
///
/// # Fairness
///
/// First come, first served, as with a [`TimeLock`].
///
/// # Cost
///
/// Taking a permit and giving it back is a lock each, and one allocation for what is to be remembered about it.
pub struct PausingSemaphore<C = NoRefusals> {
    gate: TimeLock,
    classify: Arc<C>,
}

impl PausingSemaphore {
    /// So many at a time, without a classifier: [report](Permit::refused) by hand.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::{Closed, PausingSemaphore};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Closed> {
    /// let requests = PausingSemaphore::new(3);
    /// let mut permit = requests.acquire().await?;
    /// // The head of the answer is here: everybody is to know now, not when its body has been read.
    /// permit.refused(Duration::from_secs(1));
    /// assert!(requests.gate().is_locked());
    /// assert_eq!(requests.permits().in_use, 1);
    /// drop(permit);
    /// assert_eq!(requests.permits().in_use, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(permits: usize) -> Self {
        Self::builder().permits(permits).build()
    }

    /// Makes one with other rules.
    pub const fn builder() -> PausingSemaphoreBuilder {
        PausingSemaphoreBuilder {
            permits: 1,
            aimd: Some(Aimd::new()),
            gate: TimeLockBuilder::new().reopen(Reopen::Learned(LearnedPace::new().cold_start(0))),
            classify: NoRefusals,
        }
    }
}

impl<C> PausingSemaphore<C> {
    /// Takes a permit, waiting in line until the gate is open and one is free.
    ///
    /// # Errors
    ///
    /// When the gate is closed, or when the wait needs a timer and there is no tokio runtime for it.
    ///
    /// # Cancel safety
    ///
    /// Strict, but for the place in line. A dropped wait takes nothing; asking again joins the end of the line.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::{Closed, PausingSemaphore};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Closed> {
    /// let requests = PausingSemaphore::new(1);
    /// let permit = requests.acquire().await?;
    /// assert!(requests.try_acquire().is_err());
    /// drop(permit);
    /// assert!(requests.try_acquire().is_ok());
    /// # Ok(())
    /// # }
    /// ```
    pub fn acquire(&self) -> PermitFut<'_> {
        PermitFut::new(&self.gate, None)
    }

    /// As [`acquire`](Self::acquire), with the place in line of an earlier permit.
    ///
    /// # Cancel safety
    ///
    /// Weak. Dropping the future gives up the place; asking again joins the end of the line.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::{Closed, PausingSemaphore};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Closed> {
    /// let requests = PausingSemaphore::new(1);
    /// let mut permit = requests.acquire().await?;
    /// permit.refused(Duration::from_secs(1));
    /// let permit = requests.acquire_again(permit.requeue()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn acquire_again(&self, place: Requeue) -> PermitFut<'_> {
        PermitFut::new(&self.gate, Some(place))
    }

    /// Takes a permit if that needs no waiting this instant and nobody waits.
    ///
    /// # Errors
    ///
    /// When it does; the error says why.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::{PausingSemaphore, TryAcquireError};
    /// let requests = PausingSemaphore::new(1);
    /// let permit = requests.try_acquire().unwrap();
    /// assert_eq!(requests.try_acquire().unwrap_err(), TryAcquireError::Full);
    /// # drop(permit);
    /// ```
    pub fn try_acquire(&self) -> Result<Permit, TryAcquireError> {
        let note = Note { seat: true, ..Note::default() };
        let pass = self.gate.try_acquire_slowly(note)?;
        Ok(Permit::new(Pass::decided(pass)))
    }

    /// Runs a request with a permit and shuts the gate if its result is a refusal.
    ///
    /// The result is its own, whatever the classifier makes of it.
    ///
    /// # Panics
    ///
    /// When the gate is closed: there is no result then. Who closes gates that are in use has
    /// [`run_retrying`](Self::run_retrying) or [`acquire`](Self::acquire), which say so. When the classifier does.
    ///
    /// # Cancel safety
    ///
    /// As safe as the request: the permit comes back, and a request that was cut short has no verdict.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::{PausingSemaphore, Verdict};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let requests = PausingSemaphore::builder()
    ///     .permits(3)
    ///     .classify(|result: &Result<String, u16>| match result {
    ///         Err(429) => Verdict::refused(None),
    ///         _ => Verdict::Ok,
    ///     })
    ///     .build();
    /// assert_eq!(requests.run(async { Err(404) }).await, Err(404));
    /// assert!(!requests.gate().is_locked());
    /// # }
    /// ```
    pub async fn run<F, T, E>(&self, request: F) -> Result<T, E>
    where
        F: IntoFuture<Output = Result<T, E>>,
        C: Classify<T, E>,
    {
        let mut permit =
            self.acquire().await.expect("the gate of a semaphore in use is not closed");
        let result = request.into_future().await;
        permit.verdict(self.classify.classify(&result));
        result
    }

    /// Runs a request again, with its old place in line, for as long as it is refused and the budget allows.
    ///
    /// # Errors
    ///
    /// Those of the request, with a word about why it was not tried again. Of a refusal that came as an `Ok` it is that
    /// `Ok`, when the budget is spent.
    ///
    /// # Panics
    ///
    /// When the classifier does.
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::{PausingSemaphore, RetryBudget, Verdict};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let requests = PausingSemaphore::builder()
    ///     .permits(3)
    ///     .classify(|result: &Result<&str, u16>| match result {
    ///         Err(429) => Verdict::refused(Duration::from_secs(1)),
    ///         _ => Verdict::Ok,
    ///     })
    ///     .build();
    /// let mut answers = [Err(429), Err(429), Ok("a page")].into_iter();
    /// let budget = RetryBudget::new();
    /// let page = requests.run_retrying(&budget, || std::future::ready(answers.next().unwrap())).await;
    /// assert_eq!(page.unwrap(), "a page");
    /// # }
    /// ```
    pub async fn run_retrying<F, R, T, E>(
        &self,
        budget: &RetryBudget,
        mut request: F,
    ) -> Result<T, RunError<E>>
    where
        F: FnMut() -> R,
        R: IntoFuture<Output = Result<T, E>>,
        C: Classify<T, E>,
    {
        let mut place = None;
        let mut attempts = budget.begin();
        loop {
            let permit = PermitFut::new(&self.gate, place.take()).await;
            let mut permit = permit.map_err(|Closed| RunError::Closed)?;
            let result = request().into_future().await;
            let verdict = self.classify.classify(&result);
            permit.verdict(verdict);
            if !matches!(verdict, Verdict::Refused { .. }) {
                return result.map_err(RunError::Failed);
            }
            if permit.is_isolated() {
                return result.map_err(RunError::RequestRefused);
            }
            if !attempts.another() {
                return result.map_err(RunError::Refused);
            }
            place = Some(permit.requeue());
        }
    }

    /// The gate: to shut it, to open it, to look at it.
    ///
    /// Passing it takes no permit, but a place in the same line.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::PausingSemaphore;
    /// let requests = PausingSemaphore::new(3);
    /// requests.gate().lock_for(Duration::from_secs(1));
    /// assert!(requests.try_acquire().is_err());
    /// ```
    pub fn gate(&self) -> &TimeLock {
        &self.gate
    }

    /// How many permits there are, how many are out, and how many were asked for.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::PausingSemaphore;
    /// let requests = PausingSemaphore::new(3);
    /// assert_eq!(requests.permits().limit, 3);
    /// ```
    pub fn permits(&self) -> Permits {
        self.gate.shared().permits().expect("a semaphore's gate counts permits")
    }

    /// Sets how many permits there are.
    ///
    /// Fewer than are out takes effect as they come back.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::PausingSemaphore;
    /// let requests = PausingSemaphore::new(2);
    /// let (one, two) = (requests.try_acquire(), requests.try_acquire());
    /// requests.set_limit(1);
    /// drop(one);
    /// assert!(requests.try_acquire().is_err());
    /// drop(two);
    /// assert!(requests.try_acquire().is_ok());
    /// ```
    pub fn set_limit(&self, permits: usize) {
        self.gate.shared().set_permits(permits);
    }
}

impl<C> Clone for PausingSemaphore<C> {
    fn clone(&self) -> Self {
        Self { gate: self.gate.clone(), classify: Arc::clone(&self.classify) }
    }
}

impl<C> fmt::Debug for PausingSemaphore<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PausingSemaphore").field("gate", &self.gate).finish_non_exhaustive()
    }
}

/// Makes a [`PausingSemaphore`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_time_lock::{PausingSemaphore, Reopen, TimeLock};
///
/// let requests = PausingSemaphore::builder()
///     .permits(10)
///     .without_aimd()
///     .gate(TimeLock::builder().reopen(Reopen::All).max_lock(Duration::from_secs(60)))
///     .build();
/// assert_eq!(requests.permits().wanted, 10);
/// ```
#[derive(Clone, Copy)]
#[must_use = "a builder makes a semaphore only when `build` is called"]
pub struct PausingSemaphoreBuilder<C = NoRefusals> {
    permits: usize,
    aimd: Option<Aimd>,
    gate: TimeLockBuilder,
    classify: C,
}

impl<C> PausingSemaphoreBuilder<C> {
    /// How many at a time; one if not set.
    pub const fn permits(mut self, permits: usize) -> Self {
        self.permits = permits;
        self
    }

    /// How the number adapts; as [`Aimd::new`] says if not set.
    ///
    /// # Panics
    ///
    /// When the part that is left after a refusal is not between nought and one.
    #[track_caller]
    pub const fn aimd(mut self, aimd: Aimd) -> Self {
        let Aimd { floor, beta, step } = aimd;
        self.aimd = Some(Aimd::new().floor(floor).beta(beta).step(step));
        self
    }

    /// The number stays as it is.
    pub const fn without_aimd(mut self) -> Self {
        self.aimd = None;
        self
    }

    /// How the gate opens after a pause; at a [learned pace](LearnedPace), without a cold start, if not set.
    pub const fn reopen(mut self, reopen: Reopen) -> Self {
        self.gate = self.gate.reopen(reopen);
        self
    }

    /// All other rules of the gate, and how it opens.
    pub const fn gate(mut self, rules: TimeLockBuilder) -> Self {
        self.gate = rules;
        self
    }

    /// What tells a refusal from other results: a function.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::{PausingSemaphore, Verdict};
    /// fn judge(result: &Result<String, std::io::Error>) -> Verdict {
    ///     match result {
    ///         Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => Verdict::refused(None),
    ///         Err(_) => Verdict::Ignore,
    ///         Ok(_) => Verdict::Ok,
    ///     }
    /// }
    /// let requests = PausingSemaphore::builder().permits(3).classify(judge).build();
    /// # drop(requests);
    /// ```
    pub fn classify<T, E, F>(self, judge: F) -> PausingSemaphoreBuilder<F>
    where
        F: Fn(&Result<T, E>) -> Verdict + Send + Sync,
    {
        self.classify_with(judge)
    }

    /// As [`classify`](Self::classify), with a [type](Classify) of its own, which may know several kinds of results.
    pub fn classify_with<D>(self, judge: D) -> PausingSemaphoreBuilder<D> {
        let Self { permits, aimd, gate, classify: _ } = self;
        PausingSemaphoreBuilder { permits, aimd, gate, classify: judge }
    }

    /// Makes the semaphore.
    #[must_use]
    pub fn build(self) -> PausingSemaphore<C> {
        let gate = self.gate.permits(self.permits, self.aimd).build();
        PausingSemaphore { gate, classify: Arc::new(self.classify) }
    }
}

impl<C> fmt::Debug for PausingSemaphoreBuilder<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PausingSemaphoreBuilder")
            .field("permits", &self.permits)
            .field("aimd", &self.aimd)
            .field("gate", &self.gate)
            .finish_non_exhaustive()
    }
}
