// How it works
//
// A tokio timer panics where there is no runtime for it: outside of one, in one without timers, and in one that is
// shutting down. A gate answers `Closed` there instead. The first case can be asked for; the other two can only be
// tried, so the calls into tokio are fenced.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep_until};

/// A tokio timer that is there only while somebody needs it; or a note for a thread, which keeps time by itself.
#[derive(Debug)]
pub(crate) struct Timer {
    // Of all in a line only the first has one, and the others need no room for it.
    sleep: Option<Pin<Box<Sleep>>>,
    /// When the thread is to look again.
    alarm: Option<Instant>,
    on_thread: bool,
}

/// There is no runtime that could keep time.
#[derive(Debug)]
pub(crate) struct Gone;

impl Timer {
    pub(crate) fn new() -> Self {
        Self { sleep: None, alarm: None, on_thread: false }
    }

    /// For a thread that sees to it that it polls when [`alarm`](Self::alarm) says so.
    pub(crate) fn on_thread() -> Self {
        Self { on_thread: true, ..Self::new() }
    }

    pub(crate) fn alarm(&self) -> Option<Instant> {
        self.alarm
    }

    /// Sets the timer to `at`.
    pub(crate) fn arm(&mut self, at: Instant) -> Result<(), Gone> {
        if self.on_thread {
            self.alarm = Some(at);
            return Ok(());
        }
        match &mut self.sleep {
            Some(sleep) if sleep.deadline() == at => Ok(()),
            Some(sleep) => match fenced(|| sleep.as_mut().reset(at)) {
                Ok(()) => Ok(()),
                Err(Gone) => self.renew(at),
            },
            None => self.renew(at),
        }
    }

    /// A timer of the runtime that this is polled in now.
    fn renew(&mut self, at: Instant) -> Result<(), Gone> {
        self.sleep = None;
        if Handle::try_current().is_err() {
            return Err(Gone);
        }
        self.sleep = Some(fenced(|| Box::pin(sleep_until(at)))?);
        Ok(())
    }

    /// Forgets the time that was set.
    pub(crate) fn disarm(&mut self) {
        self.alarm = None;
        self.sleep = None;
    }

    /// Ready, once, when the time has come; pending when none is set.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        if self.alarm.is_some_and(|at| Instant::now() >= at) {
            self.alarm = None;
            return Poll::Ready(Ok(()));
        }
        let Some(sleep) = &mut self.sleep else { return Poll::Pending };
        let at = sleep.deadline();
        let outcome = fenced(|| sleep.as_mut().poll(cx)).or_else(|Gone| {
            // Its runtime is; but somebody polls this, perhaps in another one.
            self.renew(at)?;
            fenced(|| self.sleep.as_mut().map_or(Poll::Pending, |new| new.as_mut().poll(cx)))
        });
        let outcome = match outcome {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(())) => Ok(()),
            Err(gone) => Err(gone),
        };
        self.sleep = None;
        Poll::Ready(outcome)
    }
}

fn fenced<R>(call: impl FnOnce() -> R) -> Result<R, Gone> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| {
        // Dropping a payload could panic in its turn; tokio's are strings, and it is not worth an abort.
        std::mem::forget(panic);
        Gone
    })
}
