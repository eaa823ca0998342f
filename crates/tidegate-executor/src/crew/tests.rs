use std::panic::Location;
use std::sync::Arc;

use super::*;
use crate::origin::Origin;
use crate::work::Ended;

/// A job that is only ever in line.
struct Idle(Origin);

impl Work for Idle {
    fn run(self: Arc<Self>, _: &mut dyn FnMut(Ended)) {}
    fn withdraw(&self, _: JobError) -> bool {
        true
    }
    fn scope_cancelled(&self) {}
    fn tell(&self, _: CancelReason) {}
    fn origin(&self) -> &Origin {
        &self.0
    }
}

fn idle() -> Arc<dyn Work> {
    Arc::new(Idle(Origin::here(None, Location::caller())))
}

fn crew() -> Crew {
    Crew::new(Plan {
        name: String::new(),
        min: 0,
        max: 1,
        queue: 1,
        keep_alive: Duration::ZERO,
        stack_size: None,
    })
}

// No test can have a job join at the very moment.
#[test]
fn a_hand_that_would_sleep_sees_who_has_joined_without_telling() {
    let crew = crew();
    let mut state = crew.state.lock();
    state.threads = 1;
    state.tell(&crew.back, false);
    crew.back.lock().line.push(idle());
    assert!(!state.may_go(&crew.plan, &crew.back));
    assert!(crew.back.lock().tells);
    assert!(state.take(&crew.plan, &crew.back).is_some());
    state.busy = 0;
    assert!(state.may_go(&crew.plan, &crew.back));
}

// The system cannot be made to start one thread and refuse the next.
#[test]
fn jobs_that_nobody_will_come_for_are_given_back() {
    let crew = crew();
    let mut state = crew.state.lock();
    state.line.push(idle());
    state.inner.push(idle());
    (state.threads, state.busy, state.away) = (2, 2, 1);
    assert_eq!(state.hopeless(&crew.back).len(), 0, "one thread is at work");
    (state.threads, state.busy, state.away) = (1, 1, 1);
    assert_eq!(state.hopeless(&crew.back).len(), 1, "the only thread waits for the inner job");
    assert_eq!((state.line.len(), state.inner.len()), (1, 0));
    (state.threads, state.busy, state.away) = (0, 0, 0);
    assert_eq!(state.hopeless(&crew.back).len(), 1);
    assert!(state.line.is_empty());
}

#[test]
fn one_who_sleeps_is_called_when_the_thread_he_relied_on_is_not_to_be_had() {
    let crew = crew();
    let mut state = crew.state.lock();
    state.line.push(idle());
    let Call::Start(first) = state.call(&crew.plan, &crew.back) else {
        panic!("a thread is there")
    };
    // The first has had its job and sleeps: the second, which is to be started, is coming.
    state.idle.push(first);
    state.threads = 2;
    state.line.pop();
    state.tell(&crew.back, false);
    crew.back.lock().line.push(idle());
    // It cannot be started.
    state.threads = 1;
    let Call::Ring(bell) = state.call_instead(&crew.plan, &crew.back) else {
        panic!("the job is forgotten");
    };
    assert!(Arc::ptr_eq(&bell, &state.hand(first).bell));
    assert!(crew.back.lock().tells);
}
