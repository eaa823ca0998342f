// The life of a thread.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::MutexGuard;
use tokio::runtime::Handle;

use super::Crew;
use super::look::look;
use super::state::Phase;
use crate::quiet::quietly;
use crate::work::{Ended, Work};

impl Crew {
    pub(super) fn work(self: &Arc<Self>, hand: usize) {
        let mut next = self.wait(hand);
        while let Some(job) = next {
            next = self.stretch(hand, job).or_else(|| self.wait(hand));
        }
    }

    /// Runs a job, and those that follow for as long as they are of the same runtime; gives the one that is not.
    ///
    /// The runtime is entered once: whoever enters one counts in a place in which everybody counts who asks for a
    /// job there.
    fn stretch(self: &Arc<Self>, hand: usize, first: Arc<dyn Work>) -> Option<Arc<dyn Work>> {
        let id = |job: &Arc<dyn Work>| job.origin().runtime.as_ref().map(Handle::id);
        let here = id(&first);
        let runtime = first.origin().runtime.clone();
        let entered = runtime.as_ref().map(Handle::enter);
        let mut job = first;
        let next = loop {
            let mut following = None;
            quietly(|| job.run(&mut |ended| following = self.turn(hand, ended)));
            match following {
                Some(next) if id(&next) == here => job = next,
                other => break other,
            }
        };
        // It panics if a job has entered a runtime and not left it.
        quietly(|| drop(entered));
        next
    }

    /// Frees the slot of the job that has ended and takes the next one, if there is one.
    fn turn(self: &Arc<Self>, hand: usize, ended: Ended) -> Option<Arc<dyn Work>> {
        let now = Instant::now();
        let mut state = self.state.lock();
        state.busy -= 1;
        match ended {
            Ended::Returned => state.completed += 1,
            Ended::Panicked => state.panicked += 1,
            Ended::Withdrawn => state.cancelled += 1,
        }
        let next = state.take(&self.plan, &self.back);
        let done = state.hand(hand).job.take();
        let next = next.map(|work| state.begin(hand, work, now));
        drop(state);
        // Not the last handle to the job: its hand has one.
        drop(done);
        next
    }

    /// Waits for a job; nothing when the thread is to end.
    fn wait(self: &Arc<Self>, hand: usize) -> Option<Arc<dyn Work>> {
        let mut state = self.state.lock();
        let mut waited_enough = false;
        let mut looked = false;
        loop {
            if let Some(work) = state.take(&self.plan, &self.back) {
                let work = state.begin(hand, work, Instant::now());
                let call = state.call(&self.plan, &self.back);
                drop(state);
                self.answer(call);
                return Some(work);
            }
            if !looked && !state.looking && state.busy < self.plan.max {
                state.looking = true;
                let patience = state.patience.take();
                let found = MutexGuard::unlocked(&mut state, || look(&self.back, patience));
                state.patience.learn(patience, found);
                state.looking = false;
                looked = !found;
                continue;
            }
            if !state.may_go(&self.plan, &self.back) {
                continue;
            }
            looked = false;
            let surplus = state.threads > self.plan.min;
            if state.phase != Phase::Open
                || state.threads > self.plan.max
                || (surplus && waited_enough)
            {
                let watchers = state.leave(hand);
                drop(state);
                watchers.into_iter().for_each(|waker| quietly(|| waker.wake()));
                return None;
            }
            let bell = Arc::clone(&state.hand(hand).bell);
            state.hand(hand).rung = false;
            state.idle.push(hand);
            waited_enough = if surplus {
                bell.wait_for(&mut state, self.plan.keep_alive).timed_out()
            } else {
                bell.wait(&mut state);
                false
            };
            if state.hand(hand).rung {
                waited_enough = false;
            } else {
                state.idle.retain(|&idle| idle != hand);
            }
        }
    }
}
