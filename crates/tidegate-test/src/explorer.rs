// How it works
//
// A scenario is a world, one future in it, and the steps that others take, in their order. Between the steps
// there are gaps; in each gap the future is polled or not, and in one of them it is dropped, with whatever it
// had resolved to. A schedule is such a choice: with n steps there are n + 1 gaps, so 2^(n+1) ways to poll and
// n + 2 places to drop (the last is after all steps). All of them are run, each in a fresh world.

#[cfg(test)]
mod tests;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;

use crate::poll::poll_once;

/// Drops a future at every point of a scenario and checks the world afterwards.
///
/// A scenario is a world, one future in it, and the steps that others take meanwhile. It needs no runtime and no
/// thread: between the steps the future is polled by hand or not, and in one of the gaps it is dropped, in each
/// combination.
///
/// # Examples
///
/// A transfer that loses a coin when it is cancelled while it waits:
///
/// ```should_panic
/// use std::cell::Cell;
/// use std::future::poll_fn;
/// use std::task::Poll;
/// use tidegate_test::{Explorer, hold};
///
/// struct Bank {
///     mine: Cell<u32>,
///     yours: Cell<u32>,
///     open: Cell<bool>,
/// }
///
/// impl Bank {
///     async fn transfer(&self) {
///         self.mine.set(self.mine.get() - 1);
///         self.opened().await; // Whoever is dropped here has the coin with them.
///         self.yours.set(self.yours.get() + 1);
///     }
///
///     async fn opened(&self) {
///         let open = || if self.open.get() { Poll::Ready(()) } else { Poll::Pending };
///         poll_fn(|_| open()).await;
///     }
/// }
///
/// Explorer::new(|| Bank { mine: 1.into(), yours: 0.into(), open: false.into() })
///     .future(|bank| hold(bank.transfer()))
///     .step(|bank| bank.open.set(true))
///     .check(|bank| assert_eq!(bank.mine.get() + bank.yours.get(), 1))
///     .run(); // explorer: failed with poll DROP step0
/// ```
///
/// What it returns is the number of schedules. A test that expects it notices when a step gets lost:
///
/// ```
/// use std::cell::Cell;
/// use tidegate_test::{Explorer, hold};
///
/// let schedules = Explorer::new(|| Cell::new(0))
///     .future(|cell| hold(async { cell.get() }))
///     .step(|cell| cell.set(1))
///     .check(|cell| assert_eq!(cell.get(), 1))
///     .run();
/// // Two gaps: polled or not in each, dropped in either or not at all.
/// assert_eq!(schedules, 12);
/// ```
///
/// # Explorer or `cut_everywhere`?
///
/// - An explorer decides when everybody moves, so it finds what happens between a wake-up and the poll that would
///   follow it. It is for futures that need no runtime: of locks, queues, channels, state machines.
/// - [`cut_everywhere`](crate::cut_everywhere) runs a whole scenario in a runtime, and drops the future after so many
///   polls. It is for what spawns, sleeps or reads.
///
/// # Limitations
///
/// Each step doubles the number of schedules: eight of them make 5,120. Whether a waker is woken is not looked at: the
/// future is polled whenever a schedule says so. A [`CountingWaker`](crate::CountingWaker) tells.
#[must_use = "a scenario does nothing until it is `run`"]
#[expect(missing_debug_implementations, reason = "made of closures")]
pub struct Explorer<W> {
    world: Box<dyn Fn() -> W>,
    future: Option<MakeFuture<W>>,
    steps: Vec<Action<W>>,
    check: Option<Action<W>>,
}

type Action<W> = Box<dyn Fn(&W)>;
type MakeFuture<W> = Box<dyn for<'w> Fn(&'w W) -> Tested<'w>>;

impl<W> Explorer<W> {
    /// Starts a scenario in the worlds that `world` makes.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cell::RefCell;
    /// use tidegate_test::Explorer;
    ///
    /// let explorer = Explorer::new(|| RefCell::new(vec![1, 2, 3]));
    /// # drop(explorer);
    /// ```
    pub fn new(world: impl Fn() -> W + 'static) -> Self {
        Self { world: Box::new(world), future: None, steps: Vec::new(), check: None }
    }

    /// The future under test, made by [`hold`].
    ///
    /// It is made before the first gap. So a function that does something when it is called, and not when its future
    /// is first polled, is seen to do it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cell::RefCell;
    /// use tidegate_test::{Explorer, hold};
    ///
    /// let explorer = Explorer::new(|| RefCell::new(vec![1]))
    ///     .future(|stack| hold(async { stack.borrow_mut().pop() }));
    /// # drop(explorer);
    /// ```
    pub fn future(mut self, future: impl for<'w> Fn(&'w W) -> Tested<'w> + 'static) -> Self {
        self.future = Some(Box::new(future));
        self
    }

    /// Something that another party does; steps happen in the order in which they are given.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cell::RefCell;
    /// use tidegate_test::Explorer;
    ///
    /// let explorer = Explorer::new(|| RefCell::new(vec![1]))
    ///     .step(|stack| stack.borrow_mut().push(2))
    ///     .step(|stack| stack.borrow_mut().clear());
    /// # drop(explorer);
    /// ```
    pub fn step(mut self, step: impl Fn(&W) + 'static) -> Self {
        self.steps.push(Box::new(step));
        self
    }

    /// What must hold once all steps are done and the future (with its output) is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cell::RefCell;
    /// use tidegate_test::Explorer;
    ///
    /// let explorer = Explorer::new(|| RefCell::new(vec![1]))
    ///     .check(|stack| assert!(stack.borrow().len() <= 1));
    /// # drop(explorer);
    /// ```
    pub fn check(mut self, check: impl Fn(&W) + 'static) -> Self {
        self.check = Some(Box::new(check));
        self
    }

    /// Runs every schedule and returns their number.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cell::RefCell;
    /// use tidegate_test::{Explorer, hold};
    ///
    /// let schedules = Explorer::new(|| RefCell::new(vec![1]))
    ///     .future(|stack| hold(async { stack.borrow_mut().pop() }))
    ///     .check(|stack| assert!(stack.borrow().len() <= 1))
    ///     .run();
    /// assert_eq!(schedules, 4); // polled or not, dropped before the end or there
    /// ```
    ///
    /// # Panics
    ///
    /// When the scenario has no future or no check, or when a check fails; then a line on standard error names the
    /// schedule: `explorer: failed with poll step0 DROP step1`.
    pub fn run(&self) -> usize {
        let gaps = self.steps.len() + 1;
        let mut schedules = 0;
        for polls in 0..1_usize << gaps {
            for drop_in in 0..=gaps {
                let schedule = Schedule { polls, drop_in, gaps };
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.one(&schedule))) {
                    eprintln!("explorer: failed with {schedule}");
                    resume_unwind(panic);
                }
                schedules += 1;
            }
        }
        schedules
    }

    fn one(&self, schedule: &Schedule) {
        let world = (self.world)();
        let make = self.future.as_ref().expect("a scenario has a future");
        let check = self.check.as_ref().expect("a scenario has a check");
        let mut future = Some(make(&world));
        for gap in 0..schedule.gaps {
            if let Some(Tested(future)) = &mut future {
                if schedule.is_polled_in(gap) {
                    let _ = poll_once(future.as_mut());
                }
            }
            if schedule.drop_in == gap {
                future = None;
            }
            if let Some(step) = self.steps.get(gap) {
                step(&world);
            }
        }
        drop(future);
        check(&world);
    }
}

/// A future under test, in its world: what [`hold`] makes for [`Explorer::future`].
///
/// # Examples
///
/// ```
/// use std::cell::Cell;
/// use tidegate_test::{Tested, hold};
///
/// fn countdown(from: &Cell<u32>) -> Tested<'_> {
///     hold(async { from.replace(0) })
/// }
/// # countdown(&Cell::new(1));
/// ```
#[expect(missing_debug_implementations, reason = "a future has none")]
pub struct Tested<'w>(Pin<Box<dyn Future<Output = ()> + 'w>>);

/// A future for an [`Explorer`] that holds on to what it resolves to, until it is dropped itself.
///
/// So a guard or a permit that was acquired is given back at every point of the scenario too.
///
/// # Examples
///
/// ```
/// use std::sync::Mutex;
/// use tidegate_test::{Explorer, hold};
///
/// Explorer::new(|| Mutex::new(0))
///     .future(|mutex| hold(async { mutex.lock().unwrap() }))
///     .step(|mutex| _ = mutex.try_lock().is_ok()) // It may be held here …
///     .check(|mutex| assert!(mutex.try_lock().is_ok())) // … and never is in the end.
///     .run();
/// ```
pub fn hold<'w, F: Future + 'w>(future: F) -> Tested<'w> {
    Tested(Box::pin(async {
        let _held = future.await;
        std::future::pending().await
    }))
}

struct Schedule {
    polls: usize,
    drop_in: usize,
    gaps: usize,
}

impl Schedule {
    fn is_polled_in(&self, gap: usize) -> bool {
        self.polls & (1 << gap) != 0
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        for gap in 0..self.gaps {
            words.extend(self.is_polled_in(gap).then(|| "poll".to_owned()));
            words.extend((self.drop_in == gap).then(|| "DROP".to_owned()));
            words.extend((gap + 1 < self.gaps).then(|| format!("step{gap}")));
        }
        f.write_str(&words.join(" "))
    }
}
