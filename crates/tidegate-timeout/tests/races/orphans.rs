//! Orphans.

use super::*;

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
