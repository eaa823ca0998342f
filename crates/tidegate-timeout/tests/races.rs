//! Interleavings with other threads, a few hundred runs each.
#![cfg(not(tidegate_loom))]

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidegate_test::{block_on, race, spawn};
use tidegate_timeout::scope::{Ended, Scope};
use tidegate_timeout::{CancelReason, Deadline, cancel_scope, cancelled, timeout};

#[test]
fn a_scope_that_is_cancelled_while_it_finishes_does_one_of_the_two() {
    race(|| {
        let scope = Scope::new();
        let handle = scope.handle();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let canceller = spawn(move || handle.cancel("enough"));
        let finisher = spawn(move || sender.send(5).is_ok());
        match block_on(scope.run(receiver)) {
            Ended::Value(value) => assert_eq!(value, Ok(5)),
            Ended::Cancelled(reason) => assert_eq!(reason, CancelReason::from("enough")),
            Ended::Panicked(_) => panic!("nobody panicked"),
        }
        canceller.join().unwrap();
        finisher.join().unwrap();
    });
}

#[test]
fn a_cancellation_is_never_lost() {
    race(|| {
        let outer = Scope::new();
        let inner = outer.enter(Scope::new);
        let handle = outer.handle();
        let canceller = spawn(move || handle.cancel("enough"));
        let below = spawn(move || block_on(inner.run(pending::<()>())));
        let new = {
            let outer = outer.clone();
            spawn(move || block_on(outer.enter(Scope::new).run(cancelled())))
        };
        assert!(matches!(block_on(outer.run(pending::<()>())), Ended::Cancelled(_)));
        canceller.join().unwrap();
        assert!(matches!(below.join().unwrap(), Ended::Cancelled(_)));
        assert!(matches!(new.join().unwrap(), Ended::Value(_) | Ended::Cancelled(_)));
    });
}

#[test]
fn a_scope_waits_for_a_guard_that_is_dropped_while_it_is_cancelled() {
    race(|| {
        let scope = Scope::new();
        let inner = scope.enter(Scope::new);
        let guards = [scope.guard(), inner.guard(), inner.guard()];
        let released = Arc::new(AtomicBool::new(false));
        let (handle, flag) = (scope.handle(), Arc::clone(&released));
        let canceller = spawn(move || handle.cancel("enough"));
        let holder = spawn(move || {
            let [one, two, three] = guards;
            drop(one);
            drop(two);
            flag.store(true, Ordering::SeqCst);
            drop(three);
        });
        assert!(matches!(block_on(scope.run(pending::<()>())), Ended::Cancelled(_)));
        assert!(released.load(Ordering::SeqCst), "not before the last guard was let go");
        canceller.join().unwrap();
        holder.join().unwrap();
    });
}

#[test]
fn guards_taken_and_dropped_by_several_threads_add_up() {
    race(|| {
        let scope = Scope::new();
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let inner = scope.enter(Scope::new);
                spawn(move || {
                    for _ in 0..4 {
                        drop((inner.guard(), inner.enter(Scope::new).guard()));
                    }
                })
            })
            .collect();
        scope.handle().cancel("enough");
        assert!(matches!(block_on(scope.run(pending::<()>())), Ended::Cancelled(_)));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(matches!(block_on(scope.run(pending::<()>())), Ended::Cancelled(_)));
    });
}

/// A runtime with its own, real clock.
fn on_tokio<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

#[test]
fn a_deadline_moved_into_the_past_by_a_thread_ends_the_timeout() {
    race(|| {
        let work = timeout(Duration::from_secs(3600), pending::<()>());
        let handle = work.handle();
        let mover = spawn(move || handle.reschedule(Deadline::after(Duration::ZERO)));
        assert!(on_tokio(work).is_err());
        mover.join().unwrap();
    });
}

#[test]
fn a_deadline_moved_while_it_expires_counts_or_it_does_not() {
    race(|| {
        on_tokio(async {
            let work = timeout(Duration::ZERO, cancelled());
            let handle = work.handle();
            let there = handle.clone();
            let mover = spawn(move || there.reschedule(Deadline::NEVER));
            let outcome = tokio::select! {
                biased;
                outcome = work => Some(outcome),
                () = tokio::task::yield_now() => None,
            };
            mover.join().unwrap();
            match outcome {
                Some(outcome) => {
                    assert_eq!(outcome, Ok(CancelReason::Deadline));
                    assert!(handle.expired());
                }
                None => {
                    assert!(!handle.expired());
                    assert_eq!(handle.deadline(), Deadline::NEVER);
                }
            }
        });
    });
}

#[test]
fn an_outer_deadline_moved_by_a_thread_leaves_no_inner_timeout_asleep() {
    race(|| {
        on_tokio(async {
            let outer = timeout(Duration::from_secs(3600), async {
                let handle = tidegate_timeout::current_scope().unwrap();
                let inner = timeout(Duration::from_secs(7200), pending::<()>());
                let inner_handle = inner.handle();
                let mover = spawn(move || {
                    handle.reschedule(Deadline::NEVER);
                    inner_handle.reschedule(Deadline::after(Duration::ZERO));
                });
                let inner = inner.await;
                mover.join().unwrap();
                inner
            });
            assert!(outer.await.unwrap().is_err());
        });
    });
}

#[test]
fn an_explicit_cancellation_that_races_the_deadline_is_told_from_it() {
    race(|| {
        on_tokio(async {
            let work = cancel_scope(async |scope| {
                scope.reschedule(Deadline::after(Duration::ZERO));
                let scope = scope.clone();
                let canceller = spawn(move || scope.cancel("enough"));
                let why = cancelled().await;
                canceller.join().unwrap();
                (why, tidegate_timeout::current_scope().unwrap())
            });
            let (why, scope) = work.await.unwrap();
            assert_eq!(scope.reason(), Some(why.clone()));
            assert_eq!(scope.expired(), why == CancelReason::Deadline);
        });
    });
}
