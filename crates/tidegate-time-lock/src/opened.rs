// How it works
//
// Onlookers have a line of their own, a chain of heads like the gate's: the first has a timer for the end of the
// pause, looks when it fires or when somebody unlocked, and nudges the next. Each remembers the epoch of the pause
// that it saw. A gate that is not shut, or shut with a later epoch, has been open in between, even if nobody saw it.
//
// Locks are taken in one order: the onlookers' line, then the gate.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tidegate_waiters::{Borrowed, Decision, Locked, Turn, Waiter};

use crate::entry::let_others_go;
use crate::line::{Crier, Gate, Onlookers};
use crate::stats::State;
use crate::timer::{Gone, Timer};
use crate::{Closed, Epoch, TimeLock};

pin_project! {
    /// The future of [`TimeLock::opened`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Opened<'a> {
        gate: &'a Gate,
        // The pause that was seen.
        seen: Option<Epoch>,
        #[pin]
        waiter: Waiter<Onlookers, Borrowed<'a, Onlookers>>,
        timer: Timer,
    }
}

impl<'a> Opened<'a> {
    pub(crate) fn new(gate: &'a TimeLock) -> Self {
        let gate = gate.shared();
        Self { gate, seen: None, waiter: Waiter::new(&gate.onlookers, ()), timer: Timer::new() }
    }
}

impl Future for Opened<'_> {
    type Output = Result<(), Closed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if this.waiter.is_fresh() {
            ready!(let_others_go(cx));
        }
        loop {
            let fired = match this.timer.poll(cx) {
                Poll::Pending => false,
                Poll::Ready(Ok(())) => true,
                Poll::Ready(Err(Gone)) => return leave(this.waiter, cx),
            };
            let mut alarm = None;
            let (gate, seen) = (*this.gate, &mut *this.seen);
            let mut crier = Crier::new(gate);
            let look = |line: &mut Locked<'_, Onlookers>, _word: usize| {
                let until = gate.update_for(&mut crier, |line, now| {
                    let core = line.policy();
                    core.catch_up(now);
                    match core.state() {
                        State::Closed => Err(Err(Closed)),
                        State::Shut if *seen.get_or_insert(core.epoch()) == core.epoch() => {
                            let until = core.pause().and_then(|pause| pause.until);
                            Ok(core.next_look(now, until))
                        }
                        _ => Err(Ok(())),
                    }
                });
                match until {
                    Ok(until) => {
                        alarm = Some(until.filter(|_| line.is_next()));
                        Decision::Wait
                    }
                    Err(outcome) => {
                        line.nudge_front();
                        Decision::Ready(outcome)
                    }
                }
            };
            let woken = match fired {
                true => this.waiter.as_mut().poll_again(cx, look),
                false => this.waiter.as_mut().poll(cx, look),
            };
            match woken {
                Poll::Ready(Turn::Decided(outcome)) => return Poll::Ready(outcome),
                Poll::Ready(Turn::Granted | Turn::Released) => return Poll::Ready(Err(Closed)),
                Poll::Pending => {}
            }
            match alarm {
                None => return Poll::Pending,
                Some(None) => {
                    this.timer.disarm();
                    return Poll::Pending;
                }
                Some(Some(at)) => {
                    if let Err(Gone) = this.timer.arm(at) {
                        return leave(this.waiter, cx);
                    }
                }
            }
        }
    }
}

/// There is no timer to wait with.
fn leave(
    waiter: Pin<&mut Waiter<Onlookers, Borrowed<'_, Onlookers>>>,
    cx: &mut Context<'_>,
) -> Poll<Result<(), Closed>> {
    let _ = waiter.poll_again(cx, |line, _word| {
        line.nudge_front();
        Decision::Ready(())
    });
    Poll::Ready(Err(Closed))
}
