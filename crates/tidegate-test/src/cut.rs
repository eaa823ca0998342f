use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// How many times a future may be polled before it is dropped: what [`cut_everywhere`] hands to its scenario.
///
/// # Examples
///
/// ```
/// use tidegate_test::{Cut, block_on, cut_everywhere};
///
/// async fn scenario(cut: &Cut) {
///     if let Some(seven) = cut.short(async { 7 }).await {
///         assert_eq!(seven, 7);
///     }
/// }
///
/// // Cut before its only poll, and not.
/// assert_eq!(cut_everywhere(|cut| block_on(scenario(cut))), 2);
/// ```
#[derive(Debug)]
pub struct Cut {
    polls: usize,
    hit: Cell<bool>,
}

impl Cut {
    /// Runs `future` until it is ready (`Some`) or has been polled as often as this cut allows (`None`); in
    /// the second case it has been dropped by then.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_test::{block_on, cut_everywhere};
    ///
    /// cut_everywhere(|cut| {
    ///     let mut lines = Vec::new();
    ///     let written = block_on(cut.short(async { lines.push("hello") }));
    ///     assert_eq!(lines.len(), if written.is_some() { 1 } else { 0 });
    /// });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Weak. Dropping this drops `future`, and counts as no cut.
    pub async fn short<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut left = self.polls;
        {
            let mut future = pin!(future);
            let output = poll_fn(|cx| {
                if left == 0 {
                    return Poll::Ready(None);
                }
                left -= 1;
                match future.as_mut().poll(cx) {
                    Poll::Pending if left > 0 => Poll::Pending,
                    Poll::Pending => Poll::Ready(None),
                    Poll::Ready(output) => Poll::Ready(Some(output)),
                }
            })
            .await;
            if let Some(output) = output {
                return Some(output);
            }
        }
        self.hit.set(true);
        None
    }
}

/// Runs `scenario` with the future that it [cuts short](Cut::short) dropped after 0, 1, 2, … polls, and once uncut.
///
/// Returns how many runs there were; a scenario that never cuts anything is run once. The closure usually makes a
/// runtime whose clock is paused, and blocks on the scenario in it, so that each run is like the others.
///
/// # Examples
///
/// A counter of who is inside that forgets those who leave early:
///
/// ```should_panic
/// use std::cell::Cell;
/// use std::time::Duration;
/// use tidegate_test::cut_everywhere;
///
/// async fn visit(inside: &Cell<u32>) {
///     inside.set(inside.get() + 1);
///     // Whoever is dropped here stays inside.
///     tokio::time::sleep(Duration::from_secs(60)).await;
///     inside.set(inside.get() - 1);
/// }
///
/// cut_everywhere(|cut| {
///     let runtime = tokio::runtime::Builder::new_current_thread()
///         .enable_time()
///         .start_paused(true)
///         .build()
///         .unwrap();
///     let inside = Cell::new(0);
///     runtime.block_on(cut.short(visit(&inside)));
///     assert_eq!(inside.get(), 0, "{cut:?}");
/// });
/// ```
///
/// # Panics
///
/// When the scenario does, and when the future is still not ready after a thousand polls.
pub fn cut_everywhere(mut scenario: impl FnMut(&Cut)) -> usize {
    for polls in 0..1000 {
        let cut = Cut { polls, hit: Cell::new(false) };
        scenario(&cut);
        if !cut.hit.get() {
            return polls + 1;
        }
    }
    panic!("still not ready after a thousand polls");
}
