use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tidegate_waiters::{Borrowed, Waiter};

use crate::core::Core;
use crate::entry::Entry;
use crate::line::{Gate, Note};
use crate::{Closed, Hint, Pass, Refused, Requeue, Shut, TimeLock, Verdict};

pin_project! {
    /// The future of [`PausingSemaphore::acquire`](crate::PausingSemaphore::acquire).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct PermitFut<'a> {
        gate: &'a TimeLock,
        #[pin]
        entry: Entry<Borrowed<'a, Core>>,
    }
}

impl<'a> PermitFut<'a> {
    pub(crate) fn new(gate: &'a TimeLock, place: Option<Requeue>) -> Self {
        let place = place.map_or(Note::default(), |place| place.note(gate));
        Self { gate, entry: Entry::with(Note { seat: true, ..place }) }
    }
}

impl Future for PermitFut<'_> {
    type Output = Result<Permit, Closed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let gate = this.gate.shared();
        let join = |note| Waiter::new(gate.line(), note);
        let grant = ready!(this.entry.poll_slow(cx, gate, None, join)).map_err(|_| Closed)?;
        Poll::Ready(Ok(Permit::new(Pass::granted(gate, grant))))
    }
}

/// One of a [`PausingSemaphore`](crate::PausingSemaphore)'s permits: leave to send one request.
///
/// It comes back when this is dropped. What became of the request is reported on the way, once, and as early as it is
/// known: when the head of the answer is there, not when its body has been read. A permit that is dropped without a
/// report says nothing about the other side.
///
/// # Examples
///
/// ```
/// use tidegate_time_lock::{Closed, Hint, PausingSemaphore};
///
/// async fn fetch(requests: &PausingSemaphore) -> Result<Vec<u8>, Closed> {
///     let mut permit = requests.acquire().await?;
///     loop {
///         let answer = ask().await;
///         if answer.status != 429 {
///             permit.ok(); // The others may go faster now.
///             return Ok(answer.read().await); // The permit comes back after that.
///         }
///         permit.refused(Hint::parse(answer.retry_after)); // Nobody is to send any more.
///         permit = requests.acquire_again(permit.requeue()).await?;
///     }
/// }
///
/// # struct Answer { status: u16, retry_after: &'static [u8] }
/// # impl Answer { async fn read(self) -> Vec<u8> { Vec::new() } }
/// # async fn ask() -> Answer { Answer { status: 200, retry_after: b"" } }
/// # let requests = PausingSemaphore::new(1);
/// # tidegate_test::block_on(fetch(&requests)).unwrap();
/// ```
#[derive(Debug)]
#[must_use = "the permit comes back as soon as it is dropped"]
pub struct Permit {
    // The verdict goes before the permit.
    state: State,
    seat: Seat,
}

#[derive(Debug)]
enum State {
    /// Nobody has said how it went.
    Out(Pass),
    Ok,
    Refused(Refused),
    /// For a moment.
    Gone,
}

/// What is given back.
#[derive(Debug)]
struct Seat(Arc<Gate>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.give_back();
    }
}

impl Permit {
    pub(crate) fn new(pass: Pass) -> Self {
        let seat = Seat(Arc::clone(pass.gate()));
        Self { state: State::Out(pass), seat }
    }

    /// Whether the gate has not been shut since; see [`Pass::is_current`].
    pub fn is_current(&self) -> bool {
        match &self.state {
            State::Out(pass) => pass.is_current(),
            _ => false,
        }
    }

    /// Whether others wait for how this one fares; see [`Pass::is_probe`].
    pub fn is_probe(&self) -> bool {
        matches!(&self.state, State::Out(pass) if pass.is_probe())
    }

    /// It went well: the other side took the request, whatever it answered.
    ///
    /// Nothing happens after another verdict.
    pub fn ok(&mut self) {
        if let Some(pass) = self.take() {
            self.state = State::Ok;
            pass.ok();
        }
    }

    /// The other side refused, and perhaps said for how long: the gate is shut, as by [`Pass::refused`].
    ///
    /// Answers what came of that; `None` after another verdict.
    pub fn refused(&mut self, hint: impl Into<Hint>) -> Option<Shut> {
        let hint = hint.into();
        let refused = self.take()?.refused(hint);
        let shut = refused.shut();
        self.state = State::Refused(refused);
        Some(shut)
    }

    /// Reports what a classifier made of a result.
    ///
    /// Answers what came of a refusal; `None` for others, and after another verdict.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tidegate_time_lock::{PausingSemaphore, Verdict};
    /// # tidegate_test::block_on(async {
    /// let requests = PausingSemaphore::new(2);
    /// let mut permit = requests.acquire().await.unwrap();
    /// assert!(permit.verdict(Verdict::refused(Duration::from_secs(1))).is_some());
    /// assert!(requests.gate().is_locked());
    /// # });
    /// ```
    pub fn verdict(&mut self, verdict: Verdict) -> Option<Shut> {
        match verdict {
            Verdict::Ok => self.ok(),
            Verdict::Refused { after, scope: _ } => return self.refused(after),
            Verdict::Ignore => {
                if let Some(pass) = self.take() {
                    self.state = State::Ok;
                    pass.unknown();
                }
            }
        }
        None
    }

    /// Whether the request was refused for its own sake; see [`Refused::is_isolated`].
    pub fn is_isolated(&self) -> bool {
        matches!(&self.state, State::Refused(refused) if refused.is_isolated())
    }

    /// Gives the permit back, and keeps the place in line for
    /// [`acquire_again`](crate::PausingSemaphore::acquire_again).
    ///
    /// One that went well has no place to keep: a request that is sent after it is a new one.
    pub fn requeue(mut self) -> Requeue {
        match std::mem::replace(&mut self.state, State::Gone) {
            State::Out(pass) => pass.requeue(),
            State::Refused(refused) => refused.requeue(),
            State::Ok | State::Gone => Requeue::none(Arc::clone(&self.seat.0)),
        }
    }

    /// The pass, if there is no verdict yet.
    fn take(&mut self) -> Option<Pass> {
        match std::mem::replace(&mut self.state, State::Gone) {
            State::Out(pass) => Some(pass),
            other => {
                self.state = other;
                None
            }
        }
    }
}
