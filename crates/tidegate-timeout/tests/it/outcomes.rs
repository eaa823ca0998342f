//! What a timeout resolves to: asyncio's outcomes (2.4, and 2.7 for `wait_for`), row by row, and their neighbours.
//!
//! The table for users is in the guide: crates/tidegate/src/guide/cancellation.md.

use std::cell::Cell;
use std::future::{pending, poll_fn, ready};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tidegate_test::poll_once;
use tidegate_timeout::{
    CancelReason, Cancelled, Deadline, Elapsed, ScopeExt, ScopeHandle, cancel_scope, cancelled,
    checkpoint, move_on_after, move_on_at, shield, timeout, timeout_at,
};
use tokio::time::{Instant, advance, sleep};

use crate::support::{OnDrop, ms, paused};

/// What the body of a row does; times are in milliseconds.
#[derive(Clone, Copy, Debug)]
enum Body {
    /// Ready at once.
    Ready,
    /// Ready after so long.
    After(u64),
    /// Ready with an error of its own after so long.
    FailsAfter(u64),
    /// Ready with the error of a timeout inside, after so long.
    TimesOutInside(u64),
    /// Pending for ever.
    Never,
    /// Learns of the cancellation and ends with a value all the same.
    Swallows,
    /// Learns of the cancellation and ends with an error of its own.
    FailsWhenCancelled,
    /// Learns of it, cleans up for so long, and would go on.
    CleansUpFor(u64),
    /// Learns of it, cleans up for so long, and that fails.
    CleanUpFailsAfter(u64),
    /// Holds up its thread until after the deadline, then is ready.
    Blocks,
    /// The same, but it looks before and after whether it may go on, and ends with what it has.
    BlocksAndLooks,
}

async fn run(body: Body) -> Result<u32, &'static str> {
    match body {
        Body::Ready => {}
        Body::After(n) => sleep(ms(n)).await,
        Body::FailsAfter(n) => {
            sleep(ms(n)).await;
            return Err("failed");
        }
        Body::TimesOutInside(n) => {
            timeout(ms(n), pending::<()>()).await.map_err(|_| "failed")?;
        }
        Body::Never => pending().await,
        Body::Swallows => drop(cancelled().await),
        Body::FailsWhenCancelled => {
            cancelled().await;
            return Err("failed");
        }
        Body::CleansUpFor(n) => {
            cancelled().await;
            shield(sleep(ms(n))).await;
            pending().await
        }
        Body::CleanUpFailsAfter(n) => {
            cancelled().await;
            shield(sleep(ms(n))).await;
            return Err("failed");
        }
        Body::Blocks => block(ms(200)),
        Body::BlocksAndLooks => {
            // The clock is first read when somebody looks.
            assert!(checkpoint().is_ok());
            block(ms(200));
            assert!(checkpoint().is_err());
        }
    }
    Ok(5)
}

/// Holds up the thread: time passes, and nobody else runs.
fn block(time: Duration) {
    let mut blocks = pin!(advance(time));
    while poll_once(blocks.as_mut()).is_pending() {}
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Out {
    Value,
    /// The body's own error.
    Failed,
    Late,
    /// What is around was cancelled, and this never returned.
    Cancelled,
}
use Out::{Cancelled as CancelledAround, Failed, Late, Value};

/// What comes out, what `expired()` says, and after how long.
type Seen = (Out, bool, u64);

struct Row {
    case: &'static str,
    /// The time that the body is given.
    time: u64,
    body: Body,
    grace: Option<u64>,
    /// When the scope around is cancelled.
    around: Option<u64>,
    asyncio: Seen,
    ours: Seen,
    /// Why it is not as in asyncio.
    why: &'static str,
}

const fn row(case: &'static str, body: Body, asyncio: Seen) -> Row {
    Row { case, time: 100, body, grace: None, around: None, asyncio, ours: asyncio, why: "" }
}

impl Row {
    const fn within(self, time: u64) -> Self {
        Self { time, ..self }
    }

    const fn cancelled_around_at(self, at: u64) -> Self {
        Self { around: Some(at), ..self }
    }

    const fn grace(self, grace: u64) -> Self {
        Self { grace: Some(grace), ..self }
    }

    const fn but_here(self, ours: Seen, why: &'static str) -> Self {
        Self { ours, why, ..self }
    }
}

/// `async with timeout(…)`: part 2.4.
const TIMEOUT: [Row; 19] = [
    // The timer has not fired.
    row("ready in time", Body::After(50), (Value, false, 50)),
    row("fails in time", Body::FailsAfter(50), (Failed, false, 50)),
    row("cancelled from around in time", Body::Never, (CancelledAround, false, 50))
        .cancelled_around_at(50),
    row("times out inside", Body::TimesOutInside(50), (Late, false, 50))
        .but_here((Failed, false, 50), "an inner error is the body's own, and says whose it is"),
    // It has fired, and the body ends with the cancellation.
    row("never ready", Body::Never, (Late, true, 100)),
    row("too late", Body::After(150), (Late, true, 100)),
    row("cleans up", Body::CleansUpFor(200), (Late, true, 300)),
    row("cleans up for too long", Body::CleansUpFor(200), (Late, true, 300))
        .grace(50)
        .but_here((Late, true, 150), "a grace bounds the clean-up"),
    row(
        "cancelled around while it cleans up",
        Body::CleansUpFor(200),
        (CancelledAround, true, 150),
    )
    .cancelled_around_at(150)
    .but_here((CancelledAround, true, 300), "a second cancellation does not break off clean-up"),
    row("cancelled around in the same step", Body::Never, (CancelledAround, true, 100))
        .cancelled_around_at(100)
        .but_here((CancelledAround, false, 100), "the first cause stays, and was no deadline"),
    // It has fired, and the body ends otherwise.
    row("fails because of it", Body::FailsWhenCancelled, (Failed, true, 100)),
    row("fails while it cleans up", Body::CleanUpFailsAfter(50), (Failed, true, 150)),
    row("swallows the cancellation", Body::Swallows, (Value, true, 100)),
    row("ready in the same step", Body::After(100), (Value, true, 100))
        .but_here((Value, false, 100), "nothing was cut off, and the clock was not looked at"),
    // The timer has had no chance to fire.
    row("held up its thread", Body::Blocks, (Value, false, 200)),
    row("held up its thread, and looks", Body::BlocksAndLooks, (Value, false, 200))
        .but_here((Value, true, 200), "asyncio has nothing to look with"),
    // No time at all.
    row("no time, ready at once", Body::Ready, (Value, false, 0)).within(0),
    row("no time, never ready", Body::Never, (Late, true, 0)).within(0),
    row("no time, ready later", Body::After(1), (Late, true, 0)).within(0),
];

/// `wait_for(…)` as of 3.12: part 2.7. What `expired()` would say is ours, since there is nothing to ask.
const WAIT_FOR: [Row; 6] = [
    row("waits for the clean-up", Body::CleansUpFor(200), (Late, true, 300)),
    row("fails while it cleans up", Body::CleanUpFailsAfter(50), (Failed, true, 150)),
    row("returns a value although it was cancelled", Body::Swallows, (Value, true, 100)),
    row("cancelled around when it is done", Body::After(50), (CancelledAround, false, 50))
        .cancelled_around_at(50)
        .but_here((Value, false, 50), "the value is kept, and what is around is cancelled too"),
    row("done in the step in which the timer fires", Body::After(100), (Late, false, 100))
        .but_here((Value, false, 100), "the value is kept"),
    row("no time, a coroutine that would be ready", Body::Ready, (Late, false, 0))
        .within(0)
        .but_here(
            (Value, false, 0),
            "the body is polled first; `deadline_first` is the other choice",
        ),
];

fn out(outcome: &Result<Result<u32, &str>, Elapsed>) -> Out {
    match outcome {
        Ok(Ok(_)) => Value,
        Ok(Err(_)) => Failed,
        Err(_) => Late,
    }
}

/// Runs a row; `known` tells whether there is a handle, which makes a scope of what is else a note of one.
async fn seen(row: &Row, known: bool) -> (Out, Option<bool>, u64) {
    let start = Instant::now();
    let mut work = timeout(ms(row.time), run(row.body));
    if let Some(grace) = row.grace {
        work = work.grace(ms(grace));
    }
    let handle: Option<ScopeHandle> = known.then(|| work.handle());
    let returned = Cell::new(None);
    let came_back = async {
        let outcome = work.await;
        returned.set(Some(out(&outcome)));
        if let (Err(elapsed), Some(handle)) = (&outcome, &handle) {
            assert!(elapsed.is_from(handle), "{}", row.case);
        }
    };
    match row.around {
        None => {
            came_back.await;
            let now = Instant::now();
            // Nothing of a cancellation is left over for what comes next.
            sleep(ms(7)).await;
            assert_eq!(now.elapsed(), ms(7), "{}", row.case);
            assert!(checkpoint().is_ok(), "{}", row.case);
        }
        Some(at) => {
            let outer = cancel_scope(async |scope| {
                tokio::join!(biased; async {
                    sleep(ms(at)).await;
                    scope.cancel("from around");
                }, async {
                    came_back.await;
                    pending::<()>().await;
                });
            });
            let ended = outer.await.map_err(|cancelled: Cancelled| cancelled.reason());
            assert_eq!(ended, Err(CancelReason::from("from around")), "{}", row.case);
        }
    }
    let after = start.elapsed().as_millis() as u64;
    let after = if row.around.is_none() { after - 7 } else { after };
    (returned.get().unwrap_or(CancelledAround), handle.map(|it| it.expired()), after)
}

#[test]
fn the_outcome_of_a_timeout_is_as_in_the_table() {
    for row in TIMEOUT.iter().chain(&WAIT_FOR) {
        let (ours, expired, after) = row.ours;
        assert_eq!(paused(seen(row, true)), (ours, Some(expired), after), "{}", row.case);
        assert_eq!(paused(seen(row, false)), (ours, None, after), "{}, without a handle", row.case);
        assert_eq!(row.asyncio == row.ours, row.why.is_empty(), "{}: a reason", row.case);
    }
}

/// Two timeouts around one body, which holds up its thread until after both deadlines or waits for ever.
#[test]
fn the_outcome_of_nested_timeouts_is_as_in_the_table() {
    let rows = [
        // outer, inner, blocks    who reports  expired()
        (100, 50, false, "inner", (false, true)),
        (50, 100, false, "outer", (true, false)),
        (100, 100, false, "outer", (true, true)),
        (100, 50, true, "outer", (true, true)),
        (50, 100, true, "outer", (true, true)),
    ];
    for (outer, inner, blocks, who, expired) in rows {
        let case = format!("{outer} around {inner}, blocks: {blocks}");
        paused(async {
            let body = async {
                sleep(ms(1)).await;
                if blocks {
                    block(ms(200));
                }
                pending::<()>().await;
            };
            let inner = timeout(ms(inner), body).named("inner");
            let inner_handle = inner.handle();
            let outer = timeout(ms(outer), inner).named("outer");
            let outer_handle = outer.handle();
            let elapsed = outer.await.unwrap_or_else(Err).unwrap_err();
            assert_eq!(elapsed.name(), Some(who), "{case}");
            assert_eq!((outer_handle.expired(), inner_handle.expired()), expired, "{case}");
        });
    }
}

// 2.7: `wait_for` does so since 3.12.
#[test]
fn the_body_runs_in_the_task_of_its_caller() {
    paused(async {
        let task = tokio::spawn(async {
            let here = tokio::task::id();
            timeout(ms(1), async move { tokio::task::id() == here }).await
        });
        assert_eq!(task.await.unwrap(), Ok(true));
    });
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
        assert_eq!(move_on_at(start + ms(350), pending::<()>()).await, None);
        assert_eq!(start.elapsed(), ms(350));
        assert!(pending::<()>().timeout_at(start + ms(400)).await.is_err());
        assert_eq!(start.elapsed(), ms(400));
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
        assert_eq!(move_on_at(start - ms(10), body()).await, None);
        assert_eq!(move_on_at(start - ms(10), ready(5)).await, Some(5));
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
        (Body::After(100), None),
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

        let line = line!() + 1;
        let elapsed = pending::<()>().timeout_at(Instant::now()).await.unwrap_err();
        assert_eq!((elapsed.location().file(), elapsed.location().line()), (file!(), line));
        let error = std::io::Error::from(elapsed.clone());
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
        assert_eq!(error.downcast::<Elapsed>().unwrap(), elapsed);

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

#[test]
fn of_several_that_expired_each_says_that_it_was_itself() {
    paused(async {
        let works = [1, 2].map(|n| timeout(ms(n), pending::<()>()));
        let handles = works.each_ref().map(|work| work.handle());
        let [one, two] = works;
        let elapsed = [one.await.unwrap_err(), two.await.unwrap_err()];
        for (i, elapsed) in elapsed.iter().enumerate() {
            assert!(handles[i].expired());
            assert_eq!([0, 1].map(|it| elapsed.is_from(&handles[it])), [i == 0, i == 1]);
        }
        assert_ne!(elapsed[0], elapsed[1]);
    });
}
