//! Requests to stop.

use super::*;

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
