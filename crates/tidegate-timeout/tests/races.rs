//! Interleavings. Under `cargo test` each runs a few hundred times; `cargo xtask loom` runs them all.
//!
//! No timer ever fires here: deadlines are far away, or have passed. What a timer does is in `tests/it/`.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use tidegate_shim::atomic::{AtomicBool, Ordering};
use tidegate_test::{CountingWaker, block_on, poll_with, race, spawn};
use tidegate_timeout::scope::{Ended, Run, Scope};
use tidegate_timeout::{
    CancelReason, Deadline, ScopeHandle, cancel_scope, cancelled, checkpoint, current_scope,
    is_stopping, move_on_after, shield, stop_requested, timeout, timeout_at,
};
use tokio::time::Instant;

/// As `race`, in a runtime that nobody drives: timers can be set, and none fires.
///
/// Only the thread that runs the scenario is in it. (A model checker's threads all are.)
fn race_with_timers(scenario: impl Fn() + Send + Sync + 'static) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _inside = runtime.enter();
    race(scenario);
}

const HOUR: Duration = Duration::from_secs(3600);

/// Ready once `scope` is cancelled, wherever it is polled.
async fn end_of(scope: Scope) -> CancelReason {
    let mut waits = pin!(cancelled());
    poll_fn(|cx| scope.enter(|| waits.as_mut().poll(cx))).await
}

fn reason<T>(ended: Ended<T>) -> Option<CancelReason> {
    match ended {
        Ended::Value(_) => None,
        Ended::Cancelled(reason) => Some(reason),
        Ended::Panicked(panic) => std::panic::resume_unwind(panic),
    }
}

/// Ready with the second poll.
async fn pause() {
    let mut paused = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn enough() -> CancelReason {
    CancelReason::from("enough")
}

// ---- cancelling

#[test]
fn a_scope_that_is_cancelled_while_it_finishes_does_one_of_the_two() {
    race(|| {
        let (scope, done) = (Scope::new(), Scope::new());
        let (handle, finish) = (scope.handle(), done.handle());
        let canceller = spawn(move || handle.cancel("enough"));
        let finisher = spawn(move || finish.cancel("done"));
        match block_on(scope.run(end_of(done))) {
            Ended::Value(why) => assert_eq!(why, CancelReason::from("done")),
            Ended::Cancelled(why) => assert_eq!(why, enough()),
            Ended::Panicked(_) => panic!("nobody panicked"),
        }
        canceller.join().unwrap();
        finisher.join().unwrap();
    });
}

// B-W7: a value and a cancellation from elsewhere at the same time, of which one is returned, and never neither.
#[test]
fn what_a_handle_shows_when_its_scope_has_ended_is_shown_for_good() {
    race(|| {
        let mut run = Box::pin(Run::new(pause()));
        let handle = run.as_mut().handle();
        let there = handle.clone();
        let canceller = spawn(move || there.cancel("enough"));
        let ended = reason(block_on(run));
        let shown = (handle.reason(), handle.is_cancelled());
        canceller.join().unwrap();
        assert_eq!((handle.reason(), handle.is_cancelled()), shown, "it shows how it ended");
        assert_eq!(shown.0.is_some(), shown.1);
        if ended.is_some() {
            assert_eq!(shown.0, ended);
        }
        assert!(!handle.expired());
    });
}

#[test]
fn a_cancellation_reaches_a_scope_that_is_made_meanwhile() {
    race(|| {
        let outer = Scope::new();
        let handle = outer.handle();
        let canceller = spawn(move || handle.cancel("enough"));
        let there = outer.clone();
        let below = spawn(move || {
            let inner = there.enter(Scope::new);
            reason(block_on(inner.run(pending::<()>())))
        });
        let innermost = outer.enter(Scope::new).enter(Scope::new);
        assert_eq!(reason(block_on(innermost.run(pending::<()>()))), Some(enough()));
        canceller.join().unwrap();
        assert_eq!(below.join().unwrap(), Some(enough()));
    });
}

#[test]
fn a_cancellation_is_never_lost() {
    race(|| {
        let outer = Scope::new();
        let inner = outer.enter(Scope::new);
        let handle = outer.handle();
        let canceller = spawn(move || handle.cancel("enough"));
        let below = spawn(move || block_on(end_of(inner)));
        assert_eq!(reason(block_on(outer.run(pending::<()>()))), Some(enough()));
        canceller.join().unwrap();
        assert_eq!(below.join().unwrap(), enough());
    });
}

#[test]
fn a_guard_hears_of_a_cancellation() {
    race(|| {
        let outer = Scope::new();
        let mut guard = outer.enter(Scope::new).guard();
        let handle = outer.handle();
        let canceller = spawn(move || handle.cancel("enough"));
        assert_eq!(block_on(poll_fn(|cx| guard.poll_cancelled(cx))), enough());
        canceller.join().unwrap();
    });
}

// trio 33
#[test]
fn of_two_causes_the_first_stays_everywhere() {
    race(|| {
        let outer = Scope::new();
        let inner = outer.enter(Scope::new);
        let cancel = |why: &'static str| {
            let handle = outer.handle();
            spawn(move || {
                handle.cancel(why);
                handle.reason()
            })
        };
        let (one, two) = (cancel("one"), cancel("two"));
        let ended = reason(block_on(inner.run(pending::<()>())));
        let seen = [ended, outer.handle().reason(), one.join().unwrap(), two.join().unwrap()];
        assert!(seen[0].is_some());
        assert!(seen.iter().all(|it| *it == seen[0]), "{seen:?}");
        assert_eq!(inner.handle().reason(), seen[0]);
        assert_eq!(outer.enter(Scope::new).handle().reason(), seen[0]);
    });
}

#[test]
fn what_is_below_a_scope_with_a_cause_of_its_own_has_that_cause() {
    race(|| {
        let outer = Scope::new();
        let inner = outer.enter(Scope::new);
        let innermost = inner.enter(Scope::new);
        let (above, below) = (outer.handle(), inner.handle());
        let one = spawn(move || above.cancel("from above"));
        let two = spawn(move || below.cancel("its own"));
        let ended = reason(block_on(innermost.run(pending::<()>())));
        one.join().unwrap();
        two.join().unwrap();
        assert_eq!(outer.handle().reason(), Some("from above".into()));
        assert_eq!((inner.handle().reason(), innermost.handle().reason()), (ended.clone(), ended));
    });
}

#[test]
fn a_run_that_is_dropped_while_it_is_cancelled_leaves_no_waker() {
    race(|| {
        let scope = Scope::new();
        let (woken, waker) = CountingWaker::new();
        let mut run = Box::pin(scope.run(pending::<()>()));
        let polled = poll_with(run.as_mut(), &waker).is_pending();
        assert!(polled);
        drop(waker);
        let handle = scope.handle();
        let canceller = spawn(move || handle.cancel("enough"));
        drop(run);
        canceller.join().unwrap();
        assert!(woken.count() <= 1);
        assert_eq!(Arc::strong_count(&woken), 1);
    });
}

#[test]
fn scopes_go_while_what_is_around_them_is_cancelled() {
    race(|| {
        let outer = Scope::new();
        let inner = outer.enter(Scope::new);
        let innermost = inner.enter(Scope::new);
        let beside = outer.enter(Scope::new);
        let (handle, shows) = (outer.handle(), innermost.handle());
        let canceller = spawn(move || handle.cancel("enough"));
        let dropper = spawn(move || drop((inner, innermost)));
        drop(beside);
        drop(outer);
        canceller.join().unwrap();
        dropper.join().unwrap();
        assert_eq!(shows.reason(), Some(enough()), "a handle keeps its scope in the tree");
    });
}

#[test]
fn a_cancellation_that_passes_through_a_timeout_reaches_the_scope_that_reports_it() {
    race_with_timers(|| {
        let work = timeout(HOUR, pending::<()>());
        let handle = work.handle();
        let canceller = spawn(move || handle.cancel("enough"));
        let ended = block_on(cancel_scope(async |_| work.await));
        assert_eq!(ended.unwrap_err().reason(), enough());
        canceller.join().unwrap();
    });
}

// ---- stopping

/// Ready once `scope` is asked to stop, wherever it is polled.
async fn stop_of(scope: Scope) {
    let mut waits = pin!(stop_requested());
    poll_fn(|cx| scope.enter(|| waits.as_mut().poll(cx))).await;
}

#[test]
fn a_request_to_stop_is_never_lost() {
    race(|| {
        let outer = Scope::new();
        let inner = outer.enter(Scope::new);
        let handle = outer.handle();
        let asker = spawn(move || handle.request_stop());
        let below = spawn(move || block_on(stop_of(inner)));
        block_on(stop_of(outer));
        asker.join().unwrap();
        below.join().unwrap();
    });
}

#[test]
fn a_request_to_stop_reaches_a_scope_that_is_made_meanwhile() {
    race(|| {
        let outer = Scope::new();
        let handle = outer.handle();
        let asker = spawn(move || handle.request_stop());
        let there = outer.clone();
        let below = spawn(move || block_on(stop_of(there.enter(Scope::new))));
        let innermost = outer.enter(Scope::new).enter(Scope::new);
        asker.join().unwrap();
        assert!(innermost.handle().is_stopping() && innermost.enter(is_stopping));
        below.join().unwrap();
    });
}

#[test]
fn a_request_to_stop_and_a_cancellation_both_arrive() {
    race(|| {
        let outer = Scope::new();
        let inner = outer.enter(Scope::new);
        let (above, below) = (outer.handle(), inner.handle());
        let asker = spawn(move || above.request_stop());
        let canceller = spawn(move || below.cancel("enough"));
        let ended = reason(block_on(inner.run(async {
            stop_requested().await;
            pending::<()>().await;
        })));
        assert_eq!(ended, Some(enough()));
        asker.join().unwrap();
        canceller.join().unwrap();
        assert!(inner.enter(|| poll_with(pin!(stop_requested()), Waker::noop()).is_ready()));
        assert!(outer.handle().is_stopping() && !outer.handle().is_cancelled());
    });
}

#[test]
fn two_who_ask_a_scope_and_the_one_around_it_wake_everybody() {
    race(|| {
        let outer = Scope::new();
        let middle = outer.enter(Scope::new);
        let inner = middle.enter(Scope::new);
        let (above, below) = (outer.handle(), middle.handle());
        let one = spawn(move || above.request_stop());
        let two = spawn(move || below.request_stop());
        block_on(stop_of(inner));
        block_on(stop_of(outer));
        one.join().unwrap();
        two.join().unwrap();
    });
}

#[test]
fn who_sees_that_it_should_stop_sees_what_was_done_before_the_request() {
    race(|| {
        let outer = Scope::new();
        let inner = outer.enter(Scope::new);
        let told = Arc::new(AtomicBool::new(false));
        let (handle, tell) = (outer.handle(), Arc::clone(&told));
        let asker = spawn(move || {
            tell.store(true, Ordering::Relaxed);
            handle.request_stop();
        });
        let looker = spawn(move || {
            let asked = inner.enter(|| poll_with(pin!(stop_requested()), Waker::noop()).is_ready());
            assert!(!asked || told.load(Ordering::Relaxed));
        });
        asker.join().unwrap();
        looker.join().unwrap();
    });
}

#[test]
fn who_gives_up_waiting_for_a_request_leaves_no_waker() {
    race(|| {
        let scope = Scope::new();
        let (woken, waker) = CountingWaker::new();
        let mut stop = Box::pin(stop_requested());
        assert!(scope.enter(|| poll_with(stop.as_mut(), &waker)).is_pending());
        drop(waker);
        let handle = scope.handle();
        let asker = spawn(move || handle.request_stop());
        drop(stop);
        asker.join().unwrap();
        assert!(woken.count() <= 1);
        assert_eq!(Arc::strong_count(&woken), 1);
    });
}

// ---- guards

#[test]
fn a_scope_waits_for_a_guard_that_is_dropped_while_it_is_cancelled() {
    race(|| {
        let scope = Scope::new();
        let inner = scope.enter(Scope::new);
        let guards = [scope.guard(), inner.guard()];
        let released = Arc::new(AtomicBool::new(false));
        let (handle, flag) = (scope.handle(), Arc::clone(&released));
        let canceller = spawn(move || handle.cancel("enough"));
        let holder = spawn(move || {
            let [one, two] = guards;
            drop(one);
            flag.store(true, Ordering::Relaxed);
            drop(two);
        });
        assert_eq!(reason(block_on(scope.run(pending::<()>()))), Some(enough()));
        assert!(released.load(Ordering::Relaxed), "not before the last guard was let go");
        canceller.join().unwrap();
        holder.join().unwrap();
    });
}

#[test]
fn a_guard_that_is_taken_while_the_scope_is_cancelled_keeps_its_body_or_comes_too_late() {
    race(|| {
        let scope = Scope::new();
        let inner = scope.enter(Scope::new);
        let holder = spawn(move || {
            let mut guard = inner.guard();
            let why = block_on(poll_fn(|cx| guard.poll_cancelled(cx)));
            drop(guard);
            why
        });
        scope.handle().cancel("enough");
        assert_eq!(reason(block_on(scope.run(pending::<()>()))), Some(enough()));
        assert_eq!(holder.join().unwrap(), enough());
    });
}

#[test]
fn guards_that_several_threads_take_and_drop_add_up() {
    race(|| {
        let scope = Scope::new();
        let inner = scope.enter(Scope::new);
        let threads = [inner.clone(), scope.enter(Scope::new)].map(|below| {
            spawn(move || {
                drop(below.guard());
                drop(below);
            })
        });
        let kept = inner.guard();
        drop(scope.guard());
        threads.into_iter().for_each(|thread| thread.join().unwrap());

        // The counts are right: it waits for the one that is left, and for no more.
        scope.handle().cancel("enough");
        let mut run = pin!(scope.run(pending::<()>()));
        assert!(poll_with(run.as_mut(), Waker::noop()).is_pending());
        drop(kept);
        assert_eq!(reason(block_on(run)), Some(enough()));
    });
}

#[test]
fn one_guard_relies_on_another_that_is_being_taken() {
    race(|| {
        let scope = Scope::new();
        let inner = scope.enter(Scope::new).enter(Scope::new);
        let there = inner.clone();
        let taker = spawn(move || there.guard());
        let mine = inner.guard();
        scope.handle().cancel("enough");
        let mut run = pin!(scope.run(pending::<()>()));
        assert!(poll_with(run.as_mut(), Waker::noop()).is_pending(), "there is a guard");
        drop(mine);
        drop(taker.join().unwrap());
        assert_eq!(reason(block_on(run)), Some(enough()));
    });
}

#[test]
fn one_orphan_relies_on_another_that_is_being_adopted() {
    race(|| {
        let scope = Scope::new();
        let mut guard = scope.guard();
        let inner = scope.enter(Scope::new).enter(Scope::new);
        let there = inner.clone();
        let adopter = spawn(move || there.adopt());
        let mine = inner.adopt();
        let mut alone = pin!(poll_fn(|cx| guard.poll_alone(cx)));
        assert!(poll_with(alone.as_mut(), Waker::noop()).is_pending(), "there is an orphan");
        drop(mine);
        drop(adopter.join().unwrap());
        assert!(poll_with(alone.as_mut(), Waker::noop()).is_ready());
    });
}

#[test]
fn a_shield_in_another_thread_is_finished_or_was_never_entered() {
    race(|| {
        let scope = Scope::new();
        let (handle, there) = (scope.handle(), scope.clone());
        let shielded = spawn(move || {
            let mut body = pin!(shield(pause()));
            block_on(poll_fn(|cx| there.enter(|| body.as_mut().poll(cx))));
        });
        let canceller = spawn(move || handle.cancel("enough"));
        assert_eq!(reason(block_on(scope.run(pending::<()>()))), Some(enough()));
        canceller.join().unwrap();
        shielded.join().unwrap();
    });
}

// ---- orphans

#[test]
fn whoever_waits_to_be_alone_hears_of_the_last_orphan() {
    race(|| {
        let scope = Scope::new();
        let inner = scope.enter(Scope::new);
        let mut guard = scope.guard();
        let orphans = [scope.adopt(), inner.adopt()];
        let threads = orphans.map(|orphan| spawn(move || drop(orphan)));
        block_on(poll_fn(|cx| guard.poll_alone(cx)));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(poll_with(pin!(poll_fn(|cx| guard.poll_alone(cx))), Waker::noop()).is_ready());
    });
}

#[test]
fn a_scope_waits_for_an_orphan_that_ends_while_it_is_cancelled() {
    race(|| {
        let scope = Scope::new();
        let orphan = scope.enter(Scope::new).adopt();
        let ended = Arc::new(AtomicBool::new(false));
        let (handle, flag) = (scope.handle(), Arc::clone(&ended));
        let canceller = spawn(move || handle.cancel("enough"));
        let cleaner = spawn(move || {
            flag.store(true, Ordering::Relaxed);
            drop(orphan);
        });
        assert_eq!(reason(block_on(scope.run(pending::<()>()))), Some(enough()));
        assert!(ended.load(Ordering::Relaxed));
        canceller.join().unwrap();
        cleaner.join().unwrap();
    });
}

#[test]
fn a_value_waits_for_an_orphan_that_ends_meanwhile() {
    race(|| {
        let scope = Scope::new();
        let orphan = scope.enter(Scope::new).adopt();
        let ended = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&ended);
        let cleaner = spawn(move || {
            flag.store(true, Ordering::Relaxed);
            drop(orphan);
        });
        assert!(matches!(block_on(scope.run(async { 5 })), Ended::Value(5)));
        assert!(ended.load(Ordering::Relaxed));
        cleaner.join().unwrap();
    });
}

#[test]
fn a_value_that_waits_for_an_orphan_is_kept_although_the_scope_is_cancelled() {
    race(|| {
        let scope = Scope::new();
        let orphan = scope.adopt();
        let handle = scope.handle();
        let canceller = spawn(move || handle.cancel("enough"));
        let cleaner = spawn(move || drop(orphan));
        assert!(matches!(block_on(scope.run(async { 5 })), Ended::Value(5)));
        canceller.join().unwrap();
        cleaner.join().unwrap();
    });
}

#[test]
fn orphans_that_come_and_go_in_several_threads_add_up() {
    race(|| {
        let scope = Scope::new();
        let inner = scope.enter(Scope::new);
        let mut guard = scope.guard();
        let threads = [inner.clone(), scope.enter(Scope::new)].map(|below| {
            spawn(move || {
                drop(below.adopt());
                drop(below.guard());
            })
        });
        let kept = inner.adopt();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let mut alone = pin!(poll_fn(|cx| guard.poll_alone(cx)));
        assert!(poll_with(alone.as_mut(), Waker::noop()).is_pending());
        drop(kept);
        assert!(poll_with(alone.as_mut(), Waker::noop()).is_ready());
    });
}

#[test]
fn an_orphan_of_a_scope_that_ends_meanwhile_is_waited_for_further_out() {
    race(|| {
        let outer = Scope::new();
        let mut guard = outer.guard();
        let (sender, receiver) = std::sync::mpsc::channel();
        let mut run = Box::pin(Run::new(async move {
            sender.send(Scope::new()).unwrap();
            pending::<()>().await;
        }));
        let polled = outer.enter(|| poll_with(run.as_mut(), Waker::noop()).is_pending());
        assert!(polled);
        let inner = receiver.recv().unwrap();
        let adopter = spawn(move || inner.adopt());
        drop(run);
        let orphan = adopter.join().unwrap();
        let mut alone = pin!(poll_fn(|cx| guard.poll_alone(cx)));
        assert!(poll_with(alone.as_mut(), Waker::noop()).is_pending());
        drop(orphan);
        assert!(poll_with(alone.as_mut(), Waker::noop()).is_ready());
    });
}

// ---- deadlines

/// An instant that has passed, and one that passed before it.
fn past() -> (Instant, Instant) {
    let now = Instant::now();
    (now, now - Duration::from_millis(1))
}

#[test]
fn a_deadline_that_is_moved_into_the_past_ends_what_waits() {
    race_with_timers(|| {
        let work = timeout(HOUR, pending::<()>());
        let handle = work.handle();
        let there = handle.clone();
        let mover = spawn(move || there.reschedule(Deadline::at(past().0)));
        assert!(block_on(work).unwrap_err().is_from(&handle));
        assert!(handle.expired());
        mover.join().unwrap();
    });
}

#[test]
fn a_deadline_that_is_moved_into_the_past_reaches_what_relies_on_it() {
    race_with_timers(|| {
        let scope = Scope::new().with_deadline(Deadline::after(HOUR));
        let handle = scope.handle();
        let mover = spawn(move || handle.reschedule(Deadline::at(past().0)));
        // Looser than what is around, they keep no timer.
        let inner = timeout(HOUR * 2, move_on_after(HOUR * 3, pending::<()>()));
        assert_eq!(reason(block_on(scope.run(inner))), Some(CancelReason::Deadline));
        mover.join().unwrap();
    });
}

#[test]
fn a_deadline_that_others_rely_on_may_move_away_while_they_look() {
    race_with_timers(|| {
        let (now, before) = past();
        let outer = timeout_at(before, async move {
            let outer = current_scope().unwrap();
            let inner = timeout_at(now, pending::<()>()).named("inner");
            // While they are polled; either of the two notices, or both, and one reports.
            let mover = spawn(move || outer.reschedule(Deadline::NEVER));
            let inner = inner.await;
            mover.join().unwrap();
            inner
        });
        let name = match block_on(outer.named("outer")) {
            Ok(Err(inner)) => inner.name(),
            Err(outer) => outer.name(),
            Ok(Ok(())) => None,
        };
        assert!(name.is_some());
    });
}

#[test]
fn an_explicit_cancellation_that_meets_the_deadline_is_told_from_it() {
    race_with_timers(|| {
        let work = move_on_after(HOUR, cancelled());
        let handle = work.handle();
        let (one, two) = (handle.clone(), handle.clone());
        let mover = spawn(move || one.reschedule(Deadline::at(past().0)));
        let canceller = spawn(move || two.cancel("enough"));
        let why = block_on(work);
        mover.join().unwrap();
        canceller.join().unwrap();
        assert_eq!(handle.reason(), why);
        assert_eq!(handle.expired(), why == Some(CancelReason::Deadline));
    });
}

#[test]
fn a_deadline_that_is_moved_away_while_it_passes_counts_or_it_does_not() {
    race_with_timers(|| {
        let scope = Scope::new().with_deadline(Deadline::at(past().0));
        let handle = scope.handle();
        let there = handle.clone();
        let mover = spawn(move || there.reschedule(Deadline::NEVER));
        let passed = scope.enter(checkpoint).is_err();
        mover.join().unwrap();
        assert_eq!((handle.is_cancelled(), handle.expired()), (passed, passed));
        assert_eq!(handle.deadline() == Deadline::NEVER, !passed);
        assert_eq!(scope.enter(checkpoint).is_err(), passed);
    });
}

fn moves(handle: ScopeHandle, to: Deadline) -> impl FnOnce() + Send + 'static {
    move || handle.reschedule(to)
}

#[test]
fn deadlines_that_several_threads_move_are_the_same_for_everybody_in_the_end() {
    race(|| {
        let now = Instant::now();
        let at = |hours| Deadline::at(now + HOUR * hours);
        let outer = Scope::new();
        let inner = outer.enter(Scope::new);
        let innermost = inner.enter(Scope::new);
        let one = spawn(moves(outer.handle(), at(2)));
        let two = spawn(moves(inner.handle(), at(3)));
        let made = innermost.enter(Scope::new);
        one.join().unwrap();
        two.join().unwrap();
        assert_eq!(made.enter(Deadline::ambient), at(2));
        assert_eq!(innermost.enter(Deadline::ambient), at(2));
        outer.handle().reschedule(Deadline::NEVER);
        assert_eq!(made.enter(Deadline::ambient), at(3));
    });
}

#[test]
fn two_who_move_one_deadline_leave_one_of_the_two_to_all() {
    race(|| {
        let now = Instant::now();
        let at = |hours| Deadline::at(now + HOUR * hours);
        let outer = Scope::new();
        let inner = outer.enter(Scope::new);
        let movers = [1, 2].map(|hours| spawn(moves(outer.handle(), at(hours))));
        movers.into_iter().for_each(|it| it.join().unwrap());
        let deadline = outer.handle().deadline();
        assert!(deadline == at(1) || deadline == at(2));
        assert_eq!(inner.enter(Deadline::ambient), deadline);
        assert_eq!(outer.enter(Deadline::ambient), deadline);
    });
}

#[test]
fn a_scope_that_is_given_a_deadline_while_it_is_cancelled_is_cancelled() {
    race_with_timers(|| {
        let scope = Scope::new();
        let inner = scope.enter(Scope::new);
        let (one, two) = (scope.handle(), scope.handle());
        let canceller = spawn(move || one.cancel("enough"));
        let mover = spawn(moves(two, Deadline::after(HOUR)));
        assert_eq!(reason(block_on(scope.run(pending::<()>()))), Some(enough()));
        canceller.join().unwrap();
        mover.join().unwrap();
        let deadline = scope.handle().deadline();
        assert!(scope.enter(Deadline::ambient).has_elapsed());
        assert!(inner.enter(Deadline::ambient).has_elapsed());
        assert_eq!(scope.handle().deadline(), deadline);
    });
}
