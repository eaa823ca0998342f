// How it works
//
// A tokio timer panics where there is no runtime for it: outside of one, in one without timers, and in one that is
// shutting down. A gate answers `Closed` there instead. The first case can be asked for; the other two can only be
// tried, so the calls into tokio are fenced.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep_until};

pin_project! {
    /// A tokio timer that is there only while somebody needs it; or a note for a thread, which keeps time by itself.
    #[derive(Debug)]
    pub(crate) struct Timer {
        #[pin]
        sleep: Option<Sleep>,
        // When the thread is to look again.
        alarm: Option<Instant>,
        on_thread: bool,
    }
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
    pub(crate) fn arm(self: Pin<&mut Self>, at: Instant) -> Result<(), Gone> {
        let this = self.project();
        if *this.on_thread {
            *this.alarm = Some(at);
            return Ok(());
        }
        let mut sleep = this.sleep;
        match sleep.as_mut().as_pin_mut() {
            Some(current) if current.deadline() == at => Ok(()),
            Some(current) => fenced(|| current.reset(at)),
            None if Handle::try_current().is_err() => Err(Gone),
            None => {
                let new = fenced(|| sleep_until(at))?;
                sleep.set(Some(new));
                Ok(())
            }
        }
    }

    /// Forgets the time that was set.
    pub(crate) fn disarm(self: Pin<&mut Self>) {
        let mut this = self.project();
        *this.alarm = None;
        this.sleep.set(None);
    }

    /// Ready, once, when the time has come; pending when none is set.
    pub(crate) fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        let this = self.project();
        if this.alarm.is_some_and(|at| Instant::now() >= at) {
            *this.alarm = None;
            return Poll::Ready(Ok(()));
        }
        let mut sleep = this.sleep;
        let Some(current) = sleep.as_mut().as_pin_mut() else { return Poll::Pending };
        let outcome = match fenced(|| current.poll(cx)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(())) => Ok(()),
            Err(gone) => Err(gone),
        };
        sleep.set(None);
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
