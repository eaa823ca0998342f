// How it works
//
// One lock over two lines of jobs and the table of threads ("hands"). `line` is for everybody; `inner` is
// for jobs that a job of this same crew asked for while it waits in `JobCx::block_on` (it is `away`). Of
// `busy` hands, `away` ones only wait, so
//
//     a job of `line`  starts while  busy        < max        (one thread, one job at a time)
//     a job of `inner` starts while  busy - away < max        (on the slot that its asker lends)
//
// and no more than `max` jobs compute at once. (But for one that has the slot when its owner comes back: to
// wait for it could take for ever.) An inner job must not stand behind the others: with one thread its asker
// would wait for ever for a job that waits for the asker's thread.
//
// Whatever leaves a startable job behind (it was pushed; its asker went away; a hand took the one before it) sees to
// it under the same lock that a hand is coming: one that idles is rung for, or a new one is started. So no job is
// forgotten:
//
//     a job is startable  =>  a hand is coming, or there are as many hands as there may be
//
// One that is coming is enough, since it calls the next: whoever asks for many small jobs is not kept busy with
// waking hands for which nothing would be left.
//
// A job's slot is freed by its own hand, after the closure is gone, and the next job is taken in the
// same step. Closures, results and wakers are touched with the lock released: `state.rs` decides, and this
// file and `hand.rs` do.

mod back;
mod hand;
mod look;
#[cfg(feature = "runner")]
pub(crate) mod roll;
mod state;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Waker;
use std::time::Duration;

use crossbeam_utils::CachePadded;
use parking_lot::{Condvar, Mutex};
use tidegate_timeout::CancelReason;

use self::back::Back;
use self::state::{Call, Current, Phase, State};
use crate::clock::Hold;
use crate::error::JobError;
use crate::line::Place;
use crate::quiet::quietly;
use crate::report::{PoolStatistics, ShutdownReport, StuckJob};
use crate::work::Work;

/// What the builder asked for.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) name: String,
    pub(crate) min: usize,
    pub(crate) max: usize,
    pub(crate) queue: usize,
    pub(crate) keep_alive: Duration,
    pub(crate) stack_size: Option<usize>,
}

/// The threads of a pool and the jobs that wait for them.
pub(crate) struct Crew {
    pub(crate) plan: Plan,
    state: CachePadded<Mutex<State>>,
    back: CachePadded<Back>,
}

/// Why a job was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Full,
    Closed,
}

fn ring(bells: &[Arc<Condvar>]) {
    for bell in bells {
        bell.notify_one();
    }
}

impl Crew {
    pub(crate) fn new(plan: Plan) -> Self {
        let (state, back) = (Mutex::new(State::new()), Back::new());
        Self { plan, state: CachePadded::new(state), back: CachePadded::new(back) }
    }

    /// Puts a job in line and sees to it that a thread comes for it. If it is `bounded` it is refused when the
    /// queue is full; otherwise it stands in line as long as it takes.
    pub(crate) fn admit(
        self: &Arc<Self>,
        work: Arc<dyn Work>,
        bounded: bool,
    ) -> Result<Place, Refused> {
        if work.origin().inner {
            return self.admit_inner(work, bounded);
        }
        let mut back = self.back.lock();
        if bounded && back.open && back.room == 0 {
            drop(back);
            let state = self.state.lock();
            back = self.back.lock();
            back.room = state.room(&self.plan, &back);
        }
        if !back.open {
            return Err(Refused::Closed);
        }
        if bounded && back.room == 0 {
            return Err(Refused::Full);
        }
        back.room = back.room.saturating_sub(1);
        let place = back.line.push(work);
        self.back.set_hint();
        let tells = back.tells;
        drop(back);
        if tells {
            let mut state = self.state.lock();
            let call = state.call(&self.plan, &self.back);
            let clocks = state.let_clocks_go(&self.plan, &self.back);
            drop(state);
            self.answer(call);
            drop(clocks);
        }
        Ok(place)
    }

    /// The same for a job that a job of this crew waits for.
    fn admit_inner(self: &Arc<Self>, work: Arc<dyn Work>, bounded: bool) -> Result<Place, Refused> {
        let (place, call) = {
            let mut state = self.state.lock();
            if state.phase == Phase::Closed {
                return Err(Refused::Closed);
            }
            if bounded && state.inner_room(&self.plan) == 0 {
                return Err(Refused::Full);
            }
            (state.inner.push(work), state.call(&self.plan, &self.back))
        };
        self.answer(call);
        Ok(place)
    }

    /// Takes a job that is not to run out of the line.
    pub(crate) fn forget(&self, place: Place, inner: bool) {
        let gone = {
            let mut state = self.state.lock();
            let gone = if inner {
                state.inner.remove(place)
            } else {
                state.line.remove(place).or_else(|| self.back.lock().line.remove(place))
            };
            state.cancelled += u64::from(gone.is_some());
            gone
        };
        drop(gone);
    }

    /// A job begins to wait in `block_on`: its slot is lent to the jobs that it waits for.
    ///
    /// It may wait more than once at a time: in a `block_on` inside a `block_on`, or on two threads that share its
    /// `JobCx`. How often it does is counted in `waits`, under the lock: away, it counts once, whoever comes between.
    pub(crate) fn went_away(self: &Arc<Self>, waits: &AtomicUsize) {
        let call = {
            let mut state = self.state.lock();
            if waits.fetch_add(1, Ordering::Relaxed) > 0 {
                return;
            }
            state.away += 1;
            state.call(&self.plan, &self.back)
        };
        self.answer(call);
    }

    /// A job came back from `block_on`.
    pub(crate) fn came_back(&self, waits: &AtomicUsize) {
        let mut state = self.state.lock();
        if waits.fetch_sub(1, Ordering::Relaxed) == 1 {
            state.away -= 1;
            state.peak = state.peak.max(state.busy - state.away);
        }
    }

    /// A job lets go of a paused clock while it sleeps; if the line waits for that too, so does the line, once what
    /// is returned is dropped.
    pub(crate) fn goes_adrift(&self) -> Vec<Arc<Hold>> {
        let mut state = self.state.lock();
        state.adrift += 1;
        state.tell(&self.back, true);
        state.let_clocks_go(&self.plan, &self.back)
    }

    /// The job was woken: the line waits for its thread again.
    pub(crate) fn is_woken(&self) {
        let mut state = self.state.lock();
        state.adrift -= 1;
        let back = self.back.lock();
        state.line.iter().chain(back.line.iter()).for_each(|job| job.origin().clock.take_back());
    }

    /// Lets no job in any more; those that are in may run.
    pub(crate) fn drain(&self) {
        let bells = {
            let mut state = self.state.lock();
            if state.phase == Phase::Open {
                state.phase = Phase::Draining;
                self.back.lock().open = false;
            }
            state.ring_all()
        };
        ring(&bells);
    }

    /// Drops the jobs in line, tells the running ones to stop, and names them.
    pub(crate) fn cut(&self, why: &CancelReason) -> ShutdownReport {
        let (waiting, running, bells) = {
            let mut state = self.state.lock();
            state.phase = Phase::Closed;
            self.back.lock().open = false;
            let mut waiting = state.inner.drain();
            waiting.append(&mut state.drain_line(&self.back));
            state.cancelled += waiting.len() as u64;
            let running: Vec<_> = state
                .current()
                .map(|(hand, job)| (Arc::clone(&job.work), self.as_stuck(hand, job)))
                .collect();
            (waiting, running, state.ring_all())
        };
        ring(&bells);
        let mut report = ShutdownReport { stuck: Vec::new(), dropped: waiting.len() };
        for job in waiting {
            job.withdraw(JobError::Cancelled(why.clone()));
            quietly(|| drop(job));
        }
        for (job, stuck) in running {
            // Its thread may have it and not have begun.
            if job.withdraw(JobError::Cancelled(why.clone())) {
                report.dropped += 1;
            } else {
                quietly(|| job.tell(why.clone()));
                report.stuck.push(stuck);
            }
            quietly(|| drop(job));
        }
        report
    }

    /// The jobs that run.
    #[cfg(feature = "runner")]
    pub(crate) fn running(&self) -> Vec<StuckJob> {
        self.state.lock().current().map(|(hand, job)| self.as_stuck(hand, job)).collect()
    }

    fn as_stuck(&self, hand: usize, job: &Current) -> StuckJob {
        StuckJob {
            thread: self.thread_name(hand),
            location: job.work.origin().location,
            running_for: job.since.elapsed(),
        }
    }

    /// Whether no job waits or runs and every thread has ended; if not, `waker` is woken when it is so.
    /// `place` is where the waker of an earlier call stands.
    pub(crate) fn is_quiet(&self, place: &mut Option<Place>, waker: &Waker) -> bool {
        let mut fresh = Some(waker.clone());
        let (quiet, _old) = {
            let mut state = self.state.lock();
            if state.threads == 0 && state.jobs(&self.back.lock()) == 0 {
                (true, None)
            } else {
                match place.and_then(|place| state.watchers.get_mut(place)) {
                    Some(old) => (false, fresh.take().map(|fresh| std::mem::replace(old, fresh))),
                    None => {
                        *place = fresh.take().map(|fresh| state.watchers.push(fresh));
                        (false, None)
                    }
                }
            }
        };
        quiet
    }

    /// Nobody waits at `place` any more for the crew to be quiet.
    pub(crate) fn unwatch(&self, place: Place) {
        let old = self.state.lock().watchers.remove(place);
        drop(old);
    }

    pub(crate) fn statistics(&self) -> PoolStatistics {
        self.state.lock().statistics(&self.plan, &self.back.lock())
    }

    /// The same, or nothing while somebody holds the lock.
    pub(crate) fn try_statistics(&self) -> Option<PoolStatistics> {
        Some(self.state.try_lock()?.statistics(&self.plan, &*self.back.try_lock()?))
    }

    fn thread_name(&self, hand: usize) -> String {
        format!("{}-{}", self.plan.name, hand + 1)
    }

    fn answer(self: &Arc<Self>, call: Call) {
        match call {
            Call::Nobody => {}
            Call::Ring(bell) => ring(&[bell]),
            Call::Start(hand) => self.start(hand),
        }
    }

    fn start(self: &Arc<Self>, hand: usize) {
        let mut thread = std::thread::Builder::new().name(self.thread_name(hand));
        if let Some(bytes) = self.plan.stack_size {
            thread = thread.stack_size(bytes);
        }
        let crew = Arc::clone(self);
        if let Err(error) = thread.spawn(move || crew.work(hand)) {
            let (hopeless, watchers, call) = {
                let mut state = self.state.lock();
                let watchers = state.leave(hand);
                let call = state.call_instead(&self.plan, &self.back);
                (state.hopeless(&self.back), watchers, call)
            };
            self.answer(call);
            for job in hopeless {
                job.withdraw(JobError::NoThread(error.kind()));
                quietly(|| drop(job));
            }
            watchers.into_iter().for_each(|waker| quietly(|| waker.wake()));
        }
    }
}

#[cfg(test)]
mod tests;
