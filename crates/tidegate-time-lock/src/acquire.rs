use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use tidegate_waiters::{Borrowed, Waiter};
use tokio::time::Instant;

use crate::core::Core;
use crate::entry::{Entry, Fail, Limit};
use crate::line::Gate;
use crate::{AcquireTimeoutError, Closed, Pass, Requeue, TimeLock};

pin_project! {
    /// The future of [`TimeLock::acquire`] and [`TimeLock::acquire_again`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Acquire<'a> {
        gate: &'a TimeLock,
        #[pin]
        entry: Entry<Borrowed<'a, Core>>,
    }
}

impl<'a> Acquire<'a> {
    #[inline]
    pub(crate) fn new(gate: &'a TimeLock) -> Self {
        Self { gate, entry: Entry::new() }
    }

    pub(crate) fn again(gate: &'a TimeLock, place: Requeue) -> Self {
        Self { gate, entry: Entry::with(place.note(gate)) }
    }
}

impl Future for Acquire<'_> {
    type Output = Result<Pass, Closed>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let gate = this.gate.shared();
        if let Some(epoch) = ready!(this.entry.as_mut().poll_fast(cx, gate.line())) {
            return Poll::Ready(Ok(Pass::open(Arc::clone(gate), epoch)));
        }
        let join = |note| Waiter::new(gate.line(), note);
        let grant = ready!(this.entry.poll_slow(cx, gate, None, join)).map_err(|_| Closed)?;
        Poll::Ready(Ok(Pass::granted(gate, grant)))
    }
}

pin_project! {
    /// The future of [`TimeLock::acquire_owned`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct AcquireOwned {
        gate: TimeLock,
        #[pin]
        entry: Entry<Arc<Gate>>,
    }
}

impl AcquireOwned {
    pub(crate) fn new(gate: TimeLock) -> Self {
        Self { gate, entry: Entry::new() }
    }

    pub(crate) fn gate(&self) -> &Arc<Gate> {
        self.gate.shared()
    }
}

impl Future for AcquireOwned {
    type Output = Result<Pass, Closed>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let gate = this.gate.shared();
        if let Some(epoch) = ready!(this.entry.as_mut().poll_fast(cx, gate.line())) {
            return Poll::Ready(Ok(Pass::open(Arc::clone(gate), epoch)));
        }
        let join = |note| Waiter::new_owned(Arc::clone(gate), Gate::line, note);
        let grant = ready!(this.entry.poll_slow(cx, gate, None, join)).map_err(|_| Closed)?;
        Poll::Ready(Ok(Pass::granted(gate, grant)))
    }
}

pin_project! {
    /// The future of [`TimeLock::acquire_timeout`] and [`TimeLock::acquire_before`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct AcquireTimeout<'a> {
        gate: &'a TimeLock,
        limit: Wanted,
        anyway: bool,
        #[pin]
        entry: Entry<Borrowed<'a, Core>>,
    }
}

/// The limit of a wait.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted {
    /// Counted from the first poll that has to wait.
    Within(Duration),
    /// `None`: so far ahead that there is none.
    Before(Option<Instant>),
}

impl<'a> AcquireTimeout<'a> {
    pub(crate) fn new(gate: &'a TimeLock, limit: Wanted) -> Self {
        Self { gate, limit, anyway: false, entry: Entry::new() }
    }

    /// Waits for as long as it may, even if the gate is known to be shut for longer.
    ///
    /// Somebody might unlock it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::TimeLock;
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let gate = TimeLock::new();
    /// gate.lock_for(Duration::from_secs(60));
    /// let unlock = async {
    ///     tokio::time::sleep(Duration::from_secs(1)).await;
    ///     gate.unlock();
    /// };
    /// let wait = gate.acquire_timeout(Duration::from_secs(5)).wait_anyway();
    /// let (pass, ()) = tokio::join!(wait, unlock);
    /// assert!(pass.is_ok());
    /// # }
    /// ```
    pub fn wait_anyway(mut self) -> Self {
        self.anyway = true;
        self
    }
}

impl Future for AcquireTimeout<'_> {
    type Output = Result<Pass, AcquireTimeoutError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let gate = this.gate.shared();
        if let Some(epoch) = ready!(this.entry.as_mut().poll_fast(cx, gate.line())) {
            return Poll::Ready(Ok(Pass::open(Arc::clone(gate), epoch)));
        }
        let limit = this.limit.fix();
        let limit = limit.map(|at| Limit { at, anyway: *this.anyway });
        let join = |note| Waiter::new(gate.line(), note);
        let grant = ready!(this.entry.poll_slow(cx, gate, limit, join))?;
        Poll::Ready(Ok(Pass::granted(gate, grant)))
    }
}

impl Wanted {
    /// The end of the wait, which begins now if it has not begun yet.
    fn fix(&mut self) -> Option<Instant> {
        let at = match *self {
            Self::Within(wait) => Instant::now().checked_add(wait),
            Self::Before(at) => at,
        };
        *self = Self::Before(at);
        at
    }
}

impl From<Fail> for AcquireTimeoutError {
    fn from(fail: Fail) -> Self {
        match fail {
            Fail::Closed => Self::Closed,
            Fail::Elapsed => Self::Elapsed,
            Fail::TooLong(remaining) => Self::TooLong { remaining },
        }
    }
}
