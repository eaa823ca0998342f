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
    /// How many jobs are in line, for a hand that looks. Relaxed: it is a hint.
    jobs: AtomicUsize,
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
        Self { plan, state: CachePadded::new(Mutex::new(State::new())), jobs: AtomicUsize::new(0) }
    }

    /// Puts a job in line and sees to it that a thread comes for it. If it is `bounded` it is refused when the
    /// queue is full; otherwise it stands in line as long as it takes.
    pub(crate) fn admit(
        self: &Arc<Self>,
        work: Arc<dyn Work>,
        bounded: bool,
    ) -> Result<Place, Refused> {
        let inner = work.origin().inner;
        let (place, call, _clocks) = {
            let mut state = self.state.lock();
            match state.phase {
                Phase::Open => {}
                Phase::Draining if inner => {}
                Phase::Draining | Phase::Closed => return Err(Refused::Closed),
            }
            if bounded && state.room(&self.plan, inner) == 0 {
                return Err(Refused::Full);
            }
            let line = if inner { &mut state.inner } else { &mut state.line };
            let place = line.push(work);
            self.jobs.store(state.jobs(), Ordering::Relaxed);
            (place, state.call(&self.plan), state.let_clocks_go(&self.plan))
        };
        self.answer(call);
        Ok(place)
    }

    /// Takes a job that is not to run out of the line.
    pub(crate) fn forget(&self, place: Place, inner: bool) {
        let gone = {
            let mut state = self.state.lock();
            let line = if inner { &mut state.inner } else { &mut state.line };
            let gone = line.remove(place);
            state.cancelled += u64::from(gone.is_some());
            self.jobs.store(state.jobs(), Ordering::Relaxed);
            gone
        };
        drop(gone);
    }

    /// A job begins to wait in `block_on`: its slot is lent to the jobs that it waits for.
    pub(crate) fn went_away(self: &Arc<Self>) {
        let call = {
            let mut state = self.state.lock();
            state.away += 1;
            state.call(&self.plan)
        };
        self.answer(call);
    }

    /// A job came back from `block_on`.
    pub(crate) fn came_back(&self) {
        let mut state = self.state.lock();
        state.away -= 1;
        state.peak = state.peak.max(state.busy - state.away);
    }

    /// A job lets go of a paused clock while it sleeps; if the line waits for that too, so does the line, once what
    /// is returned is dropped.
    pub(crate) fn goes_adrift(&self) -> Vec<Arc<Hold>> {
        let mut state = self.state.lock();
        state.adrift += 1;
        state.let_clocks_go(&self.plan)
    }

    /// The job was woken: the line waits for its thread again.
    pub(crate) fn is_woken(&self) {
        let mut state = self.state.lock();
        state.adrift -= 1;
        state.line.iter().for_each(|job| job.origin().clock.take_back());
    }

    /// Lets no job in any more; those that are in may run.
    pub(crate) fn drain(&self) {
        let bells = {
            let mut state = self.state.lock();
            if state.phase == Phase::Open {
                state.phase = Phase::Draining;
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
            let mut waiting = state.inner.drain();
            waiting.append(&mut state.line.drain());
            state.cancelled += waiting.len() as u64;
            self.jobs.store(0, Ordering::Relaxed);
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
            if state.threads == 0 && state.line.is_empty() && state.inner.is_empty() {
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
        self.state.lock().statistics(&self.plan)
    }

    /// The same, or nothing while somebody holds the lock.
    pub(crate) fn try_statistics(&self) -> Option<PoolStatistics> {
        Some(self.state.try_lock()?.statistics(&self.plan))
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
            let (hopeless, watchers) = {
                let mut state = self.state.lock();
                let watchers = state.leave(hand);
                (state.hopeless(), watchers)
            };
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
