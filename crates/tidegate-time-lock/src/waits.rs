use std::fmt;
use std::time::Duration;

/// How many buckets there are: from a millisecond to a little more than a day and a half.
const BUCKETS: usize = 28;

/// How long those waited who passed after a wait: how many, how long together, and about how long each.
///
/// Each bucket is twice as wide as the one before, which is as much as there is to say about waits at the price of a
/// few words for each gate.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// # use tidegate_time_lock::{Closed, TimeLock};
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Closed> {
/// let gate = TimeLock::new();
/// gate.lock_for(Duration::from_secs(3));
/// gate.acquire().await?.ok();
///
/// let wait = gate.stats().wait;
/// assert_eq!(wait.count(), 1);
/// assert!(wait.longest() >= Duration::from_secs(3));
/// assert_eq!((wait.mean(), wait.total()), (wait.longest(), wait.longest()));
/// assert!(wait.quantile(0.99) <= Duration::from_secs(5));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Default, PartialEq)]
pub struct Waits {
    counts: [u32; BUCKETS],
    total: Duration,
    longest: Duration,
}

impl Waits {
    pub(crate) fn add(&mut self, wait: Duration) {
        let count = &mut self.counts[bucket(wait)];
        *count = count.saturating_add(1);
        self.total = self.total.saturating_add(wait);
        self.longest = self.longest.max(wait);
    }

    /// How many waited and passed.
    pub fn count(&self) -> u64 {
        self.counts.iter().copied().map(u64::from).sum()
    }

    /// How long they waited, all together.
    pub fn total(&self) -> Duration {
        self.total
    }

    /// How long they waited on average; nought when nobody did.
    pub fn mean(&self) -> Duration {
        match self.count() {
            0 => Duration::ZERO,
            n => self.total.div_f64(n as f64),
        }
    }

    /// The longest wait.
    pub fn longest(&self) -> Duration {
        self.longest
    }

    /// What this part of all waits did not exceed: the end of the bucket it lies in, or the longest wait.
    ///
    /// # Panics
    ///
    /// When `part` is not between nought and one.
    #[track_caller]
    pub fn quantile(&self, part: f64) -> Duration {
        assert!((0.0..=1.0).contains(&part), "a part of all is between nought and one");
        let wanted = (part * self.count() as f64).ceil();
        let mut seen = 0.0;
        for (end, n) in self.buckets() {
            seen += n as f64;
            if seen >= wanted {
                return end.min(self.longest);
            }
        }
        self.longest
    }

    /// The end of each bucket, which it does not contain, and how many waits lie in it.
    ///
    /// The first one begins at nought and ends at a millisecond; the last one has no end, and [`Duration::MAX`] stands
    /// for it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::{Closed, TimeLock};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Closed> {
    /// let gate = TimeLock::new();
    /// gate.lock_for(Duration::from_secs(3));
    /// gate.acquire().await?.ok();
    /// for (below, count) in gate.stats().wait.buckets().filter(|it| it.1 > 0) {
    ///     println!("{count} waited for less than {below:?}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn buckets(&self) -> impl ExactSizeIterator<Item = (Duration, u64)> + '_ {
        self.counts.iter().enumerate().map(|(i, &n)| {
            let end = match i + 1 {
                BUCKETS => Duration::MAX,
                _ => Duration::from_millis(1 << i),
            };
            (end, u64::from(n))
        })
    }
}

/// The bucket of a wait.
fn bucket(wait: Duration) -> usize {
    let bits = u128::BITS - wait.as_millis().leading_zeros();
    (bits as usize).min(BUCKETS - 1)
}

impl fmt::Debug for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waits")
            .field("count", &self.count())
            .field("mean", &self.mean())
            .field("longest", &self.longest)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(tidegate_loom)))]
mod tests {
    use super::*;

    #[test]
    fn each_wait_lies_before_the_end_of_its_bucket_and_not_before_that_of_the_last() {
        let ends: Vec<_> = Waits::default().buckets().map(|(end, _)| end).collect();
        let waits = [0, 1, 999, 1_000, 1_001, 1_999_999, 2_000_000, 59_999_999, 500_000_000_000];
        for wait in waits.map(Duration::from_micros) {
            let at = bucket(wait);
            assert!(wait < ends[at], "{wait:?}");
            assert!(at == 0 || wait >= ends[at - 1], "{wait:?}");
        }
        assert_eq!(bucket(Duration::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_ends_of_buckets_and_never_more_than_the_longest() {
        let mut waits = Waits::default();
        assert_eq!((waits.quantile(0.5), waits.mean()), (Duration::ZERO, Duration::ZERO));
        for wait in [1, 1, 1, 3, 100] {
            waits.add(Duration::from_millis(wait));
        }
        assert_eq!(waits.quantile(0.0), Duration::from_millis(1));
        assert_eq!(waits.quantile(0.5), Duration::from_millis(2));
        assert_eq!(waits.quantile(0.8), Duration::from_millis(4));
        assert_eq!(waits.quantile(1.0), Duration::from_millis(100));
        assert_eq!(waits.total(), Duration::from_millis(106));
    }
}
