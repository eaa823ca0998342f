//! What a timeout resolves to: asyncio's outcome matrix (2.4), row by row, and its neighbours.

use std::cell::Cell;
use std::future::{pending, poll_fn, ready};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tidegate_test::poll_once;
use tidegate_timeout::{
    CancelReason, Deadline, Elapsed, ScopeExt, cancelled, move_on_after, timeout, timeout_at,
};
use tokio::time::{Instant, advance, sleep};

use crate::support::{OnDrop, ms, paused};

/// How the body of a row ends.
#[derive(Clone, Copy)]
enum Body {
    /// Ready after so many milliseconds.
    After(u64),
    /// Ready with an error of its own after so many milliseconds.
    FailsAfter(u64),
    /// Pending for ever.
    Never,
    /// Learns of the cancellation and ends with a value all the same.
    Swallows,
    /// Learns of the cancellation and ends with an error of its own.
    FailsWhenCancelled,
    /// Holds up its thread until after the deadline, then is ready.
    Blocks,
    /// Ready in the very poll in which the deadline is found to have passed.
    AtTheDeadline,
}

async fn run(body: Body) -> Result<u32, &'static str> {
    match body {
        Body::After(n) => sleep(ms(n)).await,
        Body::FailsAfter(n) => {
            sleep(ms(n)).await;
            return Err("failed");
        }
        Body::Never => pending().await,
        Body::Swallows => drop(cancelled().await),
        Body::FailsWhenCancelled => {
            cancelled().await;
            return Err("failed");
        }
        Body::Blocks => {
            let mut blocks = pin!(advance(ms(200)));
            while poll_once(blocks.as_mut()).is_pending() {}
        }
        Body::AtTheDeadline => sleep(ms(100)).await,
    }
    Ok(5)
}

#[test]
fn the_outcome_of_a_timeout_is_as_in_the_table() {
    let rows = [
        // What the body does            what comes out        expired()
        ("in time", Body::After(50), Some(Ok(5)), false),
        ("fails in time", Body::FailsAfter(50), Some(Err("failed")), false),
        ("too late", Body::After(150), None, true),
        ("never", Body::Never, None, true),
        ("swallows the cancellation", Body::Swallows, Some(Ok(5)), true),
        ("fails because of it", Body::FailsWhenCancelled, Some(Err("failed")), true),
        ("held up its thread", Body::Blocks, Some(Ok(5)), false),
        ("in the same instant", Body::AtTheDeadline, Some(Ok(5)), false),
    ];
    for (name, body, expected, expired) in rows {
        paused(async {
            let start = Instant::now();
            let work = timeout(ms(100), run(body));
            let handle = work.handle();
            let outcome = work.await;
            assert_eq!(outcome.ok(), expected, "{name}");
            assert_eq!(handle.expired(), expired, "{name}: expired()");
            assert!(start.elapsed() <= ms(200), "{name}: took {:?}", start.elapsed());

            // The same without anybody who looks: no scope is ever made for this one.
            let outcome = timeout(ms(100), run(body)).await;
            assert_eq!(outcome.ok(), expected, "{name}, without a handle");
        });
    }
}

#[test]
fn an_elapsed_timeout_resolves_at_its_deadline_and_not_before() {
    paused(async {
        let start = Instant::now();
        assert!(timeout(ms(100), pending::<()>()).await.is_err());
        assert_eq!(start.elapsed(), ms(100));
        assert!(timeout_at(start + ms(250), pending::<()>()).await.is_err());
        assert_eq!(start.elapsed(), ms(250));
        assert_eq!(move_on_after(ms(50), pending::<()>()).await, None);
        assert_eq!(start.elapsed(), ms(300));
    });
}

// B-T1, B-W6, trio 31
#[test]
fn zero_and_past_deadlines_end_the_body_at_its_first_suspension() {
    paused(async {
        let start = Instant::now();
        assert_eq!(timeout(Duration::ZERO, ready(5)).await, Ok(5));
        let polls = Cell::new(0);
        let body = || {
            poll_fn(|_| {
                polls.set(polls.get() + 1);
                Poll::<()>::Pending
            })
        };
        assert!(timeout(Duration::ZERO, body()).await.is_err());
        assert_eq!(polls.get(), 1);
        assert!(timeout_at(start - ms(10), body()).await.is_err());
        assert_eq!(timeout_at(start - ms(10), ready(5)).await, Ok(5));
        assert_eq!(move_on_after(Duration::ZERO, body()).await, None);
        assert_eq!(start.elapsed(), Duration::ZERO);
        let yields = timeout(Duration::ZERO, async {
            tokio::task::yield_now().await;
        });
        assert!(yields.await.is_err());
    });
}

#[test]
fn the_longest_duration_is_no_deadline() {
    paused(async {
        assert_eq!(timeout(Duration::MAX, async { sleep(ms(5)).await }).await, Ok(()));
        let work = timeout(Duration::MAX, ready(()));
        assert_eq!(work.handle().deadline(), Deadline::NEVER);
        work.handle().extend(Duration::MAX);
        assert_eq!(work.await, Ok(()));
        let work = timeout(ms(1), sleep(ms(5)));
        work.handle().extend(Duration::MAX);
        assert_eq!(work.await, Ok(()));
        assert_eq!(move_on_after(Duration::MAX, sleep(ms(5))).await, Some(()));
    });
}

#[test]
fn deadline_first_drops_a_value_that_comes_too_late() {
    let rows = [
        (Body::After(50), Some(5)),
        (Body::After(150), None),
        (Body::Blocks, None),
        (Body::AtTheDeadline, None),
        (Body::Swallows, None),
    ];
    for (index, (body, expected)) in rows.into_iter().enumerate() {
        paused(async {
            let work = timeout(ms(100), run(body)).deadline_first();
            let handle = work.handle();
            assert_eq!(work.await.ok().and_then(Result::ok), expected, "row {index}");
            assert_eq!(handle.expired(), expected.is_none(), "row {index}");
            let outcome = timeout(ms(100), run(body)).deadline_first().await;
            assert_eq!(outcome.ok().and_then(Result::ok), expected, "row {index}, no handle");
        });
    }
}

// B-W6
#[test]
fn deadline_first_does_not_poll_a_body_that_is_late_from_the_start() {
    paused(async {
        let polled = Cell::new(false);
        let body = || {
            poll_fn(|_| {
                polled.set(true);
                Poll::Ready(())
            })
        };
        assert!(timeout(Duration::ZERO, body()).deadline_first().await.is_err());
        let work = timeout(Duration::ZERO, body()).deadline_first();
        let _handle = work.handle();
        assert!(work.await.is_err());
        assert!(!polled.get());
    });
}

#[test]
fn the_body_is_dropped_before_the_timeout_resolves() {
    paused(async {
        let dropped = Cell::new(false);
        let body = async {
            let _on_drop = OnDrop(|| dropped.set(true));
            pending::<()>().await;
        };
        let outcome = timeout(ms(10), body).await;
        assert!(outcome.is_err() && dropped.get());
    });
}

#[test]
fn the_time_begins_with_the_first_poll_or_with_the_handle() {
    paused(async {
        let start = Instant::now();
        let work = timeout(ms(100), pending::<()>());
        sleep(ms(50)).await;
        assert!(work.await.is_err());
        assert_eq!(start.elapsed(), ms(150));

        let start = Instant::now();
        let work = timeout(ms(100), pending::<()>());
        assert_eq!(work.handle().deadline(), Deadline::at(start + ms(100)));
        sleep(ms(50)).await;
        assert!(work.await.is_err());
        assert_eq!(start.elapsed(), ms(100));
    });
}

#[test]
fn the_error_says_which_timeout_it_was() {
    paused(async {
        let line = line!() + 1;
        let work = timeout(ms(500), pending::<()>()).named("database");
        let handle = work.handle();
        let other = timeout(ms(500), pending::<()>());
        let elapsed = work.await.unwrap_err();
        assert!(elapsed.is_from(&handle) && !elapsed.is_from(&other.handle()));
        assert_eq!(elapsed.name(), Some("database"));
        assert_eq!(elapsed.after(), ms(500));
        assert_eq!((elapsed.location().file(), elapsed.location().line()), (file!(), line));
        let text = elapsed.to_string();
        assert_eq!(text, format!("`database` timed out after 500ms ({})", elapsed.location()));
        assert_eq!(elapsed, elapsed.clone());

        let elapsed = pending::<()>().timeout(ms(7)).await.unwrap_err();
        assert_eq!(elapsed.location().file(), file!());
        assert!(!elapsed.is_from(&handle));
        assert_eq!(elapsed.name(), None);
        assert_eq!(elapsed.to_string(), format!("timed out after 7ms ({})", elapsed.location()));

        let at = Instant::now() + ms(30);
        assert_eq!(timeout_at(at, pending::<()>()).await.unwrap_err().after(), ms(30));
        let late = timeout_at(at, pending::<()>()).await.unwrap_err();
        assert_eq!(late.after(), Duration::ZERO);

        let work = timeout(ms(100), pending::<()>());
        work.handle().extend(ms(20));
        assert_eq!(work.await.unwrap_err().after(), ms(120), "the time it had in the end");
    });
}

// B-T3: who asks why sees the deadline.
#[test]
fn a_body_that_fails_because_of_the_deadline_can_tell() {
    paused(async {
        let why = timeout(ms(10), cancelled()).await;
        assert_eq!(why, Ok(CancelReason::Deadline));
    });
}

#[test]
fn a_timeout_of_anything_that_can_be_awaited() {
    struct Question;
    impl IntoFuture for Question {
        type Output = u32;
        type IntoFuture = std::future::Ready<u32>;
        fn into_future(self) -> Self::IntoFuture {
            ready(42)
        }
    }
    paused(async {
        assert_eq!(timeout(ms(1), Question).await, Ok(42));
        assert_eq!(move_on_after(ms(1), Question).await, Some(42));
        let at = Instant::now() + ms(1);
        assert_eq!(timeout_at(at, Question).await, Ok::<_, Elapsed>(42));
    });
}

#[test]
fn a_body_that_is_ready_at_once_needs_no_runtime() {
    let outcome = tidegate_test::block_on(timeout(ms(1), ready(5)));
    assert_eq!(outcome, Ok(5));
    assert_eq!(tidegate_test::block_on(move_on_after(ms(1), ready(5))), Some(5));
}
