//! Cancelling.

use super::*;

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
