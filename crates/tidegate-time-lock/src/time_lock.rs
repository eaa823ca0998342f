use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use tidegate_waiters::{Waiter, block_on, block_on_until};
use tokio::time::Instant;

use crate::acquire::Wanted;
use crate::core::{Core, Demand, Pause, Rules, Turn, Wait};
use crate::entry::{Entry, Limit, poll_open};
use crate::keyed::wait;
use crate::line::{CLOSED, Gate, Note, SLOW, fast_pass};
use crate::pass::Decided;
use crate::{
    Acquire, AcquireOwned, AcquireTimeout, AcquireTimeoutError, Closed, Epoch, Events, Opened,
    Pass, Policy, Reason, Requeue, Shut, Snapshot, StaticTimeLock, Stats, Ticket, TimeLockBuilder,
    TryAcquireError, Until,
};

/// A gate that everybody passes and anybody can shut for a while.
///
/// Think of a level crossing: cars pass without stopping as long as it is open. Whoever sees a train shuts it for
/// some time; those who come meanwhile line up and pass in that order afterwards. Nobody holds the gate, and a
/// [`Pass`] is not a guard: there is nothing to give back.
///
/// The train is usually a server that answers "429 Too Many Requests": one refusal stops all further requests,
/// not only the one that was refused.
///
/// A `TimeLock` is a handle; clones share the gate.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), tidegate_time_lock::Closed> {
/// use std::time::Duration;
/// use tidegate_time_lock::TimeLock;
/// use tokio::time::Instant;
///
/// let gate = TimeLock::new();
/// gate.acquire().await?.ok(); // open: passes at once
///
/// gate.lock_for(Duration::from_secs(2));
/// let before = Instant::now();
/// gate.acquire().await?.ok();
/// assert!(before.elapsed() >= Duration::from_secs(2));
/// # Ok(())
/// # }
/// ```
///
/// Longer demands win over shorter ones, whatever their order:
///
/// ```
/// # use std::time::Duration;
/// # use tidegate_time_lock::{Applied, TimeLock};
/// let gate = TimeLock::new();
/// gate.lock_for(Duration::from_secs(60));
/// assert_eq!(gate.lock_for(Duration::from_secs(1)).applied, Applied::KeptLonger);
/// assert!(gate.remaining() > Some(Duration::from_secs(50)));
/// ```
///
/// # Time lock or lock?
///
/// - A lock is held by somebody, guards a value, and opens when its holder lets go.
/// - A time lock is held by nobody, guards nothing, and opens when the clock says so: there is no holder to be
///   cancelled and no task that has to run for it to open.
///
/// # Fairness
///
/// First come, first served, by the first poll that had to wait. Newcomers line up behind those who wait, also
/// when the gate is open already. A refused request can come back [with its old place](Self::acquire_again).
/// Nothing is promised in advance: a waiter that was woken and finds the gate shut again keeps its place.
///
/// # Cost
///
/// Whether an open gate may be passed is one atomic load; the pass takes a share of the gate, allocates nothing and
/// reads no clock. One that was decided upon (at a pace, as a probe, after a wait) allocates once. A task that does nothing else lets others run every few thousand times. There is one timer for
/// each gate that somebody waits at, whatever the number of waiters. Joining and leaving the line are O(1); coming
/// back with an old place walks past those who are before it.
///
/// # Runtime
///
/// Shutting, opening, looking and [`try_acquire`](Self::try_acquire) work on any thread. Waiting for the end of a
/// pause takes a tokio timer; without a runtime, or with one that is shutting down, the waiter gets [`Closed`](crate::Closed).
#[derive(Clone)]
pub struct TimeLock {
    gate: Arc<Gate>,
}

impl TimeLock {
    /// Makes an open gate that extends pauses and lets everybody pass at once when one is over.
    ///
    /// Against a server that admits so many requests per second, consider [`Reopen::Learned`](crate::Reopen).
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// As [`new`](Self::new), for a `static`.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_time_lock::{StaticTimeLock, TimeLock};
    ///
    /// static GATE: StaticTimeLock = TimeLock::new_static();
    /// assert!(!GATE.is_locked());
    /// ```
    pub const fn new_static() -> StaticTimeLock {
        Self::builder().build_static()
    }

    /// Makes a gate with other rules.
    pub const fn builder() -> TimeLockBuilder {
        TimeLockBuilder::new()
    }

    pub(crate) fn with_rules(rules: Rules) -> Self {
        Self { gate: Gate::new(rules) }
    }

    pub(crate) fn shared(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Does what was demanded of a gate that this one takes the place of.
    pub(crate) fn take_over(&self, demand: Demand) {
        self.gate.update(|line, now| {
            line.policy().take_over(now, demand);
            line.nudge_front();
        });
    }

    // Shutting

    /// Shuts the gate for `pause` from now on.
    ///
    /// If it is shut already, the gate's [`Policy`] decides. Nothing at all happens for a pause of nought. At most
    /// [`max_lock`](TimeLockBuilder::max_lock) is taken, but for [`Duration::MAX`], which means until unlocked.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::{Applied, TimeLock};
    /// let gate = TimeLock::new();
    /// let shut = gate.lock_for(Duration::from_secs(2));
    /// assert_eq!((shut.applied, shut.epoch), (Applied::Started, 1));
    /// assert!(gate.is_locked());
    /// ```
    pub fn lock_for(&self, pause: Duration) -> Shut {
        self.shut(Until::For(pause), None, None)
    }

    /// Shuts the gate until `at`; as [`lock_for`](Self::lock_for).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::{Applied, TimeLock};
    /// use tokio::time::Instant;
    ///
    /// let gate = TimeLock::new();
    /// assert_eq!(gate.lock_until(Instant::now()).applied, Applied::Nothing);
    /// gate.lock_until(Instant::now() + Duration::from_secs(1));
    /// assert!(gate.is_locked());
    /// ```
    pub fn lock_until(&self, at: Instant) -> Shut {
        self.shut(Until::At(at), None, None)
    }

    /// Shuts the gate until `at` by the wall clock; as [`lock_for`](Self::lock_for).
    ///
    /// For a server that says when, and not for how long. How far ahead that is, is asked once; a wall clock that is set
    /// meanwhile makes no difference, unless [it looks as if the machine slept](TimeLockBuilder::wall_clock).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::{Applied, TimeLock};
    /// use std::time::SystemTime;
    ///
    /// let gate = TimeLock::new();
    /// assert_eq!(gate.lock_until_wall(SystemTime::UNIX_EPOCH).applied, Applied::Nothing);
    /// gate.lock_until_wall(SystemTime::now() + Duration::from_secs(60));
    /// assert!(gate.remaining() > Some(Duration::from_secs(50)));
    /// ```
    pub fn lock_until_wall(&self, at: SystemTime) -> Shut {
        self.shut(Until::Wall(at), None, None)
    }

    /// Shuts the gate until somebody unlocks it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::TimeLock;
    /// let gate = TimeLock::new();
    /// gate.lock();
    /// assert!(gate.is_locked());
    /// assert!(gate.unlock());
    /// ```
    pub fn lock(&self) -> Shut {
        self.shut(Until::Unlocked, None, None)
    }

    /// Shuts the gate by another policy than its own, and says why.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::{Policy, Reason, TimeLock, Until};
    /// let gate = TimeLock::new();
    /// gate.lock_with(Until::For(Duration::from_secs(9)), Policy::Replace, Reason::from("429"));
    /// assert_eq!(gate.reason().unwrap().as_str(), "429");
    /// ```
    pub fn lock_with(&self, until: Until, how: Policy, why: impl Into<Reason>) -> Shut {
        self.shut(until, Some(how), Some(why.into()))
    }

    fn shut(&self, until: Until, how: Option<Policy>, why: Option<Reason>) -> Shut {
        // Asked before the lock is taken.
        let until = match until {
            Until::Wall(at) => Until::For(at.duration_since(SystemTime::now()).unwrap_or_default()),
            other => other,
        };
        self.gate.shut(|core, now| {
            let until = match until {
                Until::For(pause) => core.deadline(now, pause),
                Until::At(at) => core.deadline(now, at.saturating_duration_since(now)),
                Until::Unlocked | Until::Wall(_) => None,
            };
            core.shut(now, until, how.unwrap_or(core.policy()), why)
        })
    }

    /// Lets `n` more pass, and shuts the gate until `until` when one more comes.
    ///
    /// What servers say that count down: so many requests are left, and there are new ones then. Reports overlap when
    /// several requests are out, so of two the worse holds: the fewer passes, and the later end. With `n` = 0 the gate
    /// is shut at once. [`unlock_now`](Self::unlock_now) forgets it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::{Applied, TimeLock};
    /// use tokio::time::Instant;
    ///
    /// let gate = TimeLock::new();
    /// let limited = gate.allow(2, Instant::now() + Duration::from_secs(30));
    /// assert_eq!(limited.applied, Applied::Limited);
    /// assert!(gate.try_acquire().is_ok() && gate.try_acquire().is_ok());
    /// assert!(gate.try_acquire().is_err());
    /// assert!(gate.is_locked());
    /// ```
    pub fn allow(&self, n: u64, until: Instant) -> Shut {
        self.gate.shut(|core, now| {
            let until = core.deadline(now, until.saturating_duration_since(now)).unwrap_or(until);
            core.allow(now, n, until)
        })
    }

    // Opening

    /// Ends a pause now, the way the gate [reopens](crate::Reopen); `false` if there is none.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::TimeLock;
    /// let gate = TimeLock::new();
    /// gate.lock();
    /// assert!(gate.unlock());
    /// assert!(!gate.unlock());
    /// ```
    pub fn unlock(&self) -> bool {
        self.gate.open(Core::unlock)
    }

    /// Opens the gate for everybody at once, whatever its way to reopen; `false` if it is open or closed.
    ///
    /// Also ends probing, and a [quota](Self::allow). A learned pace is off until the next refusal.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::{Reopen, TimeLock};
    /// let gate = TimeLock::builder().reopen(Reopen::Probe { n: 1 }).build();
    /// gate.lock();
    /// assert!(gate.unlock_now());
    /// assert!(!gate.try_acquire().unwrap().is_probe());
    /// ```
    pub fn unlock_now(&self) -> bool {
        self.gate.open(Core::unlock_now)
    }

    /// As [`unlock`](Self::unlock), but only if the gate is still in this epoch.
    ///
    /// Whoever shut the gate can open it again without opening what somebody else has shut since.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::TimeLock;
    /// let gate = TimeLock::new();
    /// let mine = gate.lock().epoch;
    /// gate.unlock();
    /// gate.lock(); // somebody else
    /// assert!(!gate.unlock_if(mine));
    /// ```
    pub fn unlock_if(&self, epoch: Epoch) -> bool {
        self.gate.open(|core, now| core.unlock_if(now, epoch))
    }

    /// Closes the gate for good: who waits and who comes later gets [`Closed`](crate::Closed).
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::{TimeLock, TryAcquireError};
    /// let gate = TimeLock::new();
    /// gate.close();
    /// assert_eq!(gate.try_acquire().unwrap_err(), TryAcquireError::Closed);
    /// ```
    pub fn close(&self) {
        self.gate.close();
    }

    // Passing

    /// Passes the gate, waiting in line while it is shut.
    ///
    /// # Errors
    ///
    /// When the gate is closed, or when the wait needs a timer and there is no tokio runtime for it.
    ///
    /// # Cancel safety
    ///
    /// Strict, but for the place in line. A dropped wait leaves no trace and disturbs nobody; asking again joins
    /// the end of the line.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_time_lock::{Closed, TimeLock};
    ///
    /// async fn fetch(gate: &TimeLock, url: &str) -> Result<String, Closed> {
    ///     let pass = gate.acquire().await?;
    ///     let page = format!("contents of {url}");
    ///     pass.ok();
    ///     Ok(page)
    /// }
    /// # tidegate_test::block_on(fetch(&TimeLock::new(), "a.txt")).unwrap();
    /// ```
    #[inline]
    pub fn acquire(&self) -> Acquire<'_> {
        Acquire::new(self)
    }

    /// As [`acquire`](Self::acquire), with a future that owns its share of the gate.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::TimeLock;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let gate = TimeLock::new();
    /// let task = tokio::spawn(gate.clone().acquire_owned());
    /// task.await.unwrap().unwrap().ok();
    /// # }
    /// ```
    pub fn acquire_owned(self) -> AcquireOwned {
        AcquireOwned::new(self)
    }

    /// As [`acquire`](Self::acquire), with the place in line of an earlier pass.
    ///
    /// For a request that was refused, or that found its pass [outdated](Pass::is_current): it goes before those
    /// who came after it. A place in another gate's line is worth nothing here.
    ///
    /// # Cancel safety
    ///
    /// Weak. Dropping the future gives up the place; asking again joins the end of the line.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::TimeLock;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), tidegate_time_lock::Closed> {
    /// let gate = TimeLock::new();
    /// let refused = gate.acquire().await?.refused(Duration::from_secs(1));
    /// gate.acquire_again(refused.requeue()).await?.ok();
    /// # Ok(())
    /// # }
    /// ```
    pub fn acquire_again(&self, place: Requeue) -> Acquire<'_> {
        Acquire::again(self, place)
    }

    /// As [`acquire`](Self::acquire), for so long at most, counted from the first poll.
    ///
    /// Fails at once when the gate is known to be shut for longer, unless told to
    /// [wait anyway](AcquireTimeout::wait_anyway).
    ///
    /// # Errors
    ///
    /// When the gate stays shut for longer, when the time is up, or as [`acquire`](Self::acquire).
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::{AcquireTimeoutError, TimeLock};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let gate = TimeLock::new();
    /// gate.lock_for(Duration::from_secs(60));
    /// let wait = Duration::from_secs(1);
    /// assert_eq!(
    ///     gate.acquire_timeout(wait).await.unwrap_err(),
    ///     AcquireTimeoutError::TooLong { remaining: Duration::from_secs(60) },
    /// );
    /// assert_eq!(
    ///     gate.acquire_timeout(wait).wait_anyway().await.unwrap_err(),
    ///     AcquireTimeoutError::Elapsed,
    /// );
    /// # }
    /// ```
    pub fn acquire_timeout(&self, longest: Duration) -> AcquireTimeout<'_> {
        AcquireTimeout::new(self, Wanted::Within(longest))
    }

    /// As [`acquire_timeout`](Self::acquire_timeout), until `at`.
    ///
    /// # Errors
    ///
    /// As [`acquire_timeout`](Self::acquire_timeout).
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::TimeLock;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use tokio::time::Instant;
    ///
    /// let gate = TimeLock::new();
    /// gate.lock_for(Duration::from_secs(1));
    /// gate.acquire_before(Instant::now() + Duration::from_secs(2)).await.unwrap().ok();
    /// # }
    /// ```
    pub fn acquire_before(&self, at: Instant) -> AcquireTimeout<'_> {
        AcquireTimeout::new(self, Wanted::Before(Some(at)))
    }

    /// As [`acquire_again`](Self::acquire_again), until `at`; as [`acquire_before`](Self::acquire_before).
    ///
    /// # Errors
    ///
    /// As [`acquire_before`](Self::acquire_before).
    ///
    /// # Cancel safety
    ///
    /// As [`acquire_again`](Self::acquire_again).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::{AcquireTimeoutError, TimeLock};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use tokio::time::Instant;
    ///
    /// let gate = TimeLock::new();
    /// let refused = gate.acquire().await.unwrap().refused(Duration::from_secs(60));
    /// let soon = Instant::now() + Duration::from_secs(1);
    /// assert_eq!(
    ///     gate.acquire_again_before(refused.requeue(), soon).await.unwrap_err(),
    ///     AcquireTimeoutError::TooLong { remaining: Duration::from_secs(60) },
    /// );
    /// # }
    /// ```
    pub async fn acquire_again_before(
        &self,
        place: Requeue,
        at: Instant,
    ) -> Result<Pass, AcquireTimeoutError> {
        let limit = Limit { at, anyway: false };
        wait(self, place.note(self), Some(limit)).await.map_err(|(_, fail)| fail.into())
    }

    /// Passes the gate if that needs no waiting this instant and nobody waits.
    ///
    /// # Errors
    ///
    /// When it does; the error says why.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::TimeLock;
    /// let gate = TimeLock::new();
    /// assert!(gate.try_acquire().is_ok());
    /// gate.lock();
    /// assert!(gate.try_acquire().is_err());
    /// ```
    #[inline]
    pub fn try_acquire(&self) -> Result<Pass, TryAcquireError> {
        match fast_pass(self.gate.line()) {
            Some(epoch) => Ok(Pass::open(Arc::clone(&self.gate), epoch)),
            None => self.try_acquire_slowly(Note::default()).map(Pass::decided),
        }
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn try_acquire_slowly(&self, note: Note) -> Result<Box<Decided>, TryAcquireError> {
        let grant = self.gate.update(|line, now| {
            let ahead = match line.front() {
                // Whoever comes back with an old place may be before those in line.
                Some(front) if note.ticket.is_some() && note.ticket < front.ticket => 0,
                _ => line.len(),
            };
            let left = |until: Instant| until.saturating_duration_since(now);
            match line.policy().turn(now, ahead == 0, note) {
                Turn::Pass(grant) => Ok(grant),
                Turn::Closed => Err(TryAcquireError::Closed),
                Turn::Wait(Wait::Shut(until)) => {
                    Err(TryAcquireError::Shut { remaining: until.map_or(Duration::MAX, left) })
                }
                Turn::Wait(Wait::Probing(_)) => Err(TryAcquireError::Probing),
                Turn::Wait(Wait::Paced(due)) => {
                    Err(TryAcquireError::Paced { remaining: left(due) })
                }
                Turn::Wait(Wait::Full) => Err(TryAcquireError::Full),
                Turn::Wait(Wait::Queued) => Err(TryAcquireError::Queued { ahead }),
            }
        })?;
        Ok(Decided::new(&self.gate, grant))
    }

    /// As [`acquire`](Self::acquire), parking this thread while it waits, in the same line as the tasks.
    ///
    /// Takes no runtime: the thread keeps time by itself. Inside of a runtime whose clock is paused, it does not see
    /// that clock go.
    ///
    /// # Errors
    ///
    /// When the gate is closed.
    ///
    /// # Blocking
    ///
    /// Not from async code: a task that blocks its thread keeps the other tasks of that thread from running.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::TimeLock;
    /// let gate = TimeLock::new();
    /// gate.lock_for(Duration::from_millis(2));
    /// let pass = gate.blocking_acquire().unwrap();
    /// assert!(!gate.is_locked());
    /// pass.ok();
    /// ```
    pub fn blocking_acquire(&self) -> Result<Pass, Closed> {
        let mut entry = pin!(Entry::on_thread());
        let mut alarm = None;
        loop {
            // Ends also when it is to look again at another time than this thread sleeps until.
            let wait = poll_fn(|cx| {
                let join = |note| Waiter::new(self.gate.line(), note);
                match entry.as_mut().poll_slow(cx, &self.gate, None, join) {
                    Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
                    Poll::Pending if entry.alarm() == alarm => Poll::Pending,
                    Poll::Pending => Poll::Ready(None),
                }
            });
            let outcome = match alarm.map(std_instant) {
                Some(at) => block_on_until(at, wait).flatten(),
                None => block_on(wait),
            };
            if let Some(outcome) = outcome {
                let grant = outcome.map_err(|_| Closed)?;
                return Ok(Pass::decided(Decided::new(&self.gate, grant)));
            }
            alarm = entry.alarm();
        }
    }

    /// As [`acquire`](Self::acquire), for futures and services written by hand.
    ///
    /// The place in line is in `ticket`: poll with the same one until it is ready. A ticket that has been used may be
    /// used again, for another pass; one that is polled at two gates in turn loses its place in the one before.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Cancel safety
    ///
    /// Strict. A call that is pending changes nothing but the ticket; dropping the ticket leaves the line.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::task::{Context, Poll};
    /// use tidegate_time_lock::{Closed, Pass, Ticket, TimeLock};
    ///
    /// struct Client {
    ///     gate: TimeLock,
    ///     ticket: Ticket,
    ///     pass: Option<Pass>,
    /// }
    ///
    /// impl Client {
    ///     fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
    ///         if self.pass.is_none() {
    ///             match self.gate.poll_acquire(cx, &mut self.ticket) {
    ///                 Poll::Ready(pass) => self.pass = Some(pass?),
    ///                 Poll::Pending => return Poll::Pending,
    ///             }
    ///         }
    ///         Poll::Ready(Ok(()))
    ///     }
    /// }
    /// # let mut client = Client { gate: TimeLock::new(), ticket: Ticket::new(), pass: None };
    /// # tidegate_test::block_on(std::future::poll_fn(|cx| client.poll_ready(cx))).unwrap();
    /// ```
    pub fn poll_acquire(
        &self,
        cx: &mut Context<'_>,
        ticket: &mut Ticket,
    ) -> Poll<Result<Pass, Closed>> {
        if ticket.wait.as_ref().is_some_and(|wait| !Arc::ptr_eq(wait.gate(), &self.gate)) {
            ticket.leave();
        }
        if ticket.wait.is_none() {
            if let Some(epoch) = ready!(poll_open(cx, self.gate.line())) {
                return Poll::Ready(Ok(Pass::open(Arc::clone(&self.gate), epoch)));
            }
        }
        let wait = ticket.wait.get_or_insert_with(|| Box::pin(self.clone().acquire_owned()));
        let pass = ready!(wait.as_mut().poll(cx));
        ticket.leave();
        Poll::Ready(pass)
    }

    /// Waits until the gate is not shut, without passing it.
    ///
    /// Ready at once when it is not; also once it was open for a moment between two pauses. Being
    /// [probed](crate::Reopen::Probe) is not being shut.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire).
    ///
    /// # Cancel safety
    ///
    /// Strict. Onlookers take nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::TimeLock;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), tidegate_time_lock::Closed> {
    /// let gate = TimeLock::new();
    /// gate.lock_for(Duration::from_secs(2));
    /// gate.opened().await?;
    /// assert!(!gate.is_locked());
    /// # Ok(())
    /// # }
    /// ```
    pub fn opened(&self) -> Opened<'_> {
        Opened::new(self)
    }

    /// What happens at the gate from now on.
    ///
    /// For status lines and logs. Nothing is noted for as long as nobody listens; of what is not listened to in time,
    /// the last 256 events are kept.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::{Event, TimeLock};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let gate = TimeLock::new();
    /// let mut events = gate.events();
    /// gate.lock_for(Duration::from_secs(2));
    /// assert!(matches!(events.next().await, Some(Event::Shut { epoch: 1, .. })));
    /// // Also if nobody comes to the gate meanwhile.
    /// assert!(matches!(events.next().await, Some(Event::Opened { epoch: 1, waiters: 0, .. })));
    /// # }
    /// ```
    pub fn events(&self) -> Events {
        Events::new(self)
    }

    // Looking

    /// Whether the gate is shut.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::TimeLock;
    /// assert!(!TimeLock::new().is_locked());
    /// ```
    pub fn is_locked(&self) -> bool {
        self.look(|_| ()).is_some()
    }

    /// How long it is shut still; [`Duration::MAX`] when only `unlock` opens it, `None` when it is not shut.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::TimeLock;
    /// let gate = TimeLock::new();
    /// assert_eq!(gate.remaining(), None);
    /// gate.lock_for(Duration::from_secs(2));
    /// assert!(gate.remaining().unwrap() <= Duration::from_secs(2));
    /// ```
    pub fn remaining(&self) -> Option<Duration> {
        self.snapshot().remaining
    }

    /// Since when it is shut.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::TimeLock;
    /// let gate = TimeLock::new();
    /// gate.lock();
    /// assert!(gate.locked_at() <= Some(tokio::time::Instant::now()));
    /// ```
    pub fn locked_at(&self) -> Option<Instant> {
        self.look(|pause| pause.since)
    }

    /// Since when it is shut, by the wall clock as it was then; for logs.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::TimeLock;
    /// let gate = TimeLock::new();
    /// gate.lock();
    /// assert!(gate.locked_at_wall().is_some());
    /// ```
    pub fn locked_at_wall(&self) -> Option<SystemTime> {
        self.look(|pause| pause.wall)
    }

    /// Until when it is shut; `None` when it is not, or when only `unlock` opens it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::TimeLock;
    /// let gate = TimeLock::new();
    /// let shut = gate.lock_for(Duration::from_secs(2));
    /// assert_eq!(gate.locked_until(), shut.until);
    /// ```
    pub fn locked_until(&self) -> Option<Instant> {
        self.look(|pause| pause.until).flatten()
    }

    /// Why it is shut, if somebody said so.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::TimeLock;
    /// assert_eq!(TimeLock::new().reason(), None);
    /// ```
    pub fn reason(&self) -> Option<Reason> {
        self.look(|pause| pause.reason.clone()).flatten()
    }

    /// How many wait to pass.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::TimeLock;
    /// assert_eq!(TimeLock::new().waiters(), 0);
    /// ```
    pub fn waiters(&self) -> usize {
        self.gate.line().waiters()
    }

    /// How often the gate went from open to shut.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::TimeLock;
    /// let gate = TimeLock::new();
    /// gate.lock();
    /// gate.lock();
    /// assert_eq!(gate.epoch(), 1);
    /// ```
    pub fn epoch(&self) -> Epoch {
        self.gate.update(|line, _| line.policy().epoch())
    }

    /// All of it at one instant. Its `Display` is a line for a log.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::TimeLock;
    /// let look = TimeLock::new().snapshot();
    /// assert_eq!((look.epoch, look.waiters), (0, 0));
    /// ```
    pub fn snapshot(&self) -> Snapshot {
        self.gate.update(|line, now| {
            let waiters = line.len();
            let core = line.policy();
            core.catch_up(now);
            let pause = core.pause();
            Snapshot {
                state: core.state(),
                epoch: core.epoch(),
                locked_at: pause.map(|pause| pause.since),
                locked_at_wall: pause.map(|pause| pause.wall),
                locked_until: pause.and_then(|pause| pause.until),
                remaining: pause.map(|pause| {
                    pause.until.map_or(Duration::MAX, |until| until.saturating_duration_since(now))
                }),
                reason: pause.and_then(|pause| pause.reason.clone()),
                waiters,
                pace: core.stats(now).pace_now,
                quota: core.quota(),
            }
        })
    }

    /// What it has done so far.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::TimeLock;
    /// let gate = TimeLock::new();
    /// gate.lock();
    /// assert_eq!(gate.stats().shuts, 1);
    /// ```
    pub fn stats(&self) -> Stats {
        self.gate.update(|line, now| {
            let core = line.policy();
            core.catch_up(now);
            core.stats(now)
        })
    }

    /// A look at the pause, if the gate is shut.
    fn look<R>(&self, at: impl FnOnce(&Pause) -> R) -> Option<R> {
        if self.gate.word() & SLOW == 0 {
            return None;
        }
        self.gate.update(|line, now| {
            let core = line.policy();
            core.catch_up(now);
            core.pause().map(at)
        })
    }
}

impl Default for TimeLock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for TimeLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.snapshot().fmt(f)
    }
}

impl fmt::Debug for TimeLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // From the word alone: to look at the state would be to wait for the lock.
        let word = self.gate.word();
        let state = match (word & CLOSED, word & SLOW) {
            (0, 0) => "open",
            (0, _) => "not simply open",
            _ => "closed",
        };
        f.debug_struct("TimeLock")
            .field("state", &format_args!("{state}"))
            .field("line", self.gate.line())
            .finish()
    }
}

/// The same instant by the clock of threads.
fn std_instant(at: Instant) -> std::time::Instant {
    std::time::Instant::now() + at.saturating_duration_since(Instant::now())
}
