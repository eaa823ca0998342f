use std::sync::atomic::{AtomicU64, Ordering};

/// How often requests that were refused are tried again.
///
/// Each request has a number of attempts. All requests that share a budget may have a common limit besides, so that
/// when everything is refused, not everything is sent eight times.
///
/// # Examples
///
/// ```
/// use tidegate_time_lock::RetryBudget;
///
/// let patient = RetryBudget::new().attempts(20);
/// // One retry for every five requests, and ten to begin with.
/// let thrifty = RetryBudget::new().share(0.2, 10);
/// # drop((patient, thrifty));
/// ```
#[derive(Debug)]
pub struct RetryBudget {
    attempts: u32,
    /// Millionths of a retry that each request brings, and that there are at most.
    share: Option<(u64, u64)>,
    balance: AtomicU64,
}

/// One retry, as the balance counts it.
const RETRY: u64 = 1_000_000;

impl RetryBudget {
    /// Eight attempts for each request, and no common limit.
    pub const fn new() -> Self {
        Self { attempts: 8, share: None, balance: AtomicU64::new(0) }
    }

    /// How often a request is sent at most, the first time included.
    #[must_use]
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// A common limit: each request brings `part` of a retry with it, and `reserve` are there from the start. No more
    /// than that reserve is ever saved up, or than one retry if there is none.
    ///
    /// # Panics
    ///
    /// When `part` is negative or not a finite number.
    #[must_use]
    #[track_caller]
    pub const fn share(mut self, part: f64, reserve: u32) -> Self {
        assert!(part.is_finite() && part >= 0.0, "a part is a number from nought on");
        let most = reserve as u64 * RETRY;
        self.share = Some(((part * RETRY as f64) as u64, most));
        self.balance = AtomicU64::new(most);
        self
    }

    /// A request is sent for the first time.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_time_lock::RetryBudget;
    ///
    /// let budget = RetryBudget::new().attempts(2);
    /// let mut attempts = budget.begin();
    /// assert!(attempts.another());
    /// assert!(!attempts.another());
    /// ```
    pub fn begin(&self) -> Attempts<'_> {
        if let Some((part, most)) = self.share {
            // Relaxed: a number, which says nothing about anything else.
            let add = |balance: u64| Some(balance.saturating_add(part).min(most.max(RETRY)));
            let _ = self.balance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        }
        Attempts { budget: self, left: self.attempts.saturating_sub(1) }
    }
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self::new()
    }
}

/// What is left of one request's attempts; made by [`RetryBudget::begin`].
///
/// # Examples
///
/// See [`RetryBudget::begin`].
#[derive(Debug)]
#[must_use = "a request that is sent again takes another attempt"]
pub struct Attempts<'a> {
    budget: &'a RetryBudget,
    left: u32,
}

impl Attempts<'_> {
    /// Takes another attempt, if there is one.
    ///
    /// `false`: the request is not to be sent again.
    pub fn another(&mut self) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        let pay = |balance: u64| balance.checked_sub(RETRY);
        self.budget.share.is_none()
            // Relaxed: as above.
            || self.budget.balance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, pay).is_ok()
    }
}

/// Why [`PausingSemaphore::run_retrying`](crate::PausingSemaphore::run_retrying) has no value.
///
/// # Examples
///
/// ```
/// use tidegate_time_lock::{PausingSemaphore, RetryBudget, RunError};
///
/// # tidegate_test::block_on(async {
/// let requests = PausingSemaphore::new(3);
/// let failed = requests.run_retrying(&RetryBudget::new(), async || Err::<(), _>("no such host")).await;
/// assert_eq!(failed, Err(RunError::Failed("no such host")));
/// assert_eq!(failed.unwrap_err().into_inner(), Some("no such host"));
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum RunError<E> {
    /// The request failed, and was not refused.
    #[error("the request failed")]
    Failed(#[source] E),
    /// It was refused, and the budget is spent.
    #[error("the request was refused too often")]
    Refused(#[source] E),
    /// It is refused for its own sake, while others are accepted.
    #[error("the request is refused while others are not")]
    RequestRefused(#[source] E),
    /// The gate is closed, or the runtime whose timer the wait needs is gone.
    #[error("the gate is closed")]
    Closed,
}

impl<E> RunError<E> {
    /// The request's own error.
    pub fn into_inner(self) -> Option<E> {
        match self {
            Self::Failed(error) | Self::Refused(error) | Self::RequestRefused(error) => Some(error),
            Self::Closed => None,
        }
    }
}
