//! How a time lock is passed.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tidegate_waiters::{Waiter, block_on, block_on_until};
use tokio::time::Instant;

use crate::acquire::Wanted;
use crate::core::{Turn, Wait};
use crate::entry::{Entry, Limit, poll_open};
use crate::keyed::wait;
use crate::line::{Note, fast_pass};
use crate::pass::Decided;
use crate::{
    Acquire, AcquireOwned, AcquireTimeout, AcquireTimeoutError, Closed, Events, Opened, Pass,
    Requeue, Ticket, TimeLock, TryAcquireError,
};

impl TimeLock {
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
        match fast_pass(self.shared().line()) {
            Some(epoch) => Ok(Pass::open(Arc::clone(self.shared()), epoch)),
            None => self.try_acquire_slowly(Note::default()).map(Pass::decided),
        }
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn try_acquire_slowly(&self, note: Note) -> Result<Box<Decided>, TryAcquireError> {
        let grant = self.shared().update(|line, now| {
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
        Ok(Decided::new(self.shared(), grant))
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
                let join = |note| Waiter::new(self.shared().line(), note);
                match entry.as_mut().poll_slow(cx, self.shared(), None, join) {
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
                return Ok(Pass::granted(self.shared(), grant));
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
        if ticket.wait.as_ref().is_some_and(|wait| !Arc::ptr_eq(wait.gate(), self.shared())) {
            ticket.leave();
        }
        if ticket.wait.is_none() {
            if let Some(epoch) = ready!(poll_open(cx, self.shared().line())) {
                return Poll::Ready(Ok(Pass::open(Arc::clone(self.shared()), epoch)));
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
}

/// The same instant by the clock of threads.
fn std_instant(at: Instant) -> std::time::Instant {
    std::time::Instant::now() + at.saturating_duration_since(Instant::now())
}
