// How it works
//
// One allocation holds a job from the call to the result; its future and its pool each have a handle.
// `stage` says who owns the closure and the result:
//
//     Queued(f)     the closure is here: whoever takes it out, with the lock held, decides what becomes
//                   of it: a thread runs it, or a canceller drops it
//     Running       a thread has it
//     Done(result)  nobody has it any more; the result waits for the future
//     Over          the result was taken, or nobody wants it
//
// Cancellers are: the future (dropped, or `Job::cancel`), the pool (closed), and the caller's scope. The
// last one does not wait until the future is polled: the waker with which the job listens to the scope
// withdraws the job itself.
//
// In a scope the job has a guard from the call until its closure is gone, so the scope does not end
// under it. A closure that runs on after its future was dropped is also adopted: the scope does not return with
// a value either before the closure has ended. That a scope was cancelled is for the scope to say, not for the job: such an error is handed
// over after the guard is gone, and reported a few polls late. The scope drops the future in between, and
// code that would ask again and again never gets to. Where no scope does, the error arrives.
//
// Nothing of the user's is touched with the lock held, and no waker is woken, cloned or dropped.

use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;
use tidegate_timeout::CancelReason;
use tidegate_timeout::scope::{Guard, Orphan, Scope};

use crate::crew::{Crew, Refused};
use crate::error::{JobError, QueueFull};
use crate::job_cx::JobCx;
use crate::line::Place;
use crate::origin::Origin;
use crate::quiet::quietly;
use crate::work::{Ended, Outcome, Work};

/// A job.
pub(crate) struct Cell<F, T> {
    origin: Origin,
    /// There is a scope around the caller, which may withdraw the job at any time.
    guarded: bool,
    /// Where it stands in line, as bits. Relaxed: whoever cancels was handed the job, or the waker that
    /// leads to it, after this was written, or finds out as written in `admit`.
    place: AtomicU64,
    state: Mutex<State<F, T>>,
}

struct State<F, T> {
    stage: Stage<F, T>,
    /// The scope of the job: from the call to its end if there is one around the caller, else while it runs.
    scope: Option<Scope>,
    /// Whether there is still a future that wants the result.
    wanted: bool,
    /// For how many more polls the future is not told of the result.
    late: u8,
    waker: Option<Waker>,
    guard: Option<Guard>,
    /// The scopes around wait for this when the future was dropped and the closure runs on.
    orphan: Option<Orphan>,
}

/// How late an error is that a cancelled scope is to blame for: the scope polls once and, once it knows that
/// it was cancelled, once more.
pub(crate) const LATE: u8 = 2;

enum Stage<F, T> {
    Queued(F),
    Running,
    Done(Result<T, JobError>),
    Over,
}

impl<F, T> Cell<F, T>
where
    F: FnOnce(&JobCx) -> T + Send + 'static,
    T: Send + 'static,
{
    /// Makes a job in the caller's scope and runtime.
    pub(crate) fn new(
        work: F,
        crew: Option<&Arc<Crew>>,
        location: &'static Location<'static>,
    ) -> Arc<Self> {
        let origin = Origin::here(crew.cloned(), location);
        let guarded = tidegate_timeout::current_scope().is_some();
        // Somebody else's thread may be in a scope of its own, so the job's is not made there.
        let scope = (guarded || crew.is_none()).then(Scope::new);
        let guard = scope.as_ref().filter(|_| guarded).map(Scope::guard);
        let cell = Arc::new(Self {
            origin,
            guarded,
            place: AtomicU64::new(Place::NOWHERE.to_bits()),
            state: Mutex::new(State {
                stage: Stage::Queued(work),
                scope,
                wanted: true,
                late: 0,
                waker: None,
                guard: None,
                orphan: None,
            }),
        });
        if let Some(guard) = guard {
            cell.listen(guard);
        }
        cell
    }

    /// Makes a job and puts it in line.
    pub(crate) fn admit(
        work: F,
        crew: &Arc<Crew>,
        bounded: bool,
        location: &'static Location<'static>,
    ) -> Result<Arc<Self>, QueueFull> {
        let cell = Self::new(work, Some(crew), location);
        if cell.guarded && !cell.is_queued() {
            return Ok(cell);
        }
        match crew.admit(Arc::clone(&cell) as _, bounded) {
            Ok(place) => {
                cell.place.store(place.to_bits(), Ordering::Relaxed);
                if cell.guarded && !cell.is_queued() {
                    // Withdrawn by the scope, perhaps before the place was known.
                    crew.forget(place, cell.origin.inner);
                }
            }
            Err(Refused::Full) => {
                cell.release();
                cell.cancel(CancelReason::Explicit("the queue was full".into()));
                return Err(QueueFull);
            }
            Err(Refused::Closed) => {
                cell.withdraw(JobError::Cancelled(CancelReason::Shutdown));
            }
        }
        Ok(cell)
    }

    fn listen(self: &Arc<Self>, mut guard: Guard) {
        let waker = Waker::from(Arc::new(OnCancel(Arc::clone(self) as _)));
        let cancelled = guard.poll_cancelled(&mut Context::from_waker(&waker));
        {
            let mut state = self.state.lock();
            if let Stage::Queued(_) = state.stage {
                state.guard = Some(guard);
            }
        }
        if cancelled.is_ready() {
            self.scope_cancelled();
        }
    }

    /// The scope of a job that runs.
    fn running_in(&self) -> Option<Scope> {
        let state = self.state.lock();
        state.scope.clone().filter(|_| matches!(state.stage, Stage::Running))
    }

    fn is_queued(&self) -> bool {
        matches!(self.state.lock().stage, Stage::Queued(_))
    }

    /// Takes the closure out and drops it; `late` as in the state.
    fn give_up(&self, error: JobError, late: u8) -> bool {
        let mut state = self.state.lock();
        let Stage::Queued(_) = state.stage else { return false };
        let result = if state.wanted { Stage::Done(Err(error)) } else { Stage::Over };
        let work = std::mem::replace(&mut state.stage, result);
        state.late = late;
        let (waker, guard) = (state.waker.take(), state.guard.take());
        drop(state);

        if let Some(crew) = &self.origin.crew {
            let place = Place::from_bits(self.place.load(Ordering::Relaxed));
            crew.forget(place, self.origin.inner);
        }
        quietly(|| self.origin.inherited.enter(|| drop(work)));
        self.hand_over(waker, guard, late);
        true
    }

    /// Wakes who waits, and lets the clock and the scope go on.
    fn hand_over(&self, waker: Option<Waker>, guard: Option<Guard>, late: u8) {
        let mut guard = guard;
        if late > 0 {
            quietly(|| drop(guard.take()));
        }
        if let Some(waker) = waker {
            quietly(|| waker.wake());
        }
        quietly(|| drop(guard));
        // Last: who is woken by these finds the clock where it was.
        self.origin.clock.end();
    }

    fn finish(&self, result: Result<T, JobError>) {
        let late = if let Err(JobError::Cancelled(_)) = result { LATE } else { 0 };
        let mut state = self.state.lock();
        state.late = late;
        let unwanted = if state.wanted {
            state.stage = Stage::Done(result);
            None
        } else {
            state.stage = Stage::Over;
            Some(result)
        };
        let (waker, guard) = (state.waker.take(), state.guard.take());
        let (scope, orphan) = (state.scope.take(), state.orphan.take());
        drop(state);
        quietly(|| drop(unwanted));
        self.hand_over(waker, guard, late);
        quietly(|| drop(orphan));
        quietly(|| drop(scope));
    }
}

impl<F, T> Work for Cell<F, T>
where
    F: FnOnce(&JobCx) -> T + Send + 'static,
    T: Send + 'static,
{
    fn run(self: Arc<Self>, free: &mut dyn FnMut(Ended)) {
        let (work, scope) = {
            let mut state = self.state.lock();
            match std::mem::replace(&mut state.stage, Stage::Running) {
                Stage::Queued(work) => (work, state.scope.get_or_insert_with(Scope::new).clone()),
                other => {
                    state.stage = other;
                    drop(state);
                    return free(Ended::Withdrawn);
                }
            }
        };
        let cx = JobCx::new(scope, Arc::clone(&self) as _);
        let run = || self.origin.inherited.enter(|| cx.enter(|| work(&cx)));
        let returned = catch_unwind(AssertUnwindSafe(run));
        let result = returned.map_err(JobError::from_payload);
        let ended = match &result {
            Err(JobError::Panicked(_)) => Ended::Panicked,
            _ => Ended::Returned,
        };
        if self.state.lock().wanted {
            free(ended);
            self.finish(result);
        } else {
            // What nobody takes is part of the job, however long its destructor takes.
            self.finish(result);
            free(ended);
        }
    }

    fn withdraw(&self, error: JobError) -> bool {
        self.give_up(error, 0)
    }

    fn scope_cancelled(&self) {
        let scope = self.state.lock().scope.clone();
        let why = scope.and_then(|scope| scope.handle().reason());
        self.give_up(JobError::Cancelled(why.unwrap_or(CancelReason::ParentCancelled)), LATE);
    }

    fn tell(&self, why: CancelReason) {
        if let Some(scope) = self.running_in() {
            scope.handle().cancel(why);
        }
    }

    fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl<F, T> Outcome<T> for Cell<F, T>
where
    F: FnOnce(&JobCx) -> T + Send + 'static,
    T: Send + 'static,
{
    fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<T, JobError>> {
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
                let done = std::mem::replace(&mut state.stage, Stage::Over);
                drop(state);
                match done {
                    Stage::Done(result) => return Poll::Ready(result),
                    _ => unreachable!("looked at with the lock held"),
                }
            }
            assert!(!matches!(state.stage, Stage::Over), "polled again after it was ready");
            if state.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                return Poll::Pending;
            }
            if fresh.is_some() {
                let old = std::mem::replace(&mut state.waker, fresh);
                drop(state);
                drop(old);
                return Poll::Pending;
            }
            drop(state);
            fresh = Some(cx.waker().clone());
        }
    }

    fn cancel(&self, why: CancelReason) -> bool {
        if self.withdraw(JobError::Cancelled(why.clone())) {
            return true;
        }
        self.tell(why);
        false
    }

    fn abandon(&self, why: CancelReason) {
        self.release();
        if self.cancel(why) {
            return;
        }
        let orphan = self.running_in().map(|scope| scope.adopt());
        let mut state = self.state.lock();
        let superfluous = match state.stage {
            Stage::Running => std::mem::replace(&mut state.orphan, orphan),
            _ => orphan,
        };
        drop(state);
        drop(superfluous);
    }

    fn release(&self) {
        let (waker, result) = {
            let mut state = self.state.lock();
            state.wanted = false;
            let result = match &state.stage {
                Stage::Done(_) => Some(std::mem::replace(&mut state.stage, Stage::Over)),
                _ => None,
            };
            (state.waker.take(), result)
        };
        self.origin.clock.end();
        drop(waker);
        drop(result);
    }

    fn is_finished(&self) -> bool {
        matches!(self.state.lock().stage, Stage::Done(_) | Stage::Over)
    }
}

/// The waker with which a job listens to the scope of its caller.
struct OnCancel(Arc<dyn Work>);

impl Wake for OnCancel {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.scope_cancelled();
    }
}
