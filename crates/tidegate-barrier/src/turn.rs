use std::error::Error;
use std::fmt;

/// One's part in a round that met.
///
/// # Examples
///
/// ```
/// use tidegate_barrier::Barrier;
///
/// # tidegate_test::block_on(async {
/// let turn = Barrier::new(1).wait().await?;
/// assert_eq!((turn.index(), turn.is_leader()), (0, true));
/// # Ok::<_, tidegate_barrier::Broken>(())
/// # }).unwrap();
/// ```
#[doc(alias = "BarrierWaitResult")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarrierTurn {
    index: usize,
    leader: bool,
}

impl BarrierTurn {
    #[inline]
    pub(crate) fn new(index: usize, leader: bool) -> Self {
        Self { index, leader }
    }

    /// A number below the number of parties, in each round a different one for each: the order of arrival.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_barrier::Barrier;
    /// let halves = ["north", "south"];
    /// let barrier = Barrier::new(2);
    /// let half = || barrier.wait_blocking().map(|turn| halves[turn.index()]);
    /// std::thread::scope(|threads| {
    ///     let other = threads.spawn(half);
    ///     assert_ne!(half(), other.join().unwrap());
    /// });
    /// ```
    #[inline]
    pub fn index(&self) -> usize {
        self.index
    }

    /// Whether this is the last that arrived: exactly one in each round, with the highest index.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_barrier::Barrier;
    /// # let barrier = Barrier::new(1);
    /// if barrier.wait_blocking().is_ok_and(|turn| turn.is_leader()) {
    ///     println!("said once for all of them");
    /// }
    /// ```
    #[inline]
    pub fn is_leader(&self) -> bool {
        self.leader
    }
}

/// The meeting was called off, by [`abort`](crate::Barrier::abort) or [`reset`](crate::Barrier::reset).
///
/// # Examples
///
/// ```
/// use tidegate_barrier::{Barrier, Broken};
///
/// let barrier = Barrier::new(2);
/// barrier.abort();
/// assert_eq!(barrier.wait_blocking(), Err(Broken));
/// ```
#[doc(alias = "BrokenBarrierError")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the barrier was aborted or reset")
    }
}

impl Error for Broken {}
