//! Guards.

use super::*;

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
