// How it works
//
// What the handles of a portal share. A task is written down (`members`) and the portal found open in one step, so
// one that was not refused runs: the portal's own runtime ends only when the portal is closed and nobody is
// written down any more. A task is struck off as its result is handed over, after its callbacks have run.
//
// The tasks are in the scope of the portal, which is a child of the one in which the portal was made. That one
// waits for each of them (`Orphan`), also with a value.

use std::panic::Location;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tidegate_timeout::CancelReason;
use tidegate_timeout::scope::Scope;
use tokio::runtime::Handle;

use crate::deadlock::{Key, Waits, about_to_wait};
use crate::line::{Line, Place};
use crate::quiet::quietly;
use crate::report::{ShutdownReport, StuckJob};
use crate::timers::Timers;
use crate::wait_error::WaitError;

/// What the handles of a portal share.
pub(crate) struct Hub {
    pub(crate) runtime: Handle,
    pub(crate) scope: Scope,
    pub(crate) location: &'static Location<'static>,
    /// The name of the thread, if the portal has one of its own.
    pub(crate) thread: Option<&'static str>,
    state: Mutex<State>,
    changed: Condvar,
    /// Its callbacks, once there has been one.
    timers: OnceLock<Arc<Timers>>,
}

struct State {
    open: bool,
    members: Line<Person>,
    /// The portal's own thread runs.
    thread: bool,
    /// Of the portal's own thread.
    waker: Option<Waker>,
}

struct Person {
    location: &'static Location<'static>,
    since: Instant,
}

impl Hub {
    pub(crate) fn new(
        runtime: Handle,
        thread: Option<&'static str>,
        location: &'static Location<'static>,
    ) -> Arc<Self> {
        let state =
            State { open: true, members: Line::new(), thread: thread.is_some(), waker: None };
        Arc::new(Self {
            runtime,
            scope: Scope::new(),
            location,
            thread,
            state: Mutex::new(state),
            changed: Condvar::new(),
            timers: OnceLock::new(),
        })
    }

    /// Writes a task down, unless the portal is closed.
    pub(crate) fn join(self: &Arc<Self>, location: &'static Location<'static>) -> Option<Member> {
        let place = {
            let mut state = self.state.lock();
            if !state.open {
                return None;
            }
            state.members.push(Person { location, since: Instant::now() })
        };
        Some(Member { hub: Arc::clone(self), place: Some(place) })
    }

    /// Takes no more tasks, and drops the callbacks.
    pub(crate) fn close(&self) {
        self.change(|state| state.open = false);
        if let Some(timers) = self.timers.get() {
            timers.close();
        }
    }

    /// The loop of the portal's callbacks, in whose runtime this is called.
    #[track_caller]
    pub(crate) fn timers(&self) -> Arc<Timers> {
        let timers = Arc::clone(self.timers.get_or_init(|| Timers::start(&self.runtime)));
        if !self.state.lock().open {
            timers.close();
        }
        timers
    }

    /// The portal's own thread has ended.
    pub(crate) fn thread_has_ended(&self) {
        self.change(|state| state.thread = false);
    }

    fn change(&self, how: impl FnOnce(&mut State)) {
        if let Some(waker) = self.change_and_say(how) {
            quietly(|| waker.wake());
        }
    }

    /// As `change`, and says whom to wake.
    fn change_and_say(&self, how: impl FnOnce(&mut State)) -> Option<Waker> {
        let mut state = self.state.lock();
        how(&mut state);
        self.changed.notify_all();
        if state.is_deserted() { state.waker.take() } else { None }
    }

    /// Ready when the portal is closed and its tasks have ended.
    pub(crate) fn poll_deserted(&self, cx: &Context<'_>) -> Poll<()> {
        let fresh = cx.waker().clone();
        let (poll, _old) = {
            let mut state = self.state.lock();
            match state.is_deserted() {
                true => (Poll::Ready(()), None),
                false => (Poll::Pending, state.waker.replace(fresh)),
            }
        };
        poll
    }

    /// Closes the portal and waits on this thread until everything has ended; after `grace` it names the rest
    /// and cancels it.
    #[track_caller]
    pub(crate) fn shut(&self, grace: Duration) -> Result<ShutdownReport, WaitError> {
        self.close();
        let mut waits = None;
        if !self.state.lock().is_over() {
            waits = self.about_to_wait()?;
        }
        let deadline = Instant::now().checked_add(grace);
        let mut state = self.state.lock();
        while !state.is_over() {
            match deadline {
                None => self.changed.wait(&mut state),
                Some(deadline) if Instant::now() < deadline => {
                    self.changed.wait_until(&mut state, deadline);
                }
                Some(_) => {
                    let report = self.report(&state);
                    drop(state);
                    self.cancel(CancelReason::Shutdown);
                    return Ok(report);
                }
            }
        }
        drop((state, waits));
        Ok(ShutdownReport::default())
    }

    /// As `deadlock.rs`, and: the portal's own thread ends after the blocking jobs of its runtime, of which this may be
    /// one.
    #[track_caller]
    fn about_to_wait(&self) -> Result<Option<Waits>, WaitError> {
        let is_inside = || Handle::try_current().is_ok_and(|it| it.id() == self.runtime.id());
        if self.thread.is_some() && is_inside() {
            return Err(WaitError::WouldDeadlock(Location::caller()));
        }
        about_to_wait(Key::next(), self.runtime.id())
    }

    pub(crate) fn cancel(&self, why: CancelReason) {
        self.scope.handle().cancel(why);
    }

    fn report(&self, state: &State) -> ShutdownReport {
        let thread = self.thread.unwrap_or("the threads of its runtime");
        let stuck = |person: &Person| StuckJob {
            location: person.location,
            running_for: person.since.elapsed(),
            thread: thread.to_owned(),
        };
        let mut stuck: Vec<_> = state.members.iter().map(stuck).collect();
        // By age: a line keeps no order.
        stuck.sort_by_key(|job| std::cmp::Reverse(job.running_for));
        if stuck.is_empty() {
            stuck.push(StuckJob {
                location: self.location,
                running_for: Duration::ZERO,
                thread: thread.to_owned(),
            });
        }
        ShutdownReport { stuck, dropped: 0 }
    }

    /// Whether it takes tasks, and how many it has.
    pub(crate) fn counts(&self) -> (bool, usize) {
        let state = self.state.lock();
        (state.open, state.members.len())
    }
}

impl State {
    fn is_deserted(&self) -> bool {
        !self.open && self.members.is_empty()
    }

    fn is_over(&self) -> bool {
        self.is_deserted() && !self.thread
    }
}

/// A task that is written down, until it is struck off.
pub(crate) struct Member {
    hub: Arc<Hub>,
    place: Option<Place>,
}

impl Member {
    /// Strikes the task off, and says whom to wake.
    pub(crate) fn strike_off(&mut self) -> Option<Waker> {
        let place = self.place.take()?;
        self.hub.change_and_say(|state| {
            state.members.remove(place);
        })
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(waker) = self.strike_off() {
            quietly(|| waker.wake());
        }
    }
}
