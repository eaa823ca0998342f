//! A stack of contexts and clean-ups.

use std::future::{pending, poll_fn};
use std::task::Poll;
use std::time::Duration;

use tidegate_test::{Cut, cut_everywhere};
use tidegate_timeout::{
    CancelReason, Exit, ExitErrors, ExitStack, Lent, cancel_scope, exit_stack, exit_stack_all,
    timeout,
};

use crate::door::{BoxError, Door, How, Log, Stuck, unreported};
use crate::support::{breathe, ms, on_both, panic_of, paused, until};

const HOUR: Duration = Duration::from_secs(3600);

async fn forever<T>() -> Result<T, BoxError> {
    pending().await
}

/// The lines from when the body began, without what the exits were told.
fn end(log: &Log) -> Vec<String> {
    let lines = log.lines().into_iter().skip_while(|line| line != "inside").skip(1);
    lines.map(|line| line.split(':').next().unwrap().to_owned()).collect()
}

/// Puts something of each kind on the stack.
async fn fill(stack: &mut ExitStack, log: &Log) -> Result<(), BoxError> {
    stack.enter(log.door("a")).await?;
    let defer = log.clone();
    stack.defer(|| async move {
        breathe().await;
        defer.add("deferred");
    });
    drop(stack.enter_owned(log.door("b")).await?);
    let push = log.clone();
    stack.push(|why| async move {
        breathe().await;
        push.add(format!("pushed: {why:?}"));
        Ok::<_, Stuck>(())
    });
    log.add("inside");
    Ok(())
}

const ALL: [&str; 6] = ["pushed", "b shuts", "b is shut", "deferred", "a shuts", "a is shut"];

#[test]
fn everything_is_left_in_reverse_order_however_the_body_ends() {
    on_both(|| async {
        for how in 0..5 {
            let log = Log::default();
            let work = cancel_scope(async |scope| {
                exit_stack(async |stack| {
                    fill(stack, &log).await?;
                    match how {
                        0 => Ok(5),
                        1 => Err("no".into()),
                        2 => panic!("no"),
                        3 => {
                            scope.cancel("enough");
                            forever().await
                        }
                        _ => forever().await,
                    }
                })
                .await
            });
            match how {
                0 => assert_eq!(work.await.unwrap().unwrap(), 5),
                1 => assert_eq!(work.await.unwrap().unwrap_err().to_string(), "no"),
                2 => assert_eq!(panic_of(work).await, "no"),
                3 => assert!(work.await.is_err()),
                _ => {
                    let outer = timeout(HOUR, async {
                        let mut work = Box::pin(work);
                        poll_fn(|cx| {
                            assert!(work.as_mut().poll(cx).is_pending());
                            if log.has("inside") { Poll::Ready(()) } else { Poll::Pending }
                        })
                        .await;
                    });
                    outer.await.unwrap();
                }
            }
            assert_eq!(end(&log), ALL, "{how}");
            let reason = CancelReason::from("enough");
            let told = [
                "pushed: Ok".to_owned(),
                "pushed: Err(\"no\")".to_owned(),
                "pushed: Panic(\"no\")".to_owned(),
                format!("pushed: Cancelled({reason:?})"),
                "pushed: Dropped".to_owned(),
            ];
            assert!(log.has(&told[how]), "{:?}", log.lines());
        }
    });
}

#[test]
fn what_does_not_open_is_an_error_and_the_rest_is_left() {
    on_both(|| async {
        let log = Log::default();
        let outcome = exit_stack(async |stack| {
            fill(stack, &log).await?;
            stack.enter(log.door("c").enter(How::Fails)).await?;
            Ok::<_, BoxError>(())
        });
        assert!(outcome.await.unwrap_err().is::<Stuck>());
        assert_eq!(end(&log)[1..], ALL);
    });
}

#[test]
fn a_guard_is_lent_to_the_body_and_several_owned_ones_at_once() {
    paused(async {
        let log = Log::default();
        let outcome = exit_stack(async |stack| {
            let open = stack.enter(log.door("a")).await?;
            assert_eq!(open.name, "a");
            open.name = "z";
            let mut owned: Vec<Lent<Door>> = Vec::new();
            for name in ["b", "c"] {
                owned.push(stack.enter_owned(log.door(name)).await?);
            }
            owned[0].name = "y";
            assert!(format!("{:?} {stack:?}", owned[1]).contains("ExitStack { len: 3 }"));
            log.add("inside");
            Ok::<_, Stuck>(owned.iter().map(|open| open.name).collect::<String>())
        });
        assert_eq!(outcome.await.unwrap(), "yc");
        let shut = ["c shuts", "c is shut", "y shuts", "y is shut", "z shuts", "z is shut"];
        assert_eq!(end(&log), shut);
    });
}

#[test]
fn an_owned_guard_that_outlives_the_stack_is_left_when_it_is_dropped() {
    on_both(|| async {
        let log = Log::default();
        let outer = timeout(HOUR, async {
            let escaped = exit_stack(async |stack| {
                let escapes = stack.enter_owned(log.door("b")).await?;
                stack.enter(log.door("a")).await?;
                log.add("inside");
                Ok::<_, Stuck>(escapes)
            });
            let escaped = escaped.await.unwrap();
            assert_eq!(end(&log), ["a shuts", "a is shut"]);
            assert_eq!(escaped.name, "b");
            drop(escaped);
        });
        outer.await.unwrap();
        assert_eq!(end(&log)[2..], ["b shuts", "b is shut"]);
        assert!(log.has("b shuts: Ok"));
    });
}

#[test]
fn an_exit_that_panics_does_not_keep_the_others_from_running() {
    on_both(|| async {
        for how in [How::Panics, How::PanicsAtOnce, How::DropPanics] {
            let log = Log::default();
            let work = exit_stack(async |stack| {
                fill(stack, &log).await?;
                stack.enter(log.door("c").exit(how)).await?;
                stack.defer(|| async { panic!("the first") });
                Ok::<_, BoxError>(())
            });
            assert_eq!(panic_of(work).await, "the first");
            assert_eq!(end(&log)[end(&log).len() - ALL.len()..], ALL);
            assert!(log.has("c shuts: Panic(\"the first\")"));
        }
        let log = Log::default();
        let work = exit_stack(async |stack| {
            fill(stack, &log).await?;
            stack.defer(|| async { panic!("the second") });
            assert!(log.lines().is_empty(), "the first");
            Ok::<_, BoxError>(())
        });
        assert_eq!(panic_of(work).await, "the first");
        assert_eq!(end(&log), ALL);
    });
}

#[test]
fn no_error_is_lost() {
    async fn three(
        body: Result<(), BoxError>,
        stack: &mut ExitStack,
        log: &Log,
    ) -> Result<(), BoxError> {
        stack.enter(log.door("a")).await?;
        stack.enter(log.door("b").exit(How::Fails)).await?;
        stack.push(|_| async { Err(Stuck("pushed")) });
        body
    }
    on_both(|| async {
        let log = Log::default();
        let error = exit_stack(async |stack| three(Err("no".into()), stack, &log).await).await;
        let error = error.unwrap_err().downcast::<ExitErrors<BoxError>>().unwrap();
        assert_eq!(error.to_string(), "no; its exit failed: pushed is stuck; b is stuck");
        assert!(log.has("b shuts: Err(\"no\")") && log.has("a shuts: Err(\"no\")"));

        let log = Log::default();
        let errors = exit_stack_all(async |stack| three(Ok(()), stack, &log).await).await;
        let errors = errors.unwrap_err();
        assert!(errors.body.is_none() && errors.exits.len() == 2);
        assert!(log.has("b shuts: Err(\"an exit failed\")"));
    });
    paused(async {
        let log = Log::default();
        let stuck = |name| log.door(name).exit(How::Fails);
        // The only error type that it may return is the context's own.
        let first = exit_stack(async |stack| {
            stack.enter(stuck("stack first")).await?;
            stack.enter(stuck("stack second")).await?;
            Ok::<_, Stuck>(())
        });
        assert_eq!(first.await, Err(Stuck("stack second")));
        let counts = ["stack first", "stack second"].map(unreported);
        assert_eq!(counts, [1, 0]);

        let body = exit_stack(async |stack| {
            stack.enter(stuck("stack body")).await?;
            Err::<(), _>(Stuck("body"))
        });
        assert_eq!(body.await, Err(Stuck("body")));
        let late = exit_stack(async |stack| {
            stack.enter(stuck("stack late")).await?;
            forever::<()>().await
        });
        assert!(timeout(ms(10), late).await.is_err());
        let raw = exit_stack(async |stack| {
            stack.enter(stuck("stack raw")).await?;
            forever::<()>().await
        });
        assert!(tokio::time::timeout(ms(10), raw).await.is_err());
        until(|| unreported("stack raw") == 1).await;
        assert_eq!((unreported("stack body"), unreported("stack late")), (1, 1));

        let text = exit_stack(async |stack| {
            stack.enter(stuck("a")).await?;
            stack.enter(stuck("b")).await?;
            Ok::<_, String>(())
        });
        assert_eq!(text.await.unwrap_err(), "b is stuck; a is stuck");
        let alone = exit_stack(async |stack| {
            stack.enter(stuck("a")).await?;
            Ok::<_, String>(())
        });
        assert_eq!(alone.await.unwrap_err(), "a is stuck");
        let local = exit_stack(async |stack| {
            stack.enter(stuck("a")).await?;
            Ok::<_, Box<dyn std::error::Error>>(())
        });
        assert!(local.await.unwrap_err().is::<Stuck>());
        let mute = exit_stack(async |stack| {
            let _ = stack.enter(stuck("a")).await;
            Ok::<_, &'static str>(())
        });
        assert_eq!(panic_of(mute).await, "an exit failed: a is stuck");
    });
}

#[test]
fn nothing_stays_open_wherever_it_is_cut() {
    let runs = cut_everywhere(|cut: &Cut| {
        paused(async {
            let log = Log::default();
            let work = exit_stack(async |stack| {
                fill(stack, &log).await?;
                breathe().await;
                Ok::<_, BoxError>(())
            });
            let _ = cut.short(work).await;
            let count = |what: &str| log.lines().iter().filter(|line| line.ends_with(what)).count();
            until(|| count("is open") == count("is shut")).await;
            if log.has("inside") {
                assert_eq!(end(&log), ALL);
            }
        });
    });
    assert!(runs > 30, "{runs}");
}

#[test]
fn where_no_exit_can_run_the_guards_are_dropped_in_reverse_order() {
    let log = Log::default();
    let runtime = crate::support::paused_runtime();
    runtime.block_on(async {
        let inside = log.clone();
        tokio::spawn(async move {
            exit_stack(async |stack| {
                for name in ["a", "b", "c"] {
                    stack.enter(inside.door(name)).await?;
                }
                inside.add("inside");
                forever::<()>().await
            })
            .await
        });
        until(|| log.has("inside")).await;
    });
    drop(runtime);
    assert_eq!(end(&log), ["c is dropped", "b is dropped", "a is dropped"]);
}

#[test]
fn a_stack_can_be_used_in_tasks() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    paused(async {
        let log = Log::default();
        let inside = log.clone();
        let task = tokio::spawn(is_send(async move {
            exit_stack(async |stack| {
                fill(stack, &inside).await?;
                let open = stack.enter(inside.door("c")).await?;
                breathe().await;
                let name = open.name;
                let owned = stack.enter_owned(inside.door("d")).await?;
                breathe().await;
                Ok::<_, BoxError>((name, owned.name))
            })
            .await
        }));
        assert_eq!(task.await.unwrap().unwrap(), ("c", "d"));
        assert_eq!(
            exit_stack(async |stack| {
                stack.push(|why| async move {
                    assert_eq!(why, Exit::Ok);
                    Ok::<_, String>(())
                });
                Ok::<_, String>(5)
            })
            .await,
            Ok(5)
        );
    });
}
