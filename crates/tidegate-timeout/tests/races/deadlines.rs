//! Deadlines.

use super::*;

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
