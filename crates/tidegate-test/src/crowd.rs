// How it works
//
// Loom runs every interleaving, which two or three threads have few enough of. What needs more of them to go
// wrong (a batch and a half of waiters, three who leave from the middle, a grant that is handed on twice) is for
// chance: shuttle runs one thread at a time and draws, at each operation on a shared type, who goes next. Half of
// the runs draw evenly; the other half give each a priority and change it a few times (PCT), which finds the bugs
// that need somebody to be left behind for long.
//
// The seed is fixed, so that what fails here fails everywhere. `SHUTTLE_RANDOM_SEED` draws others, and
// `TIDEGATE_SCHEDULES` more.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// Runs a scenario of 5 to 20 tasks and threads: in many random schedules under `--cfg tidegate_shuttle`
/// (`cargo xtask shuttle`), a few times on real threads otherwise.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use tidegate_test::{crowd, member, spawn};
///
/// crowd(|| {
///     let came = Arc::new(AtomicUsize::new(0));
///     let come = |came: &Arc<AtomicUsize>| _ = came.fetch_add(1, Ordering::Relaxed);
///     let tasks = [0, 1].map(|_| {
///         let came = Arc::clone(&came);
///         member(async move { come(&came) })
///     });
///     let thread = spawn({
///         let came = Arc::clone(&came);
///         move || come(&came)
///     });
///     tasks.into_iter().for_each(|it| it.join());
///     thread.join().unwrap();
///     assert_eq!(came.load(Ordering::Relaxed), 3);
/// });
/// ```
pub fn crowd(scenario: impl Fn() + Send + Sync + 'static) {
    #[cfg(tidegate_shuttle)]
    schedules(10_000, scenario);

    #[cfg(not(tidegate_shuttle))]
    (0..if cfg!(miri) { 1 } else { 16 }).for_each(|_| scenario());
}

/// Runs `scenario` in `count` random schedules.
#[cfg(tidegate_shuttle)]
pub(crate) fn schedules(count: usize, scenario: impl Fn() + Send + Sync + 'static) {
    use shuttle::scheduler::{PctScheduler, RandomScheduler};
    use shuttle::{Config, Runner};

    const SEED: u64 = 0x7469_6465;
    let count = std::env::var("TIDEGATE_SCHEDULES")
        .map_or(count, |it| it.parse().expect("TIDEGATE_SCHEDULES is a number"));
    let mut config = Config::default();
    // Every ordering counts as `SeqCst` here, as it says at length; loom weighs them.
    config.silence_warnings = true;
    config.stack_size = 256 * 1024;
    let scenario = Arc::new(scenario);
    let even = Arc::clone(&scenario);
    let random = RandomScheduler::new_from_seed(SEED, count.div_ceil(2));
    Runner::new(random, config.clone()).run(move || even());
    let pct = PctScheduler::new_from_seed(SEED, 4, count / 2);
    Runner::new(pct, config).run(move || scenario());
}

/// A task that was started by [`member`].
///
/// # Examples
///
/// ```
/// use tidegate_test::{Member, member};
///
/// let members: Vec<Member<u32>> = (0..3).map(|n| member(async move { n })).collect();
/// assert_eq!(members.into_iter().map(Member::join).sum::<u32>(), 3);
/// ```
#[expect(missing_debug_implementations, reason = "the handles have none that says anything")]
pub struct Member<T> {
    #[cfg(not(tidegate_shuttle))]
    thread: std::thread::JoinHandle<T>,
    #[cfg(tidegate_shuttle)]
    task: shuttle::future::JoinHandle<T>,
}

/// Starts a task: one of shuttle's under it, and otherwise a thread that does nothing else.
///
/// # Examples
///
/// ```
/// assert_eq!(tidegate_test::member(async { 7 }).join(), 7);
/// ```
pub fn member<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> Member<T> {
    #[cfg(not(tidegate_shuttle))]
    return Member { thread: std::thread::spawn(|| crate::block_on(task)) };

    #[cfg(tidegate_shuttle)]
    return Member { task: shuttle::future::spawn(task) };
}

impl<T> Member<T> {
    /// Waits for its end.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(tidegate_test::member(async { 7 }).join(), 7);
    /// ```
    ///
    /// # Panics
    ///
    /// When the task panicked.
    pub fn join(self) -> T {
        #[cfg(not(tidegate_shuttle))]
        return self.thread.join().expect("a member panicked");

        #[cfg(tidegate_shuttle)]
        return shuttle::future::block_on(self.task).expect("a member panicked");
    }
}

/// Polls `future` up to `looks` times, each with a waker of its own and each but the last followed by a chance for
/// others, and drops it after one more: `None` then.
///
/// So it is dropped without a poll, while it waits, or after it was granted what it never looked at, as chance
/// will have it.
///
/// # Examples
///
/// ```
/// use tidegate_test::{block_on, give_up};
///
/// assert_eq!(block_on(give_up(2, std::future::pending::<()>())), None);
/// assert_eq!(block_on(give_up(1, async { 7 })), Some(7));
/// ```
///
/// # Cancel safety
///
/// As that of `future`.
pub async fn give_up<F: Future>(looks: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = looks;
    std::future::poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        let waker = wrapped(cx.waker());
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        if polled.is_pending() {
            cx.waker().wake_by_ref();
        }
        polled.map(Some)
    })
    .await
}

/// Awaits `future`, looking `looks` times more than it is asked to, each time with another waker: as a future does
/// that is moved from one combinator to the next.
///
/// # Examples
///
/// ```
/// use tidegate_test::{block_on, fidget, pause};
///
/// block_on(fidget(3, pause()));
/// ```
///
/// # Cancel safety
///
/// As that of `future`.
pub async fn fidget<F: Future>(looks: usize, future: F) -> F::Output {
    let mut future = pin!(future);
    let mut left = looks;
    std::future::poll_fn(|cx| {
        let waker = wrapped(cx.waker());
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        if polled.is_pending() && left > 0 {
            left -= 1;
            cx.waker().wake_by_ref();
        }
        polled
    })
    .await
}

/// Lets others go first, once.
///
/// # Examples
///
/// ```
/// tidegate_test::block_on(tidegate_test::pause());
/// ```
///
/// # Cancel safety
///
/// Strict. There is nothing to lose.
pub async fn pause() {
    let mut paused = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Another waker that wakes the same task.
fn wrapped(waker: &Waker) -> Waker {
    struct Wrapped(Waker);
    impl Wake for Wrapped {
        fn wake(self: Arc<Self>) {
            self.0.wake_by_ref();
        }
    }
    Waker::from(Arc::new(Wrapped(waker.clone())))
}
