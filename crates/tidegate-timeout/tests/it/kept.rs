//! Futures that are polled inside a scope and live on without it, as those in a `FuturesUnordered` do.

use std::future::pending;
use std::pin::Pin;
use std::time::Duration;

use tidegate_timeout::scope::Scope;
use tidegate_timeout::{Deadline, ScopeExt, cancel_scope, checkpoint, move_on_after, timeout};
use tokio::time::{Instant, sleep};

use crate::support::{Apart, ms, paused};

type Kept<'a> = Pin<&'a mut Apart<Pin<Box<dyn Future<Output = ()>>>>>;

/// Lets `use_it` poll a timeout of 100 ms, which is polled only when it is woken; then says when it elapses.
fn elapses(use_it: impl AsyncFnOnce(Kept<'_>)) -> Option<u64> {
    paused(async {
        let start = Instant::now();
        let work: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async {
            assert!(timeout(ms(100), pending::<()>()).await.is_err());
        });
        let mut kept = Box::pin(Apart::new(work));
        use_it(kept.as_mut()).await;
        tokio::time::timeout(ms(1000), kept).await.ok()?;
        Some(start.elapsed().as_millis() as u64)
    })
}

/// Polls it for some time.
async fn look(mut kept: Kept<'_>, time: Duration) {
    let done = sleep(time);
    tokio::select! { biased; () = kept.as_mut() => panic!("too early"), () = done => {} }
}

#[test]
fn a_timeout_that_outlives_the_one_it_was_polled_in_still_elapses() {
    assert_eq!(elapses(async |it| assert!(timeout(ms(50), it).await.is_err())), Some(100));
    assert_eq!(elapses(async |it| timeout(ms(50), look(it, ms(30))).await.unwrap()), Some(100));
    let dropped = elapses(async |it| {
        tokio::select! { _ = timeout(ms(50), it) => panic!("too early"), () = sleep(ms(30)) => {} }
    });
    assert_eq!(dropped, Some(100));
    let cancelled = elapses(async |it| {
        let cancelled = cancel_scope(async |scope| {
            scope.reschedule(Deadline::after(ms(50)));
            it.await;
        });
        assert!(cancelled.await.is_err());
    });
    assert_eq!(cancelled, Some(100));
    let run = elapses(async |it| {
        let scope = Scope::new().with_deadline(Deadline::after(ms(50)));
        let _ = scope.run(look(it, ms(30))).await;
    });
    assert_eq!(run, Some(100));
}

#[test]
fn a_timeout_that_is_polled_in_one_scope_after_the_other_elapses() {
    paused(async {
        let start = Instant::now();
        let mut kept = Box::pin(Apart::new(timeout(ms(100), pending::<()>())));
        let mut looks = 0;
        while move_on_after(ms(15), kept.as_mut()).await.is_none() {
            looks += 1;
            assert!(looks < 10, "it sleeps through its deadline");
        }
        assert_eq!((looks, start.elapsed()), (6, ms(100)));
    });
}

#[test]
fn a_scope_is_not_ended_by_the_deadline_of_a_timeout_that_gave_its_value_in_time() {
    paused(async {
        let start = Instant::now();
        let mut kept = Box::pin(Apart::new(move_on_after(ms(100), pending::<()>())));
        let look = async {
            tokio::select! { _ = kept.as_mut() => false, () = sleep(ms(30)) => true }
        };
        assert_eq!(timeout(ms(50), look).await, Ok(true));
        let ended = tokio::time::timeout(ms(1000), timeout(ms(500), kept)).await;
        assert_eq!((ended, start.elapsed()), (Ok(Ok(None)), ms(100)));
    });
}

#[test]
fn a_timeout_that_moved_to_another_scope_does_not_mind_what_becomes_of_its_deadline() {
    let moved = elapses(async |mut it| {
        assert!(timeout(ms(50), it.as_mut()).await.is_err());
        let second = timeout(ms(40), look(it, ms(49)));
        let handle = second.handle();
        let (second, ()) = tokio::join!(second, async {
            sleep(ms(10)).await;
            handle.reschedule(Deadline::NEVER);
        });
        second.unwrap();
    });
    assert_eq!(moved, Some(100));
}

#[test]
fn what_is_kept_inside_of_what_is_kept_still_elapses() {
    paused(async {
        let start = Instant::now();
        let inner = Box::pin(Apart::new(timeout(ms(100), pending::<()>())));
        let mut kept = Box::pin(Apart::new(timeout(ms(500), inner)));
        assert!(timeout(ms(50), kept.as_mut()).await.is_err());
        let (ended, ()) = tokio::join!(timeout(ms(700), kept), sleep(ms(20)));
        assert!(ended.unwrap().unwrap().is_err());
        assert_eq!(start.elapsed(), ms(100));
    });
}

#[test]
fn a_timeout_that_is_late_before_it_is_polled_leaves_a_cancelled_scope_to_itself() {
    paused(async {
        let cancelled = cancel_scope(async |scope| {
            scope.cancel("stop");
            let late = timeout(Duration::ZERO, async {}).deadline_first();
            let _handle = late.handle();
            late.await
        });
        assert!(cancelled.await.is_err());
    });
}

#[test]
fn what_takes_its_scope_along_is_not_cancelled_by_a_timeout_that_it_is_polled_in() {
    paused(async {
        let outer = cancel_scope(async |_| {
            let work = async {
                let ready = move_on_after(ms(300), sleep(ms(200))).await;
                checkpoint().is_ok() && ready.is_some()
            };
            let mut kept = Box::pin(Apart::new(Box::pin(work.in_current_scope())));
            for _ in 0..3 {
                assert!(timeout(ms(50), kept.as_mut()).await.is_err());
            }
            kept.await
        });
        assert!(outer.await.unwrap());
    });
}
