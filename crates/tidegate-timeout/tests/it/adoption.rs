//! What goes on after its future was dropped by something that is not a scope, and who waits for it.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tidegate_timeout::scope::{Ended, Run, Scope};
use tidegate_timeout::{
    AsyncContext, CancelReason, Exit, ScopeExt, cancel_scope, move_on_after, shield, timeout, with,
};
use tokio::time::{Instant, sleep};

use crate::door::{BoxError, How, Log, Stuck};
use crate::support::{breathe, ms, on_both, paused, until};

async fn forever<T>() -> Result<T, BoxError> {
    pending().await
}

/// Opens a door and drops the future that would have shut it.
async fn drop_raw(log: &Log, name: &'static str) {
    drop_open(log, name, with(log.door(name), async |_| forever::<()>().await)).await;
}

/// Polls `future` until that door is open, and drops it.
async fn drop_open(log: &Log, name: &str, future: impl Future) {
    let mut future = pin!(future);
    let open = format!("{name} is open");
    poll_fn(|cx| {
        assert!(future.as_mut().poll(cx).is_pending());
        if log.has(&open) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_scope_that_is_ready_waits_for_what_it_has_adopted() {
    on_both(|| async {
        for kind in 0..5 {
            let log = Log::default();
            let inside = log.clone();
            let body = async move {
                drop_raw(&inside, "a").await;
                assert!(!inside.has("a is shut"));
                5
            };
            let value = match kind {
                0 => timeout(HOUR, body).await.ok(),
                1 => move_on_after(HOUR, body).await,
                2 => cancel_scope(async |_| body.await).await.ok(),
                3 => value_of(Run::new(body).await),
                _ => value_of(Scope::new().run(body).await),
            };
            assert_eq!(value, Some(5), "{kind}");
            assert!(log.has("a is shut"), "{kind}");
        }
    });
}

fn value_of<T>(ended: Ended<T>) -> Option<T> {
    match ended {
        Ended::Value(value) => Some(value),
        Ended::Panicked(_) | Ended::Cancelled(_) => None,
    }
}

#[test]
fn a_scope_waits_for_what_other_tools_drop() {
    on_both(|| async {
        let log = Log::default();
        let work = timeout(HOUR, async {
            let open = |name: &str| {
                let (log, line) = (log.clone(), format!("{name} is open"));
                async move { until(|| log.has(&line)).await }
            };
            tokio::select! {
                _ = with(log.door("select"), async |_| forever::<()>().await) => unreachable!(),
                () = open("select") => {}
            }
            let inside = log.clone();
            let task = tokio::spawn(
                async move { with(inside.door("abort"), async |_| forever::<()>().await).await }
                    .in_current_scope(),
            );
            open("abort").await;
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
            5
        });
        assert_eq!(work.await, Ok(5));
        assert!(log.has("select is shut") && log.has("abort is shut"));
    });
    paused(async {
        let log = Log::default();
        let work = timeout(HOUR, async {
            let work = with(log.door("a"), async |_| forever::<()>().await);
            assert!(tokio::time::timeout(ms(10), work).await.is_err());
        });
        assert_eq!(work.await, Ok(()));
        assert!(log.has("a is shut"));
    });
}

#[test]
fn a_cancelled_scope_waits_for_what_it_has_adopted() {
    on_both(|| async {
        let log = Log::default();
        let cancelled = cancel_scope(async |scope| {
            drop_raw(&log, "a").await;
            scope.cancel("enough");
            pending::<()>().await
        });
        assert_eq!(cancelled.await.unwrap_err().reason(), CancelReason::from("enough"));
        assert!(log.has("a is shut"));
    });
}

struct Slow(Duration, Log);

impl AsyncContext for Slow {
    type Guard = Self;
    type Error = Stuck;
    async fn enter(self) -> Result<Self, Stuck> {
        Ok(self)
    }
    async fn exit(Self(time, log): Self, why: Exit) -> Result<(), Stuck> {
        sleep(time).await;
        log.add(format!("{why:?}"));
        Ok(())
    }
}

/// Leaves a clean-up behind that takes so long.
async fn leave_behind(time: Duration, log: &Log) {
    let work = with(Slow(time, log.clone()), async |_| forever::<()>().await);
    assert!(tokio::time::timeout(Duration::ZERO, work).await.is_err());
}

#[test]
fn a_value_that_waits_for_clean_up_is_not_lost_to_the_deadline() {
    paused(async {
        let (start, log) = (Instant::now(), Log::default());
        let value = timeout(ms(10), async {
            leave_behind(ms(100), &log).await;
            5
        });
        assert_eq!(value.await, Ok(5));
        assert_eq!(start.elapsed(), ms(100));
    });
}

#[test]
fn the_grace_of_a_cancelled_scope_bounds_how_long_it_waits_and_the_one_around_goes_on_waiting() {
    paused(async {
        let (start, log) = (Instant::now(), Log::default());
        let outer = timeout(HOUR, async {
            let inner = timeout(ms(10), async {
                leave_behind(ms(100), &log).await;
                pending::<()>().await;
            });
            assert!(inner.grace(ms(20)).await.is_err());
            assert_eq!(start.elapsed(), ms(30));
            5
        });
        assert_eq!(outer.await, Ok(5));
        assert_eq!((start.elapsed(), log.lines()), (ms(100), vec!["Dropped".to_owned()]));
    });
}

// Half-way at its end.
#[test]
fn an_exit_that_outlives_the_grace_moves_to_the_scope_around() {
    paused(async {
        let (start, log) = (Instant::now(), Log::default());
        let outer = timeout(HOUR, async {
            let inner =
                timeout(ms(10), with(Slow(ms(100), log.clone()), async |_| forever::<()>().await));
            assert!(inner.grace(ms(20)).await.is_err());
            assert_eq!(start.elapsed(), ms(30));
            assert!(log.lines().is_empty());
            5
        });
        assert_eq!(outer.await, Ok(5));
        assert_eq!(start.elapsed(), ms(110));
        assert_eq!(log.lines(), ["Cancelled(Deadline)"]);
    });
}

#[test]
fn a_body_that_outlives_the_grace_is_told_that_it_was_cancelled() {
    paused(async {
        let (start, log) = (Instant::now(), Log::default());
        let outer = timeout(HOUR, async {
            let stuck = with(Slow(ms(100), log.clone()), async |_| {
                shield(pending::<()>()).await;
                Ok::<_, BoxError>(())
            });
            assert!(timeout(ms(10), stuck).grace(ms(20)).await.is_err());
            assert_eq!(start.elapsed(), ms(30));
        });
        assert_eq!(outer.await, Ok(()));
        assert_eq!(start.elapsed(), ms(130));
        assert_eq!(log.lines(), ["Cancelled(Deadline)"]);
    });
}

#[test]
fn a_scope_that_is_itself_dropped_leaves_its_clean_up_to_the_one_around() {
    on_both(|| async {
        let log = Log::default();
        let outer = timeout(HOUR, async {
            // Adopted first, and then the scope is dropped.
            let inner = timeout(HOUR, async {
                drop_raw(&log, "a").await;
                pending::<()>().await;
            });
            let mut inner = Box::pin(inner);
            poll_fn(|cx| {
                assert!(inner.as_mut().poll(cx).is_pending());
                if log.has("a is open") { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            drop(inner);
            // Dropped together with the scope.
            let inner = timeout(HOUR, with(log.door("b"), async |_| forever::<()>().await));
            drop_open(&log, "b", inner).await;
            5
        });
        assert_eq!(outer.await, Ok(5));
        assert!(log.has("a is shut") && log.has("b is shut"));
    });
}

#[test]
fn a_context_waits_for_what_was_left_behind_inside_before_it_is_left() {
    on_both(|| async {
        let log = Log::default();
        let work = with(log.door("a"), async |_| {
            drop_raw(&log, "b").await;
            Ok::<_, BoxError>(5)
        });
        assert_eq!(work.await.unwrap(), 5);
        let shut: Vec<_> =
            log.lines().into_iter().filter(|line| line.ends_with("is shut")).collect();
        assert_eq!(shut, ["b is shut", "a is shut"]);
    });
}

#[test]
fn what_is_left_behind_in_a_shield_or_in_an_exit_is_found() {
    struct Leaves(Log, [&'static str; 2]);
    impl AsyncContext for Leaves {
        type Guard = Self;
        type Error = Stuck;
        async fn enter(self) -> Result<Self, Stuck> {
            drop_raw(&self.0, self.1[0]).await;
            Ok(self)
        }
        async fn exit(Self(log, names): Self, _: Exit) -> Result<(), Stuck> {
            drop_raw(&log, names[1]).await;
            Ok(())
        }
    }
    on_both(|| async {
        let log = Log::default();
        let work = timeout(HOUR, async {
            shield(drop_raw(&log, "shield")).await;
            let leaves = Leaves(log.clone(), ["enter", "exit"]);
            with(leaves, async |_| Ok::<_, BoxError>(())).await.unwrap();
            let leaves = Leaves(log.clone(), ["raw enter", "raw exit"]);
            let raw = with(leaves, async |leaves| {
                leaves.0.add("raw is open");
                forever::<()>().await
            });
            drop_open(&log, "raw", raw).await;
        });
        assert_eq!(work.await, Ok(()));
        for name in ["shield", "enter", "exit", "raw enter", "raw exit"] {
            assert!(log.has(&format!("{name} is shut")), "{name}: {:?}", log.lines());
        }
    });
}

#[test]
fn a_clean_up_that_panics_lets_the_scope_go() {
    on_both(|| async {
        let log = Log::default();
        let work = timeout(HOUR, async {
            let work = with(log.door("a").exit(How::Panics), async |_| forever::<()>().await);
            drop_open(&log, "a", work).await;
            5
        });
        assert_eq!(work.await, Ok(5));
        assert!(log.has("a shuts: Dropped"));
    });
}

#[test]
fn outside_of_every_scope_a_clean_up_is_on_its_own() {
    on_both(|| async {
        let log = Log::default();
        drop_raw(&log, "a").await;
        assert!(!log.has("a is shut"));
        until(|| log.has("a is shut")).await;
    });
}

#[test]
fn what_was_dropped_after_its_scope_belongs_to_the_scope_around() {
    on_both(|| async {
        let log = Log::default();
        let outer = timeout(HOUR, async {
            let mut escaped = Box::pin(with(log.door("a"), async |_| forever::<()>().await));
            let inner = timeout(
                HOUR,
                poll_fn(|cx| {
                    assert!(escaped.as_mut().poll(cx).is_pending());
                    if log.has("a is open") { Poll::Ready(()) } else { Poll::Pending }
                }),
            );
            inner.await.unwrap();
            drop(escaped);
        });
        assert_eq!(outer.await, Ok(()));
        assert!(log.has("a is shut"));
    });
}

#[test]
fn an_orphan_is_a_guard_and_keeps_a_scope_from_returning() {
    on_both(|| async {
        let log = Log::default();
        let value = timeout(HOUR, async {
            let orphan = Scope::new().adopt();
            let log = log.clone();
            tokio::spawn(async move {
                breathe().await;
                log.add("done");
                drop(orphan);
            });
            5
        });
        assert_eq!(value.await, Ok(5));
        assert!(log.has("done"));
        assert!(format!("{:?}", Scope::new().adopt()).contains("adopter"));
    });
}

#[test]
fn a_guard_alone_does_not_keep_a_scope_from_returning() {
    paused(async {
        let held = Arc::new(std::sync::Mutex::new(None));
        let value = timeout(HOUR, async {
            *held.lock().unwrap() = Some(Scope::new().guard());
            5
        });
        assert_eq!(value.await, Ok(5));
    });
}

#[test]
fn a_value_that_is_too_late_waits_for_what_the_scope_has_adopted_too() {
    paused(async {
        let log = Log::default();
        let there = log.clone();
        let work = timeout(ms(10), async move {
            {
                let open = with(there.door("a"), async |_| forever::<()>().await);
                tokio::select! { biased; _ = open => {}, () = sleep(ms(5)) => {} }
            }
            // Late, without giving way to the timer.
            let mut blocks = pin!(tokio::time::advance(ms(20)));
            while tidegate_test::poll_once(blocks.as_mut()).is_pending() {}
        });
        let handle = work.handle();
        assert!(work.deadline_first().await.unwrap_err().is_from(&handle));
        assert!(log.has("a is shut") && handle.expired());
    });
}
