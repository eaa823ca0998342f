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
use tidegate_timeout::scope::{Guard, Orphan};

use crate::clock::Clock;
use crate::crew::{Crew, Refused, Terms};
use crate::error::{JobError, QueueFull};
use crate::job_cx::JobCx;
use crate::lender::Lender;
use crate::line::Place;
use crate::quiet::quietly;
use crate::work::{Ended, Outcome, Work};

/// A job.
pub(crate) struct Cell<F, T> {
    cx: JobCx,
    location: &'static Location<'static>,
    /// Whether it is an inner job of its crew, see `crew.rs`.
    inner: bool,
    /// Where it stands in line, as bits. Relaxed: whoever cancels was handed the job, or the waker that
    /// leads to it, after this was written, or finds out as written in `admit`.
    place: AtomicU64,
    state: Mutex<State<F, T>>,
}

struct State<F, T> {
    stage: Stage<F, T>,
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
        let cx = JobCx::of_caller(crew.cloned());
        let inner = crew.is_some_and(|crew| Lender::lends(cx.lenders.as_ref(), crew));
        let guard = tidegate_timeout::current_scope().map(|_| cx.scope.guard());
        let cell = Arc::new(Self {
            cx,
            location,
            inner,
            place: AtomicU64::new(Place::NOWHERE.to_bits()),
            state: Mutex::new(State {
                stage: Stage::Queued(work),
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
        if !cell.is_queued() {
            return Ok(cell);
        }
        let as_work: Arc<dyn Work> = Arc::clone(&cell) as _;
        match crew.admit(&as_work, Terms { bounded, inner: cell.inner }) {
            Ok(place) => {
                cell.place.store(place.to_bits(), Ordering::Relaxed);
                if !cell.is_queued() {
                    // Withdrawn by the scope, perhaps before the place was known.
                    crew.forget(place, cell.inner);
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

        if let Some(crew) = &self.cx.crew {
            let place = Place::from_bits(self.place.load(Ordering::Relaxed));
            crew.forget(place, self.inner);
        }
        quietly(|| self.cx.inherited.enter(|| drop(work)));
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
        self.cx.clock.end();
        quietly(|| drop(guard));
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
        let orphan = state.orphan.take();
        drop(state);
        quietly(|| drop(unwanted));
        self.hand_over(waker, guard, late);
        quietly(|| drop(orphan));
    }
}

impl<F, T> Work for Cell<F, T>
where
    F: FnOnce(&JobCx) -> T + Send + 'static,
    T: Send + 'static,
{
    fn run(&self, free: &mut dyn FnMut(Ended)) {
        let work = {
            let mut state = self.state.lock();
            match std::mem::replace(&mut state.stage, Stage::Running) {
                Stage::Queued(work) => work,
                other => {
                    state.stage = other;
                    drop(state);
                    return free(Ended::Withdrawn);
                }
            }
        };
        let returned = {
            let _runtime = self.cx.runtime.as_ref().map(|runtime| runtime.enter());
            let run = || self.cx.inherited.enter(|| self.cx.scope.enter(|| work(&self.cx)));
            catch_unwind(AssertUnwindSafe(run))
        };
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
        let why = self.cx.scope.handle().reason().unwrap_or(CancelReason::ParentCancelled);
        self.give_up(JobError::Cancelled(why), LATE);
    }

    fn tell(&self, why: CancelReason) {
        self.cx.scope.handle().cancel(why);
    }

    fn clock(&self) -> &Clock {
        &self.cx.clock
    }

    fn location(&self) -> &'static Location<'static> {
        self.location
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
        let orphan = Some(self.cx.scope.adopt());
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
        self.cx.clock.end();
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
