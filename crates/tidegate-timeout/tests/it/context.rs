//! Contexts: entered, and left however the body ends.

use std::error::Error;
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use tidegate_test::{Cut, Explorer, cut_everywhere, hold, poll_once};
use tidegate_timeout::scope::Run;
use tidegate_timeout::{
    AsyncContext, CancelReason, Deadline, Exit, ScopeExt, WithError, cancel_scope, current_scope,
    exit_stack, move_on_after, shield, timeout, with, with_both,
};
use tokio::time::{Instant, sleep};

use crate::door::{BoxError, Door, How, Log, Stuck, unreported};
use crate::support::{breathe, ms, on_both, panic_of, paused, until};

async fn forever<T>() -> Result<T, BoxError> {
    pending().await
}

fn out_of_cheese() {
    panic!("out of cheese");
}

// ---- the ways to end

#[test]
fn a_value_is_returned_after_the_exit() {
    on_both(|| async {
        let log = Log::default();
        let value = with(log.door("a"), async |open| {
            open.log.add("inside");
            breathe().await;
            open.log.add("still");
            Ok::<_, BoxError>(5)
        });
        assert_eq!(value.await.unwrap(), 5);
        assert_eq!(
            log.lines(),
            ["a opens", "a is open", "inside", "still", "a shuts: Ok", "a is shut"]
        );
    });
}

#[test]
fn an_error_is_returned_after_the_exit_which_was_told_of_it() {
    on_both(|| async {
        let log = Log::default();
        let failed = with(log.door("a"), async |_| Err::<(), BoxError>(Box::new(Stuck("body"))));
        assert_eq!(*failed.await.unwrap_err().downcast::<Stuck>().unwrap(), Stuck("body"));
        assert_eq!(log.lines()[2..], ["a shuts: Err(\"body is stuck\")", "a is shut"]);
    });
}

#[test]
fn a_panic_goes_on_after_the_exit_which_was_told_of_it() {
    on_both(|| async {
        for early in [true, false] {
            let log = Log::default();
            let panics = with(log.door("a"), async |_| {
                if !early {
                    breathe().await;
                }
                out_of_cheese();
                forever::<()>().await
            });
            assert_eq!(panic_of(panics).await, "out of cheese");
            assert_eq!(log.lines()[2..], ["a shuts: Panic(\"out of cheese\")", "a is shut"]);
        }
    });
}

#[test]
fn a_timeout_returns_after_the_exit() {
    on_both(|| async {
        let log = Log::default();
        // The deadline has passed when the body is entered.
        let late = timeout(Duration::ZERO, async {
            shield(async {}).await;
            with(log.door("a").enter(How::Slowly), async |_| forever::<()>().await).await
        });
        assert!(late.await.is_err());
        assert!(!log.has("a is open"), "the cancellation came while it was entered");
    });
    paused(async {
        let log = Log::default();
        let late = timeout(ms(10), with(log.door("a"), async |_| forever::<()>().await));
        assert!(late.await.is_err());
        assert_eq!(log.lines()[2..], ["a shuts: Cancelled(Deadline)", "a is shut"]);
    });
}

#[test]
fn a_cancellation_is_over_after_the_exit_and_nothing_runs_in_between() {
    on_both(|| async {
        let log = Log::default();
        let cancelled = cancel_scope(async |scope| {
            let _ = with(log.door("a"), async |open| {
                scope.cancel("enough");
                let swallowed = forever::<()>().await;
                open.log.add("swallowed");
                swallowed
            })
            .await;
            log.add("after");
        });
        assert_eq!(cancelled.await.unwrap_err().reason(), CancelReason::from("enough"));
        let reason = CancelReason::from("enough");
        assert_eq!(
            log.lines()[2..],
            [format!("a shuts: Cancelled({reason:?})"), "a is shut".into()]
        );
    });
}

#[test]
fn a_value_that_is_ready_when_it_is_cancelled_is_kept() {
    on_both(|| async {
        let log = Log::default();
        let kept = cancel_scope(async |scope| {
            with(log.door("a"), async |_| {
                scope.cancel("enough");
                Ok::<_, BoxError>(5)
            })
            .await
        });
        assert_eq!(kept.await.unwrap().unwrap(), 5);
        assert_eq!(log.lines()[2..], ["a shuts: Ok", "a is shut"]);
    });
}

#[test]
fn a_body_that_ends_when_it_hears_of_the_cancellation_is_heard() {
    on_both(|| async {
        let log = Log::default();
        let outcome = cancel_scope(async |scope| {
            with(log.door("a"), async |_| {
                scope.cancel("enough");
                let reason = tidegate_timeout::cancelled().await;
                Ok::<_, BoxError>(reason)
            })
            .await
        });
        assert_eq!(outcome.await.unwrap().unwrap(), CancelReason::from("enough"));
        assert_eq!(log.lines()[2..], ["a shuts: Ok", "a is shut"]);
    });
}

#[test]
fn a_future_that_is_dropped_leaves_its_exit_to_a_task() {
    on_both(|| async {
        let log = Log::default();
        {
            let mut dropped = pin!(with(log.door("a"), async |_| forever::<()>().await));
            poll_fn(|cx| {
                assert!(dropped.as_mut().poll(cx).is_pending());
                if log.has("a is open") { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }
        until(|| log.has("a is shut")).await;
        assert_eq!(log.lines()[2..], ["a shuts: Dropped", "a is shut"]);
    });
}

#[test]
fn an_aborted_task_leaves_its_exit_to_another_task() {
    on_both(|| async {
        let log = Log::default();
        let task = tokio::spawn({
            let log = log.clone();
            async move { with(log.door("a"), async |_| forever::<()>().await).await }
        });
        until(|| log.has("a is open")).await;
        task.abort();
        until(|| log.has("a is shut")).await;
        assert_eq!(log.lines()[2..], ["a shuts: Dropped", "a is shut"]);
    });
}

#[test]
fn an_exit_that_is_dropped_half_way_goes_on_where_it_was() {
    on_both(|| async {
        let log = Log::default();
        {
            let mut dropped = pin!(with(log.door("a"), async |_| Ok::<_, BoxError>(5)));
            poll_fn(|cx| {
                assert!(dropped.as_mut().poll(cx).is_pending());
                if log.has("a shuts: Ok") { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }
        until(|| log.has("a is shut")).await;
        assert_eq!(log.lines()[2..], ["a shuts: Ok", "a is shut"]);
    });
}

// ---- entering

#[test]
fn what_does_not_open_is_not_shut() {
    on_both(|| async {
        let log = Log::default();
        let outcome = with(log.door("a").enter(How::Fails), async |_| forever::<()>().await).await;
        assert_eq!(*outcome.unwrap_err().downcast::<Stuck>().unwrap(), Stuck("a"));
        for (how, said) in [(How::Panics, "a broke"), (How::PanicsAtOnce, "enter broke at once")] {
            let panics = with(log.door("a").enter(how), async |_| forever::<()>().await);
            assert_eq!(panic_of(panics).await, said);
        }
        let timed_out = timeout(
            Duration::ZERO,
            with(log.door("a").enter(How::Hangs), async |_| forever::<()>().await),
        );
        assert!(timed_out.await.is_err());
        assert_eq!(log.lines(), ["a opens"; 4]);
    });
}

#[test]
fn a_scope_that_is_cancelled_before_lets_a_context_begin_as_any_other_code() {
    on_both(|| async {
        let log = Log::default();
        struct AtOnce(Log);
        impl AsyncContext for AtOnce {
            type Guard = Log;
            type Error = Stuck;
            async fn enter(self) -> Result<Log, Stuck> {
                Ok(self.0)
            }
            async fn exit(log: Log, why: Exit) -> Result<(), Stuck> {
                log.add(format!("{why:?}"));
                Ok(())
            }
        }
        let cancelled = cancel_scope(async |scope| {
            scope.cancel("enough");
            with(AtOnce(log.clone()), async |log| {
                log.add("up to the first await");
                breathe().await;
                log.add("not here");
                Ok::<_, BoxError>(())
            })
            .await
        });
        assert!(cancelled.await.is_err());
        let reason = CancelReason::from("enough");
        assert_eq!(log.lines(), ["up to the first await".into(), format!("Cancelled({reason:?})")]);
    });
}

// ---- leaving

#[test]
fn an_exit_that_fails_is_an_error() {
    on_both(|| async {
        let log = Log::default();
        let failed = with(log.door("a").exit(How::Fails), async |_| Ok::<_, BoxError>(5)).await;
        assert_eq!(*failed.unwrap_err().downcast::<Stuck>().unwrap(), Stuck("a"));
    });
}

#[test]
fn an_exit_that_panics_panics() {
    on_both(|| async {
        let log = Log::default();
        for (how, said) in [
            (How::Panics, "a broke"),
            (How::PanicsAtOnce, "exit broke at once"),
            (How::DropPanics, "the drop broke"),
        ] {
            let panics = with(log.door("a").exit(how), async |_| Ok::<_, BoxError>(5));
            assert_eq!(panic_of(panics).await, said);
            let panics = with(log.door("a").exit(how), async |_| {
                out_of_cheese();
                forever::<()>().await
            });
            assert_eq!(panic_of(panics).await, "out of cheese");
        }
    });
}

#[test]
fn a_body_whose_drop_panics_is_left_as_after_a_panic() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("bomb");
        }
    }
    on_both(|| async {
        let log = Log::default();
        let work = cancel_scope(async |scope| {
            with(log.door("a"), async |_| {
                let _bomb = Bomb;
                scope.cancel("enough");
                forever::<()>().await
            })
            .await
        });
        assert_eq!(panic_of(work).await, "bomb");
        assert_eq!(log.lines()[2..], ["a shuts: Panic(\"bomb\")", "a is shut"]);
    });
}

#[test]
fn an_exit_sees_no_cancellation_and_no_deadline() {
    struct Asks;
    impl AsyncContext for Asks {
        type Guard = ();
        type Error = Stuck;
        async fn enter(self) -> Result<(), Stuck> {
            assert_ne!(Deadline::ambient(), Deadline::NEVER);
            Ok(())
        }
        async fn exit(_: (), why: Exit) -> Result<(), Stuck> {
            assert_eq!(why, Exit::Cancelled(CancelReason::Deadline));
            assert_eq!(Deadline::ambient(), Deadline::NEVER);
            assert!(tidegate_timeout::checkpoint().is_ok() && current_scope().is_none());
            sleep(ms(100)).await;
            assert!(timeout(ms(10), pending::<()>()).await.is_err(), "its own is another matter");
            Ok(())
        }
    }
    paused(async {
        let start = Instant::now();
        let late = timeout(ms(10), with(Asks, async |_| forever::<()>().await));
        assert!(late.await.is_err());
        assert_eq!(start.elapsed(), ms(120));
    });
}

#[test]
fn the_grace_of_a_scope_bounds_the_exit() {
    paused(async {
        let (start, log) = (Instant::now(), Log::default());
        let stuck = with(log.door("a").exit(How::Hangs), async |_| forever::<()>().await);
        assert!(timeout(ms(10), stuck).grace(ms(20)).await.is_err());
        assert_eq!(start.elapsed(), ms(30));
        assert!(!log.has("a is shut"));
    });
}

// ---- two errors

#[test]
fn errors_of_the_body_and_of_the_exit_are_both_returned() {
    on_both(|| async {
        let door = || Log::default().door("door").exit(How::Fails);
        let both = "body is stuck; its exit failed: door is stuck";

        let error = with(door(), async |_| Err::<(), BoxError>(Stuck("body").into())).await;
        let error = error.unwrap_err().downcast::<WithError<BoxError, BoxError>>().unwrap();
        assert_eq!(error.to_string(), both);
        let WithError::Both { body, exit } = *error else { panic!("not both: {error}") };
        assert!(body.is::<Stuck>() && exit.is::<Stuck>());

        let error = with(door(), async |_| Err::<(), String>("body is stuck".into())).await;
        assert_eq!(error.unwrap_err(), both);

        let error = with_both(door(), async |_| Err::<(), _>("body is stuck")).await.unwrap_err();
        assert_eq!(error, WithError::Both { body: "body is stuck", exit: Stuck("door") });
        assert_eq!(error.to_string(), both);
    });
    paused(async {
        type Local = Box<dyn Error>;
        let door = Log::default().door("door").exit(How::Fails);
        let error = with(door, async |_| Err::<(), Local>(Stuck("body").into())).await;
        assert!(error.unwrap_err().is::<WithError<Local, Local>>());
    });
}

#[test]
fn each_error_has_its_own_variant() {
    paused(async {
        let door = || Log::default().door("door");
        let outcome = with_both(door().enter(How::Fails), async |_| Err::<(), _>(1)).await;
        assert_eq!(outcome, Err(WithError::Enter(Stuck("door"))));
        assert_eq!(with_both(door(), async |_| Err::<(), _>(1)).await, Err(WithError::Body(1)));
        let outcome = with_both(door().exit(How::Fails), async |_| Ok::<_, u8>(())).await;
        assert_eq!(outcome, Err(WithError::Exit(Stuck("door"))));
        assert_eq!(with_both(door(), async |_| Ok::<_, u8>(5)).await, Ok(5));
    });
}

#[test]
fn an_error_that_nobody_returns_goes_to_the_context() {
    fn is_stuck(name: &'static str) -> Door {
        Log::default().door(name).exit(How::Fails)
    }
    paused(async {
        // The body's error cannot hold another.
        let error = with(is_stuck("narrow"), async |_| Err::<(), _>(Stuck("body"))).await;
        assert_eq!(error, Err(Stuck("body")));
        assert_eq!(unreported("narrow"), 1);

        let late = timeout(ms(10), with(is_stuck("late"), async |_| forever::<()>().await));
        assert!(late.await.is_err());
        assert_eq!(unreported("late"), 1);

        let panics = with(is_stuck("panic"), async |_| -> Result<(), BoxError> { panic!("no") });
        assert_eq!(panic_of(panics).await, "no");
        assert_eq!(unreported("panic"), 1);

        let work = with(is_stuck("raw"), async |_| forever::<()>().await);
        assert!(tokio::time::timeout(ms(10), work).await.is_err());
        until(|| unreported("raw") == 1).await;
    });
}

// ---- nesting

async fn nest(log: &Log, body: impl AsyncFnOnce() -> Result<(), BoxError>) -> Result<(), BoxError> {
    with(log.door("a"), async |_| {
        with(log.door("b"), async |_| {
            timeout(ms(60_000), with(log.door("c"), async |_| body().await)).await?
        })
        .await
    })
    .await
}

fn exits(log: &Log) -> Vec<String> {
    let lines = log.lines().into_iter().skip_while(|line| line != "c is open").skip(1);
    lines.map(|line| line.split(':').next().unwrap().to_owned()).collect()
}

const INNERMOST_FIRST: [&str; 6] =
    ["c shuts", "c is shut", "b shuts", "b is shut", "a shuts", "a is shut"];

#[test]
fn contexts_are_left_innermost_first() {
    on_both(|| async {
        for how in 0..5 {
            let log = Log::default();
            let work = cancel_scope(async |scope| {
                nest(&log, async || match how {
                    0 => Ok(()),
                    1 => Err("no".into()),
                    2 => panic!("no"),
                    3 => {
                        scope.cancel("enough");
                        forever().await
                    }
                    _ => forever().await,
                })
                .await
            });
            match how {
                0 | 1 => assert_eq!(work.await.unwrap().is_ok(), how == 0),
                2 => assert_eq!(panic_of(work).await, "no"),
                3 => assert!(work.await.is_err()),
                _ => {
                    let mut work = Box::pin(work);
                    poll_fn(|cx| {
                        assert!(work.as_mut().poll(cx).is_pending());
                        if log.has("c is open") { Poll::Ready(()) } else { Poll::Pending }
                    })
                    .await;
                    drop(work);
                    until(|| log.has("a is shut")).await;
                }
            }
            assert_eq!(exits(&log), INNERMOST_FIRST, "{how}");
        }
    });
}

#[test]
fn a_context_waits_for_the_shields_inside_it() {
    paused(async {
        let log = Log::default();
        let late = timeout(
            ms(10),
            with(log.door("a"), async |open| {
                shield(async {
                    sleep(ms(100)).await;
                    open.log.add("finished");
                })
                .await;
                forever::<()>().await
            }),
        );
        assert!(late.await.is_err());
        assert_eq!(log.lines()[2..], ["finished", "a shuts: Cancelled(Deadline)", "a is shut"]);
    });
}

#[test]
fn siblings_in_one_scope_are_all_left() {
    on_both(|| async {
        let log = Log::default();
        let cancelled = cancel_scope(async |scope| {
            let wait = async |name| with(log.door(name), async |_| forever::<()>().await).await;
            let cancel = async {
                until(|| ["a", "b"].iter().all(|it| log.has(&format!("{it} is open")))).await;
                scope.cancel("enough");
                forever::<()>().await
            };
            let _ = tokio::join!(wait("a"), wait("b"), cancel);
        });
        assert!(cancelled.await.is_err());
        assert!(log.has("a is shut") && log.has("b is shut"));
    });
}

#[test]
fn a_scope_inside_can_end_without_the_context() {
    paused(async {
        let log = Log::default();
        let outcome = with(log.door("a"), async |_| {
            let hint = move_on_after(ms(10), with(log.door("b"), async |_| forever::<()>().await));
            assert!(hint.await.is_none());
            assert!(log.has("b is shut") && !log.has("a is shut"));
            Ok::<_, BoxError>(5)
        });
        assert_eq!(outcome.await.unwrap(), 5);
    });
}

#[test]
fn the_body_is_in_the_scope_around() {
    paused(async {
        let start = Instant::now();
        let work = timeout(ms(100), async {
            let around = current_scope();
            with(Log::default().door("a"), async |_| {
                assert_eq!(current_scope(), around);
                assert_eq!(Deadline::ambient().remaining(), Some(ms(100)));
                current_scope().unwrap().extend(ms(100));
                sleep(ms(150)).await;
                Ok::<_, BoxError>(5)
            })
            .await
        });
        assert_eq!(work.await.unwrap().unwrap(), 5);
        assert_eq!(start.elapsed(), ms(150));
        let free = with(Log::default().door("a"), async |_| {
            assert!(current_scope().is_none());
            Ok::<_, BoxError>(())
        });
        free.await.unwrap();
    });
}

#[test]
fn an_explicit_cancellation_inside_a_timeout_reaches_the_scope_around_through_a_context() {
    paused(async {
        let log = Log::default();
        let none = move_on_after(ms(1000), async {
            with(log.door("a"), async |_| {
                let work = timeout(ms(500), pending::<()>());
                work.handle().cancel("enough");
                work.await?;
                Ok::<_, BoxError>(())
            })
            .await
        });
        let handle = none.handle();
        assert!(none.await.is_none());
        assert_eq!(handle.reason(), Some(CancelReason::from("enough")));
        assert!(log.has("a is shut"));
    });
}

// ---- tasks that took their scope along

#[test]
fn in_a_task_that_took_its_scope_along_the_body_goes_on() {
    on_both(|| async {
        let log = Log::default();
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let (task, cancelled) = {
            let log = log.clone();
            let mut task = None;
            let cancelled = cancel_scope(async |scope| {
                let body = async move {
                    with(log.door("a"), async |open| {
                        let _ = gone.await;
                        open.log.add("went on");
                        Ok::<_, BoxError>(5)
                    })
                    .await
                };
                task = Some(tokio::spawn(body.in_current_scope()));
                scope.cancel("enough");
                forever::<()>().await
            })
            .await;
            (task, cancelled)
        };
        // The scope did not wait, and the body goes on.
        assert!(cancelled.is_err());
        until(|| log.has("a is open")).await;
        go.send(()).unwrap();
        assert_eq!(task.unwrap().await.unwrap().unwrap(), 5);
        assert_eq!(log.lines()[2..], ["went on", "a shuts: Ok", "a is shut"]);
    });
}

#[test]
fn a_timeout_of_such_a_task_ends_a_context_although_the_scope_was_cancelled_before() {
    paused(async {
        let (start, log) = (Instant::now(), Log::default());
        let task = {
            let log = log.clone();
            let mut task = None;
            let _ = cancel_scope(async |scope| {
                let body = async move {
                    timeout(ms(100), with(log.door("a"), async |_| forever::<()>().await)).await
                };
                task = Some(tokio::spawn(body.in_current_scope()));
                breathe().await;
                scope.cancel("enough");
                forever::<()>().await
            })
            .await;
            task.unwrap()
        };
        assert_eq!(start.elapsed(), ms(0), "nobody waited for it");
        assert!(task.await.unwrap().is_err());
        assert_eq!(start.elapsed(), ms(100));
        assert!(log.has("a is shut"));
    });
}

// ---- dropped at every point

#[test]
fn no_context_stays_open_wherever_it_is_cut() {
    let runs = cut_everywhere(|cut: &Cut| {
        paused(async {
            let log = Log::default();
            let work = with(log.door("a"), async |_| {
                with(log.door("b"), async |_| {
                    breathe().await;
                    Ok::<_, BoxError>(())
                })
                .await
            });
            let _ = cut.short(work).await;
            let count = |what: &str| log.lines().iter().filter(|line| line.ends_with(what)).count();
            until(|| count("is open") == count("is shut")).await;
            assert!(count("is open") == 2 || count("is dropped") == 0);
        });
    });
    assert!(runs > 20, "{runs}");
}

struct Open(Arc<AtomicUsize>);
struct Count(Arc<AtomicUsize>, tokio::sync::mpsc::Receiver<()>);

impl AsyncContext for Count {
    type Guard = (Open, tokio::sync::mpsc::Receiver<()>);
    type Error = Stuck;
    async fn enter(mut self) -> Result<Self::Guard, Stuck> {
        self.1.recv().await;
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok((Open(self.0), self.1))
    }
    async fn exit((open, mut gate): Self::Guard, _: Exit) -> Result<(), Stuck> {
        gate.recv().await;
        open.0.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }
}

// The explorer: entering, the body and leaving each wait for a step of somebody else.
#[test]
fn no_context_stays_open_wherever_its_future_is_dropped() {
    struct World {
        runtime: tokio::runtime::Runtime,
        open: Arc<AtomicUsize>,
        gate: tokio::sync::mpsc::Sender<()>,
        context: std::cell::Cell<Option<Count>>,
    }
    let step = |world: &World| {
        let _ = world.gate.try_send(());
        world.runtime.block_on(breathe());
    };
    let schedules = Explorer::new(|| {
        let (gate, receiver) = tokio::sync::mpsc::channel(9);
        let open = Arc::default();
        let context = std::cell::Cell::new(Some(Count(Arc::clone(&open), receiver)));
        World { runtime: crate::support::paused_runtime(), open, gate, context }
    })
    .future(|world| {
        hold(async move {
            let context = world.context.take().unwrap();
            let mut work = Box::pin(with(context, async |(_, gate)| {
                gate.recv().await;
                Ok::<_, BoxError>(())
            }));
            // Polled, and dropped, with the runtime at hand.
            struct Inside<'a, F>(&'a World, Option<F>);
            impl<F> Drop for Inside<'_, F> {
                fn drop(&mut self) {
                    let _inside = self.0.runtime.enter();
                    self.1 = None;
                }
            }
            let _entered = world.runtime.enter();
            let mut inside = Inside(world, Some(poll_fn(move |cx| work.as_mut().poll(cx))));
            drop(_entered);
            poll_fn(|cx| {
                let _entered = world.runtime.enter();
                std::pin::Pin::new(inside.1.as_mut().unwrap()).poll(cx)
            })
            .await
        })
    })
    .step(step)
    .step(step)
    .step(step)
    .step(step)
    .check(move |world| {
        for _ in 0..4 {
            step(world);
        }
        assert_eq!(world.open.load(Ordering::SeqCst), 0);
    })
    .run();
    assert_eq!(schedules, 32 * 6);
}

// ---- runtimes

#[test]
fn without_a_runtime_the_exit_runs_where_it_was_entered_or_not_at_all() {
    let log = Log::default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let mut work = Box::pin(with(log.door("a"), async |_| forever::<()>().await));
    runtime.block_on(poll_fn(|cx| {
        assert!(work.as_mut().poll(cx).is_pending());
        if log.has("a is open") { Poll::Ready(()) } else { Poll::Pending }
    }));
    // Outside of the runtime.
    drop(work);
    runtime.block_on(until(|| log.has("a is shut")));

    let log = Log::default();
    let mut work = Box::pin(with(log.door("a"), async |_| forever::<()>().await));
    runtime.block_on(poll_fn(|cx| {
        assert!(work.as_mut().poll(cx).is_pending());
        if log.has("a is open") { Poll::Ready(()) } else { Poll::Pending }
    }));
    drop(runtime);
    drop(work);
    assert_eq!(log.lines()[2..], ["a is dropped"]);

    let nowhere = Log::default();
    let mut work = Box::pin(with(nowhere.door("b"), async |_| forever::<()>().await));
    // `yield_now` needs no runtime.
    until_polled(|| {
        assert!(poll_once(work.as_mut()).is_pending());
        nowhere.has("b is open")
    });
    drop(work);
    assert_eq!(nowhere.lines()[2..], ["b is dropped"]);
}

fn until_polled(mut done: impl FnMut() -> bool) {
    while !done() {}
}

#[test]
fn a_runtime_that_is_shut_down_drops_the_guard() {
    let log = Log::default();
    let runtime = crate::support::paused_runtime();
    runtime.block_on(async {
        let inside = log.clone();
        tokio::spawn(async move { with(inside.door("a"), async |_| forever::<()>().await).await });
        until(|| log.has("a is open")).await;
    });
    drop(runtime);
    assert!(log.has("a is dropped") && !log.has("a is shut"));
}

// Its body is gone, and it would be pending for ever.
#[test]
fn a_context_that_a_scope_has_ended_says_so_where_it_is_polled_again() {
    on_both(|| async {
        let log = Log::default();
        let mut work = Box::pin(with(log.door("a"), async |_| forever::<()>().await));
        assert!(timeout(ms(1), &mut work).await.is_err());
        // On real time the millisecond may be over before it is open.
        assert_eq!(log.has("a is shut"), log.has("a is open"));
        let said = panic_of(work).await;
        assert_eq!(said, "a context that a scope has ended is not polled outside of that scope");
    });
    on_both(|| async {
        let mut stack = Box::pin(exit_stack(async |_| forever::<()>().await));
        assert!(timeout(ms(1), &mut stack).await.is_err());
        assert!(panic_of(stack).await.starts_with("a context that a scope has ended"));
    });
    paused(async {
        let log = Log::default();
        let mut slow =
            Box::pin(with(log.door("b").enter(How::Hangs), async |_| Ok::<_, BoxError>(())));
        assert!(timeout(ms(1), &mut slow).await.is_err());
        assert!(panic_of(slow).await.starts_with("a context that a scope has ended"));
    });
}

// ---- what the compiler has to accept

#[test]
fn a_context_can_be_used_in_tasks_and_on_a_local_set() {
    fn sent<T: Send + 'static>(
        future: impl Future<Output = Result<T, BoxError>> + Send + 'static,
    ) -> impl Future<Output = Result<T, BoxError>> + Send + 'static {
        future
    }
    paused(async {
        let text = String::from("text");
        let task = tokio::spawn(sent(async move {
            with(Log::default().door("a"), async |open| {
                let name = open.name;
                breathe().await;
                let inner = with(Log::default().door("b"), async |inner| {
                    breathe().await;
                    Ok::<_, BoxError>(format!("{text} {name} {} {}", open.name, inner.name))
                });
                timeout(ms(1000), inner).await?
            })
            .await
        }));
        assert_eq!(task.await.unwrap().unwrap(), "text a a b");

        let boxed: std::pin::Pin<Box<dyn Future<Output = Result<u8, BoxError>> + Send>> =
            Box::pin(with(Log::default().door("a"), async |_| {
                breathe().await;
                Ok(5)
            }));
        assert_eq!(boxed.await.unwrap(), 5);

        let local = Rc::new(5);
        let set = tokio::task::LocalSet::new();
        let log = Log::default();
        let (inside, kept) = (log.clone(), Rc::clone(&local));
        set.spawn_local(async move {
            let work = with(inside.door("a"), async |_| {
                breathe().await;
                drop(kept);
                forever::<()>().await
            });
            tokio::time::timeout(ms(10), work).await
        });
        set.run_until(sleep(ms(20))).await;
        until(|| log.has("a is shut")).await;
        assert_eq!(Rc::strong_count(&local), 1);

        let _ = Run::new(with(log.door("c"), async |_| Ok::<_, BoxError>(Rc::clone(&local)))).await;
    });
}
