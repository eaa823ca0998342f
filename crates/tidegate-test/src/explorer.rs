// How it works
//
// A scenario is a world, one future in it, and the steps that others take, in their order. Between the steps
// there are gaps; in each gap the future is polled or not, and in one of them it is dropped, with whatever it
// had resolved to. A schedule is such a choice: with n steps there are n + 1 gaps, so 2^(n+1) ways to poll and
// n + 2 places to drop (the last is "never": the check then runs with the future alive). All of them are run,
// each in a fresh world.

use std::pin::Pin;
use std::task::Poll;

use crate::poll::poll_once;

/// Whatever a future resolved to, kept until the future itself would be dropped.
pub trait Held {}
impl<T: ?Sized> Held for T {}

/// The future under test, in its world.
pub type Tested<'w> = Pin<Box<dyn Future<Output = Box<dyn Held + 'w>> + 'w>>;
type Action<W> = Box<dyn Fn(&W)>;
type MakeFuture<W> = Box<dyn for<'w> Fn(&'w W) -> Tested<'w>>;

/// Drops a future at every point of a scenario and checks the world afterwards.
///
/// # Examples
///
/// ```
/// use tidegate_test::{Explorer, Held};
/// use std::cell::Cell;
///
/// let schedules = Explorer::new(|| Cell::new(0))
///     .future(|cell| Box::pin(async move { Box::new(cell.get()) as Box<dyn Held> }))
///     .step(|cell| cell.set(1))
///     .check(|cell| assert_eq!(cell.get(), 1))
///     .run();
/// assert_eq!(schedules, 12); // two gaps: polled or not in each, dropped in either or not at all
/// ```
#[expect(missing_debug_implementations, reason = "made of closures")]
pub struct Explorer<W> {
    world: Box<dyn Fn() -> W>,
    future: Option<MakeFuture<W>>,
    steps: Vec<Action<W>>,
    check: Option<Action<W>>,
}

impl<W> Explorer<W> {
    /// Starts a scenario in the worlds that `world` makes.
    pub fn new(world: impl Fn() -> W + 'static) -> Self {
        Self { world: Box::new(world), future: None, steps: Vec::new(), check: None }
    }

    /// The future under test. Its output is boxed, and dropped when the future is.
    pub fn future(mut self, future: impl for<'w> Fn(&'w W) -> Tested<'w> + 'static) -> Self {
        self.future = Some(Box::new(future));
        self
    }

    /// Something that another party does; steps happen in the order in which they are given.
    pub fn step(mut self, step: impl Fn(&W) + 'static) -> Self {
        self.steps.push(Box::new(step));
        self
    }

    /// What must hold once all steps are done and the future (with its output) is gone.
    pub fn check(mut self, check: impl Fn(&W) + 'static) -> Self {
        self.check = Some(Box::new(check));
        self
    }

    /// Runs every schedule and returns their number.
    ///
    /// # Panics
    ///
    /// When the scenario has no future or no check, or when a check fails; the message names the schedule.
    pub fn run(&self) -> usize {
        let gaps = self.steps.len() + 1;
        let mut schedules = 0;
        for polls in 0..1_usize << gaps {
            for drop_in in 0..=gaps {
                let schedule = Schedule { polls, drop_in, gaps };
                let outcome =
                    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.one(&schedule)));
                if let Err(panic) = outcome {
                    eprintln!("explorer: failed with {schedule}");
                    std::panic::resume_unwind(panic);
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
        {
            let mut future = Some(make(&world));
            let mut output = None;
            for gap in 0..schedule.gaps {
                if schedule.polls & (1 << gap) != 0 && output.is_none() {
                    if let Some(Poll::Ready(held)) =
                        future.as_mut().map(|it| poll_once(it.as_mut()))
                    {
                        output = Some(held);
                    }
                }
                if schedule.drop_in == gap {
                    // The future goes first, as it does at the end of an `.await`.
                    future = None;
                    output = None;
                }
                if let Some(step) = self.steps.get(gap) {
                    step(&world);
                }
            }
        }
        check(&world);
    }
}

struct Schedule {
    polls: usize,
    drop_in: usize,
    gaps: usize,
}

impl std::fmt::Display for Schedule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for gap in 0..self.gaps {
            if self.polls & (1 << gap) != 0 {
                f.write_str("poll ")?;
            }
            if self.drop_in == gap {
                f.write_str("DROP ")?;
            }
            if gap + 1 < self.gaps {
                write!(f, "step{gap} ")?;
            }
        }
        Ok(())
    }
}
