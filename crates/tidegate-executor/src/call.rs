// How it works
//
// What a task and the `BlockingFuture` of it share. `stage` says where the result is:
//
//     Pending       the task has it to come
//     Lent(thread)  that thread runs the callbacks, and looks for more of them before it lets go
//     Done(result)  here, for whoever waits
//     Over          it was taken, or nobody wants it
//
// A result is seen by all callbacks before anybody who waits can take it, so they can be handed a reference
// and nothing needs to be cloned. `on_done` on a result that is here borrows it in the same way.
//
// That a scope around was cancelled is for that scope to say, not for the task: as in `cell.rs`, such an error
// is handed over after the guard is gone, and an `.await` is told of it some polls late. A thread that
// waits is told at once.
//
// Nothing of the user's is touched with the lock held, and no waker is woken, cloned or dropped.

use std::panic::Location;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use tidegate_shim::thread::{self, ThreadId};
use tidegate_shim::{Condvar, Mutex, MutexGuard};
use tidegate_timeout::{CancelReason, ScopeHandle};
use tokio::runtime::{Handle, Id};

use crate::cell::LATE;
use crate::clock::Clock;
use crate::deadlock::{Key, Waits, about_to_wait};
use crate::quiet::quietly;
use crate::wait_error::WaitError;

pub(crate) type Outcome<T> = Result<T, WaitError>;
type Callback<T> = Box<dyn FnOnce(Result<&T, &WaitError>) + Send>;

/// The way of a result from a task to whoever waits for it.
pub(crate) struct Call<T> {
    pub(crate) task: Key,
    /// Where the task runs.
    pub(crate) runtime: Id,
    /// Where it was asked for.
    pub(crate) location: &'static Location<'static>,
    scope: ScopeHandle,
    state: Mutex<State<T>>,
    ended: Condvar,
}

struct State<T> {
    stage: Stage<T>,
    /// Whether there is still somebody who may ask for the result.
    wanted: bool,
    /// For how many more polls an `.await` is not told of the result.
    late: u8,
    waker: Option<Waker>,
    /// Of the runtime that awaits the result.
    clock: Option<Clock>,
    /// The threads of runtimes that wait for the result.
    waits: Vec<Waits>,
    callbacks: Vec<Callback<T>>,
}

enum Stage<T> {
    Pending,
    Lent(ThreadId),
    Done(Outcome<T>),
    Over,
}

impl<T> Call<T> {
    pub(crate) fn new(
        task: Key,
        runtime: Id,
        scope: ScopeHandle,
        location: &'static Location<'static>,
    ) -> Self {
        let state = State {
            stage: Stage::Pending,
            wanted: true,
            late: 0,
            waker: None,
            clock: None,
            waits: Vec::new(),
            callbacks: Vec::new(),
        };
        Self { task, runtime, location, scope, state: Mutex::new(state), ended: Condvar::new() }
    }

    /// The same for a thread that waits already.
    pub(crate) fn awaited_by(mut self, waits: Option<Waits>) -> Self {
        self.state.get_mut().waits.extend(waits);
        self
    }

    /// Hands the result over, if nobody has.
    ///
    /// `strike_off` is for whoever counts the task, and says whom to wake there: those who have the result find it
    /// struck off, and those who find it struck off have the result.
    pub(crate) fn settle(&self, result: Outcome<T>, strike_off: impl FnOnce() -> Option<Waker>) {
        let mut state = self.state.lock();
        if matches!(state.stage, Stage::Pending) {
            state.stage = Stage::Lent(thread::current().id());
            self.publish(state, result, strike_off);
        } else {
            drop(state);
            quietly(|| drop(result));
        }
    }

    /// Shows the result, which is lent, to the callbacks, and then leaves it to those who wait.
    fn publish<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<T>>,
        result: Outcome<T>,
        strike_off: impl FnOnce() -> Option<Waker>,
    ) {
        let (wakers, clock, unwanted) = loop {
            let callbacks = std::mem::take(&mut state.callbacks);
            if callbacks.is_empty() {
                let unwanted = if state.wanted {
                    state.stage = Stage::Done(result);
                    None
                } else {
                    state.stage = Stage::Over;
                    Some(result)
                };
                state.waits.clear();
                self.ended.notify_all();
                let taken = ([state.waker.take(), strike_off()], state.clock.take(), unwanted);
                drop(state);
                break taken;
            }
            drop(state);
            for callback in callbacks {
                quietly(|| callback(result.as_ref()));
            }
            state = self.state.lock();
        };
        quietly(|| drop(unwanted));
        for waker in wakers.into_iter().flatten() {
            quietly(|| waker.wake());
        }
        // Not before the waiting task was woken, so that its runtime has something to do.
        if let Some(clock) = clock {
            clock.end();
        }
    }

    /// As [`settle`](Self::settle), for an error that a scope around is to blame for, which `lets_go` lets go on first.
    pub(crate) fn settle_late(
        &self,
        error: WaitError,
        lets_go: impl FnOnce(),
        strike_off: impl FnOnce() -> Option<Waker>,
    ) {
        self.state.lock().late = LATE;
        quietly(lets_go);
        self.settle(Err(error), strike_off);
    }

    /// Has `callback` see the result: now, if it is there.
    #[track_caller]
    pub(crate) fn on_done(&self, callback: Callback<T>) {
        let mut state = self.state.lock();
        let lent = Stage::Lent(thread::current().id());
        let result = match std::mem::replace(&mut state.stage, lent) {
            Stage::Done(result) => Some(result),
            Stage::Over => {
                state.stage = Stage::Over;
                drop(state);
                panic!("a callback comes before the result is taken");
            }
            before => {
                state.stage = before;
                None
            }
        };
        state.callbacks.push(callback);
        if let Some(result) = result {
            self.publish(state, result, || None);
        }
    }

    /// Waits on this thread; until `deadline`, if there is one.
    #[track_caller]
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> Outcome<T> {
        if let Some(result) = self.try_take() {
            return result;
        }
        let waits = about_to_wait(self.task, self.runtime)?;
        self.wait_as(waits, deadline)
    }

    /// The same on a thread that has said so.
    #[track_caller]
    pub(crate) fn wait_as(&self, waits: Option<Waits>, deadline: Option<Instant>) -> Outcome<T> {
        let mut state = self.state.lock();
        state.waits.extend(waits);
        let result = loop {
            if let Some(result) = state.take() {
                break result;
            }
            if matches!(state.stage, Stage::Lent(to) if to == thread::current().id()) {
                // A callback waits for the result that it is shown.
                break Err(WaitError::WouldDeadlock(Location::caller()));
            }
            match deadline {
                None => state = self.ended.wait(state),
                Some(deadline) => {
                    if Instant::now() >= deadline {
                        break Err(WaitError::Timeout);
                    }
                    state = self.ended.wait_until(state, deadline);
                }
            }
        };
        state.waits.retain(|it| !it.is_mine());
        drop(state);
        result
    }

    #[track_caller]
    fn try_take(&self) -> Option<Outcome<T>> {
        self.state.lock().take()
    }

    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Outcome<T>> {
        let mut fresh = None;
        loop {
            let mut state = self.state.lock();
            if let Stage::Done(_) = state.stage {
                if state.late > 0 {
                    state.late -= 1;
                    drop(state);
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
            if let Some(result) = state.take() {
                return Poll::Ready(result);
            }
            if state.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                return Poll::Pending;
            }
            if let Some((waker, clock)) = fresh.take() {
                let old = state.waker.replace(waker);
                let old_clock = std::mem::replace(&mut state.clock, clock);
                drop(state);
                drop(old);
                old_clock.inspect(Clock::end);
                return Poll::Pending;
            }
            drop(state);
            let elsewhere = Handle::try_current().ok().filter(|here| here.id() != self.runtime);
            let clock = elsewhere.map(|here| Clock::hold(Some(&here)));
            fresh = Some((cx.waker().clone(), clock));
        }
    }

    /// Whether the scope of the task was told, which it was not if the task had ended.
    pub(crate) fn cancel(&self, why: CancelReason) -> bool {
        let has_ended = self.is_done();
        if !has_ended {
            self.scope.cancel(why);
        }
        !has_ended
    }

    pub(crate) fn is_done(&self) -> bool {
        !matches!(self.state.lock().stage, Stage::Pending)
    }

    /// Nobody waits for the result any more.
    pub(crate) fn release(&self) {
        let (waker, clock, result) = {
            let mut state = self.state.lock();
            state.wanted = false;
            let result = match &state.stage {
                Stage::Done(_) => Some(std::mem::replace(&mut state.stage, Stage::Over)),
                _ => None,
            };
            (state.waker.take(), state.clock.take(), result)
        };
        clock.inspect(Clock::end);
        drop(waker);
        drop(result);
    }
}

impl<T> State<T> {
    #[track_caller]
    fn take(&mut self) -> Option<Outcome<T>> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Done(result) => Some(result),
            Stage::Over => panic!("the result was taken already"),
            before => {
                self.stage = before;
                None
            }
        }
    }
}
