// How it works
//
// The part that all futures with a pass share. Most gates are open: the first poll is one load, and the rest of the
// future is made only when that is not enough. Then it is a waiter in the gate's line, and the timer that it has while
// it is the first. Each poll lets the timer fire, lets the waiter look if it was nudged or the timer fired, and sets
// the timer to what it learned. A waiter that is not the first has no timer, unless its caller limits the wait.

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use tidegate_waiters::{Decision, Locked, Turn as Wake, WaitQueue, Waiter};
use tokio::task::coop;
use tokio::time::Instant;

use crate::Epoch;
use crate::core::{Core, Grant, Turn, Wait};
use crate::line::{Crier, Gate, Note, fast_pass, fast_return, place_of, publish};
use crate::stats::State;
use crate::timer::{Gone, Timer};

pin_project! {
    /// Somebody on the way to a pass.
    #[derive(Debug)]
    pub(crate) struct Entry<O> {
        start: Start,
        #[pin]
        wait: Option<Waiting<O>>,
    }
}

/// How somebody comes to the gate.
#[derive(Clone, Copy, Debug)]
enum Start {
    /// For the first time, and was not polled yet.
    New,
    /// With a place in line, say, and was not polled yet.
    With(Note),
    /// As [`With`](Self::With); a thread that polls again when [`Entry::alarm`] says so.
    OnThread,
    /// Was polled: is in line or through.
    Over,
}

pin_project! {
    /// Somebody in line.
    #[derive(Debug)]
    struct Waiting<O> {
        #[pin]
        waiter: Waiter<Core, O>,
        timer: Timer,
    }
}

/// How long somebody would wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) at: Instant,
    /// Also when the gate is known to be shut for longer.
    pub(crate) anyway: bool,
}

/// Why there is no pass.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fail {
    Closed,
    TooLong(Duration),
    Elapsed,
}

pub(crate) type Outcome = Result<Grant, Fail>;

impl<O> Entry<O> {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self { start: Start::New, wait: None }
    }

    /// Somebody who brings something.
    pub(crate) fn with(note: Note) -> Self {
        Self { start: Start::With(note), wait: None }
    }

    /// For a thread that polls again when [`alarm`](Self::alarm) says so.
    pub(crate) fn on_thread() -> Self {
        Self { start: Start::OnThread, wait: None }
    }

    /// What it brings, once it was let go without a pass: its number in line, above all.
    pub(crate) fn note(self: Pin<&mut Self>) -> Option<Note> {
        let wait = self.project().wait.as_pin_mut()?;
        wait.project().waiter.note_mut().copied()
    }

    pub(crate) fn alarm(&self) -> Option<Instant> {
        self.wait.as_ref().and_then(|wait| wait.timer.alarm())
    }

    /// The epoch of a gate that is simply open; `None` when it takes more than that.
    ///
    /// The future of an open gate is this and nothing else, so every instruction counts.
    #[inline(always)]
    pub(crate) fn poll_fast(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        line: &WaitQueue<Core>,
    ) -> Poll<Option<Epoch>> {
        let start = self.project().start;
        let Start::New = start else { return Poll::Ready(None) };
        let epoch = ready!(poll_open(cx, line));
        if epoch.is_some() {
            *start = Start::Over;
        }
        Poll::Ready(epoch)
    }

    /// A pass, or a place in line for a waiter that `join` makes.
    ///
    /// # Panics
    ///
    /// When it was ready before.
    #[cold]
    #[inline(never)]
    pub(crate) fn poll_slow(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        gate: &Gate,
        limit: Option<Limit>,
        join: impl FnOnce(Note) -> Waiter<Core, O>,
    ) -> Poll<Outcome> {
        let mut this = self.project();
        let (note, timer) = match *this.start {
            Start::New => (Note::default(), Timer::new()),
            Start::OnThread => (Note::default(), Timer::on_thread()),
            Start::With(note) => {
                if let Some(grant) = fast_return(gate.line(), note) {
                    ready!(let_others_go(cx));
                    *this.start = Start::Over;
                    return Poll::Ready(Ok(grant));
                }
                (note, Timer::new())
            }
            Start::Over => {
                let wait = this.wait.as_pin_mut().expect("polled after it was ready");
                return wait.poll(cx, gate, limit);
            }
        };
        *this.start = Start::Over;
        this.wait.set(Some(Waiting { waiter: join(note), timer }));
        this.wait.as_pin_mut().expect("made just now").poll(cx, gate, limit)
    }
}

/// The epoch of a gate that is simply open, if it is; pending when the task is to let others go first.
#[inline(always)]
pub(crate) fn poll_open(cx: &mut Context<'_>, line: &WaitQueue<Core>) -> Poll<Option<Epoch>> {
    let Some(epoch) = fast_pass(line) else { return Poll::Ready(None) };
    // Nothing was taken, so nothing is held by a task that is out of budget. Who has waited has let others run
    // already, and is not asked.
    ready!(let_others_go(cx));
    Poll::Ready(Some(epoch))
}

/// Pending when the task has done so much that it is to let others go first.
///
/// To ask tokio for that costs several times what a pass costs, so one in 32 on each thread does: a task in a hot loop
/// has a few thousand of them before the others get their turn.
#[inline(always)]
pub(crate) fn let_others_go(cx: &mut Context<'_>) -> Poll<()> {
    if is_to_ask() {
        ready!(coop::poll_proceed(cx)).made_progress();
    }
    Poll::Ready(())
}

#[inline(always)]
fn is_to_ask() -> bool {
    let passes = PASSES.get().wrapping_add(1);
    PASSES.set(passes);
    passes % 32 == 0
}

thread_local! {
    static PASSES: Cell<u8> = const { Cell::new(0) };
}

impl<O> Waiting<O> {
    fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        gate: &Gate,
        limit: Option<Limit>,
    ) -> Poll<Outcome> {
        let this = self.project();
        let (mut waiter, timer) = (this.waiter, this.timer);
        // What it notices is told when it is no longer under the lock.
        let mut crier = Crier::new(gate);
        loop {
            let fired = match timer.poll(cx) {
                Poll::Pending => false,
                Poll::Ready(Ok(())) => true,
                Poll::Ready(Err(Gone)) => return leave(waiter, cx),
            };
            let fresh = waiter.is_fresh();
            let asks = fresh && is_to_ask();
            // Whoever is, and need not wait, takes a place in line before others go: it came before them, and holds
            // nothing that they could use.
            let mut tired = asks && !coop::has_budget_remaining();
            // What the waiter learned, if it looked: when to look again.
            let mut alarm = None;
            let look = |line: &mut Locked<'_, Core>, _word: usize| {
                let decided = decide(line, Instant::now(), fresh, &mut tired, limit);
                crier.hear(line);
                match decided {
                    Ok(outcome) => Decision::Ready(outcome),
                    Err((decision, at)) => {
                        alarm = Some(at);
                        decision
                    }
                }
            };
            let woken = match fired {
                true => waiter.as_mut().poll_again(cx, look),
                false => waiter.as_mut().poll(cx, look),
            };
            match woken {
                Poll::Ready(Wake::Decided(outcome)) => {
                    if asks {
                        let _ = coop::poll_proceed(cx).map(|progress| progress.made_progress());
                    }
                    return Poll::Ready(outcome);
                }
                // Nobody is granted anything here; everybody is released when the gate is closed.
                Poll::Ready(Wake::Granted | Wake::Released) => {
                    return Poll::Ready(Err(Fail::Closed));
                }
                Poll::Pending => {}
            }
            if tired {
                gate.update(|line, _| line.nudge_front());
            }
            match alarm {
                // It did not look; the timer is as it was.
                None => return Poll::Pending,
                Some(None) => {
                    timer.disarm();
                    return Poll::Pending;
                }
                Some(Some(at)) => {
                    if let Err(Gone) = timer.arm(at) {
                        return leave(waiter, cx);
                    }
                }
            }
        }
    }
}

/// There is no timer to wait with.
fn leave<O>(waiter: Pin<&mut Waiter<Core, O>>, cx: &mut Context<'_>) -> Poll<Outcome> {
    let left = waiter.poll_again(cx, |line, _word| {
        line.nudge_front();
        Decision::Ready(Err(Fail::Closed))
    });
    match left {
        Poll::Ready(Wake::Decided(outcome)) => Poll::Ready(outcome),
        _ => Poll::Ready(Err(Fail::Closed)),
    }
}

/// A pass or a failure; or how to wait, and when to look again.
fn decide(
    line: &mut Locked<'_, Core>,
    now: Instant,
    fresh: bool,
    tired: &mut bool,
    limit: Option<Limit>,
) -> Result<Outcome, (Decision<Outcome>, Option<Instant>)> {
    let mut note = *line.note().expect("a waiter is polled");
    if let Some(number) = note.moved.take() {
        note.ticket = Some(place_of(line, number));
        *line.note().expect("a waiter is polled") = note;
    }
    let ticket = note.ticket;
    // Whoever comes back with an old ticket may be before those in line.
    let first = line.is_next()
        || ticket.is_some() && line.front().is_some_and(|front| ticket < front.ticket);
    *tired &= first && line.policy().state() != State::Shut;
    if *tired {
        return Err((stay(line, note, now, fresh), None));
    }
    let turn = line.policy().turn(now, first, note);
    publish(line);
    let wait = match turn {
        Turn::Closed => return Ok(Err(Fail::Closed)),
        Turn::Pass(grant) => {
            // The next one has no timer yet, and may pass too.
            if !line.is_empty() {
                line.nudge_front();
            }
            return Ok(Ok(grant));
        }
        Turn::Wait(wait) => wait,
    };
    if let Some(fail) = limit.and_then(|limit| too_late(wait, limit, now)) {
        line.policy().stats_mut().timed_out += 1;
        if !line.is_empty() {
            line.nudge_front();
        }
        return Ok(Err(fail));
    }
    let decision = stay(line, note, now, fresh);
    let due = match wait {
        _ if !first => None,
        Wait::Shut(until) => line.policy().next_look(now, until),
        Wait::Probing(until) => until,
        Wait::Paced(due) => Some(due),
        Wait::Full | Wait::Queued => None,
    };
    let due = match (due, limit) {
        (Some(due), Some(limit)) => Some(due.min(limit.at)),
        (due, limit) => due.or(limit.map(|limit| limit.at)),
    };
    Err((decision, due))
}

/// A place in line, for somebody who waits from now on or already.
fn stay(
    line: &mut Locked<'_, Core>,
    mut note: Note,
    now: Instant,
    fresh: bool,
) -> Decision<Outcome> {
    note.since.get_or_insert(now);
    let decision = match note.ticket {
        Some(_) => Decision::WaitInOrder,
        None => {
            note.ticket = Some(line.policy().draw_ticket());
            Decision::Wait
        }
    };
    *line.note().expect("a waiter is polled") = note;
    let len = line.len() + usize::from(fresh);
    let most = &mut line.policy().stats_mut().waiters_max;
    *most = len.max(*most);
    decision
}

fn too_late(wait: Wait, limit: Limit, now: Instant) -> Option<Fail> {
    if now >= limit.at {
        return Some(Fail::Elapsed);
    }
    match wait {
        Wait::Shut(Some(until)) if until > limit.at && !limit.anyway => {
            Some(Fail::TooLong(until.saturating_duration_since(now)))
        }
        _ => None,
    }
}
