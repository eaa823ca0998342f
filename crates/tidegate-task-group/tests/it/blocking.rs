//! Children that block a thread.
//!
//! A closure that has to wait does so for a gate of the test's, so nothing depends on how long anything takes.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use tidegate_task_group::{JobCx, OnPanic, Panicked, Policy, Task, TaskError, TaskGroup};
use tidegate_timeout::scope::Scope;
use tidegate_timeout::{
    CancelReason, ContextVar, Deadline, cancel_scope, checkpoint, current_scope, timeout,
};
use tokio::sync::{Mutex, oneshot};
use tokio::time::{Instant, advance, sleep};

use crate::support::*;

/// What a closure waits for, until it is opened or dropped.
struct Gate(Sender<()>);

/// Also says that somebody waits.
struct Closed(Receiver<()>, Option<oneshot::Sender<()>>);

impl Gate {
    fn new() -> (Self, Closed, oneshot::Receiver<()>) {
        let ((sender, receiver), (started, has_started)) = (channel(), oneshot::channel());
        (Self(sender), Closed(receiver, Some(started)), has_started)
    }

    fn open(self) {
        drop(self.0);
    }
}

impl Closed {
    fn started(&mut self) {
        let _ = self.1.take().map(|started| started.send(()));
    }

    fn wait(mut self) {
        self.started();
        self.0.recv().expect_err("nothing is ever sent");
    }
}

/// Blocks its thread until the job is cancelled.
fn wait_for_cancellation(cx: &JobCx) {
    while !cx.is_cancelled() {
        thread::yield_now();
    }
}

#[test]
fn a_blocking_child_runs_on_a_thread_and_is_a_child_like_any_other() {
    on_both(|| async {
        let here = thread::current().id();
        let outcome = Group::scope(async |group| {
            let one = group.spawn_blocking(move |_| Ok((thread::current().id() != here, 1)));
            let two = group.task("two").spawn_blocking(|_| Ok(vec![2]));
            assert_eq!((one.id(), two.id(), two.name()), (0, 1, Some("two")));
            let sum = async { Ok::<_, TaskError>((one.await?, two.await?)) }.await?;
            let failed = group.task("three").spawn_blocking(|_| Err::<(), _>("no".into()));
            assert_eq!(failed.await, Err(TaskError::Failed));
            assert_eq!(sum, ((true, 1), vec![2]));
            let now = group.statistics();
            assert_eq!((now.spawned, now.live, now.succeeded, now.failed), (3, 0, 2, 1));
            forever::<()>().await
        });
        let errors = outcome.await.unwrap_err();
        assert_eq!(messages(&errors), ["no"]);
        let origin = errors.details().next().unwrap().origin.clone();
        assert_eq!((origin.name(), origin.id()), (Some("three"), Some(2)));
        assert!(origin.location().unwrap().file().ends_with("blocking.rs"));
    });
}

#[test]
fn a_group_waits_for_a_blocking_child() {
    on_both(|| async {
        let done = Counter::default();
        let inside = done.clone();
        let outcome = Group::scope(async move |group| {
            drop(group.spawn_blocking(move |_| {
                thread::yield_now();
                inside.add();
                Ok(())
            }));
            Ok("body")
        });
        assert_eq!(outcome.await.unwrap(), "body");
        assert_eq!(done.get(), 1);
    });
}

#[test]
fn a_closure_sees_the_scope_of_its_group() {
    on_both(|| async {
        let deadline = Deadline::after(HOUR);
        let group = Group::builder().deadline(deadline);
        let seen = group.scope(async |group| {
            let see = |cx: &JobCx| {
                let calm = !cx.is_cancelled() && cx.checkpoint().is_ok() && checkpoint().is_ok();
                let inside = cx.block_on(async { Deadline::ambient() });
                Ok((calm, cx.deadline(), Deadline::ambient(), inside, current_scope().is_some()))
            };
            Ok(group.spawn_blocking(see).await?)
        });
        assert_eq!(seen.await.unwrap(), (true, deadline, deadline, deadline, true));
    });
}

#[test]
fn the_failure_of_another_child_is_told_and_waited_for_and_alone_reported() {
    on_both(|| async {
        let seen = Counter::default();
        let inside = seen.clone();
        let outcome = Group::scope(async move |group| {
            let (started, has_started) = oneshot::channel();
            drop(group.spawn_blocking::<(), _>(move |cx| {
                started.send(()).unwrap();
                wait_for_cancellation(cx);
                let why = cx.checkpoint().unwrap_err().reason();
                assert_eq!(why, CancelReason::SiblingFailed);
                inside.add();
                cx.checkpoint()?;
                unreachable!("it was cancelled")
            }));
            has_started.await?;
            drop(group.spawn(fails::<()>("no paper")));
            forever::<()>().await
        });
        assert_eq!(messages(&outcome.await.unwrap_err()), ["no paper"]);
        assert_eq!(seen.get(), 1);
    });
}

#[test]
fn a_child_that_gives_a_value_although_it_was_cancelled_does_not_lose_it() {
    on_both(|| async {
        let outcome = Group::scope(async |group| {
            let (started, has_started) = oneshot::channel();
            let task = group.spawn_blocking(move |cx| {
                started.send(()).unwrap();
                wait_for_cancellation(cx);
                Ok(5)
            });
            has_started.await?;
            task.abort();
            assert_eq!(task.await, Ok(5));
            Ok(())
        });
        outcome.await.unwrap();
    });
}

#[test]
fn an_abort_tells_a_running_closure_and_is_no_failure() {
    on_both(|| async {
        let outcome = Group::scope(async |group| {
            let (started, has_started) = oneshot::channel();
            let alive = Alive::default();
            let token = alive.clone();
            let task: Task<()> = group.spawn_blocking(move |cx| {
                let _token = token;
                started.send(()).unwrap();
                wait_for_cancellation(cx);
                cx.checkpoint()?;
                unreachable!("it was cancelled")
            });
            has_started.await?;
            task.abort();
            assert!(matches!(task.await, Err(TaskError::Cancelled(_))));
            assert_eq!(alive.count(), 0);
            let now = group.statistics();
            assert_eq!((now.failed, now.cancelled), (0, 1));
            Ok("the body goes on")
        });
        assert_eq!(outcome.await.unwrap(), "the body goes on");
    });
}

#[test]
fn block_on_in_a_cancelled_child_ends_it_without_a_panic() {
    on_both(|| async {
        for on_panic in [OnPanic::Propagate, OnPanic::Capture] {
            let builder = Group::builder().on_panic(on_panic);
            let outcome = builder.scope(async |group| {
                let (started, has_started) = oneshot::channel();
                let task: Task<()> = group.spawn_blocking(move |cx| {
                    started.send(()).unwrap();
                    cx.block_on(std::future::pending())
                });
                has_started.await?;
                task.abort();
                assert!(matches!(task.await, Err(TaskError::Cancelled(_))));
                assert_eq!(group.statistics().panicked, 0);
                Ok(())
            });
            outcome.await.unwrap();
        }
    });
}

#[test]
fn a_closure_that_cancels_itself_ends_cancelled() {
    on_both(|| async {
        let outcome = Group::scope(async |group| {
            let task: Task<()> = group.spawn_blocking(|cx| {
                current_scope().unwrap().cancel("myself");
                cx.block_on(std::future::pending())
            });
            assert_eq!(task.await, Err(TaskError::Cancelled("myself".into())));
            Ok(())
        });
        outcome.await.unwrap();
    });
}

#[test]
fn a_panic_goes_on_in_the_caller_with_what_it_carried() {
    #[derive(Debug, PartialEq)]
    struct Payload(u8);
    on_both(|| async {
        let (gate, closed, has_started) = Gate::new();
        let (sibling_runs, sibling_is_running) = oneshot::channel();
        let ended = Arc::new(AtomicBool::new(false));
        let has_ended = Arc::clone(&ended);
        let work = tokio::spawn(Group::scope(async move |group| {
            drop(group.spawn_blocking::<(), _>(move |_| {
                closed.wait();
                resume_unwind(Box::new(Payload(7)))
            }));
            drop(group.spawn_blocking(move |cx| {
                sibling_runs.send(()).unwrap();
                wait_for_cancellation(cx);
                ended.store(true, Ordering::SeqCst);
                Ok(())
            }));
            forever::<()>().await
        }));
        has_started.await.unwrap();
        // A closure that no thread has begun when the panic comes is dropped instead.
        sibling_is_running.await.unwrap();
        gate.open();
        let panic = work.await.unwrap_err().into_panic();
        assert_eq!(panic.downcast_ref(), Some(&Payload(7)));
        assert!(has_ended.load(Ordering::SeqCst), "everybody else has ended");
    });
}

#[test]
fn a_captured_panic_has_its_message_and_its_place() {
    on_both(|| async {
        let group = Group::builder().on_panic(OnPanic::Capture).policy(Policy::CollectAll);
        let outcome = group.scope(async |group| {
            let task: Task<()> =
                group.task("baker").spawn_blocking(|_| panic!("out of {}", "flour"));
            assert_eq!(task.await, Err(TaskError::Panicked("out of flour".into())));
            Ok(())
        });
        let errors = outcome.await.unwrap_err();
        assert!(errors.contains::<Panicked>());
        let drawing = format!("{errors:?}");
        assert!(drawing.contains("[baker] panicked: out of flour"), "{drawing}");
        assert!(drawing.contains("blocking.rs:"), "{drawing}");
    });
}

#[test]
fn a_limit_is_kept_before_a_thread_is_taken() {
    on_both(|| async {
        let (running, peak, done) = (Counter::default(), Counter::default(), Counter::default());
        let group = Group::builder().limit(2);
        let (counts, most, all) = (running.clone(), peak.clone(), done.clone());
        let outcome = group.scope(async move |group| {
            for _ in 0..1_000 {
                let (running, peak, done) = (counts.clone(), most.clone(), all.clone());
                drop(group.spawn_blocking(move |_| {
                    peak.max(running.add());
                    thread::yield_now();
                    running.sub();
                    done.add();
                    Ok(())
                }));
            }
            Ok(())
        });
        outcome.await.unwrap();
        assert_eq!(done.get(), 1_000);
        assert!((1..=2).contains(&peak.get()), "{}", peak.get());
    });
}

#[test]
fn a_closure_that_waits_for_its_turn_is_dropped_when_the_group_is_cancelled() {
    on_both(|| async {
        let (gate, closed, has_started) = Gate::new();
        let (alive, ran) = (Alive::default(), Counter::default());
        let outcome = Group::builder().limit(1).scope(async |group| {
            drop(group.spawn_blocking(move |_| {
                closed.wait();
                Ok(())
            }));
            has_started.await?;
            let queued = || {
                let (token, ran) = (alive.clone(), ran.clone());
                group.spawn_blocking(move |_| {
                    drop(token);
                    ran.add();
                    Ok(())
                })
            };
            let (one, two) = (queued(), queued());
            breathe().await;
            one.abort();
            assert!(matches!(one.await, Err(TaskError::Cancelled(_))));
            assert_eq!(alive.count(), 1);
            group.cancel("enough");
            assert!(matches!(two.await, Err(TaskError::Cancelled(_))));
            assert_eq!(alive.count(), 0, "while the first one runs");
            gate.open();
            Ok(())
        });
        outcome.await.unwrap_or_default();
        assert_eq!(ran.get(), 0);
    });
}

/// How many threads `to_thread` has at most. One test at a time may take them all.
static ALL_THREADS: Mutex<()> = Mutex::const_new(());

fn threads() -> usize {
    (4 * thread::available_parallelism().map_or(1, usize::from)).clamp(8, 64)
}

/// Takes all threads, in `group`, until the gates are dropped.
async fn occupy(group: &Group) -> Vec<Gate> {
    let (gates, starts): (Vec<_>, Vec<_>) = (0..threads())
        .map(|_| {
            let (gate, closed, has_started) = Gate::new();
            drop(group.spawn_blocking(move |_| {
                closed.wait();
                Ok(())
            }));
            (gate, has_started)
        })
        .unzip();
    for has_started in starts {
        has_started.await.expect("it starts");
    }
    gates
}

#[test]
fn a_closure_that_waits_for_a_thread_is_dropped_without_a_run() {
    on_both(|| async {
        let _all_threads = ALL_THREADS.lock().await;
        let (alive, ran) = (Alive::default(), Counter::default());
        let outcome = Group::scope(async |group| {
            let gates = occupy(&group).await;
            let queued = |group: &Group| {
                let (token, ran) = (alive.clone(), ran.clone());
                group.spawn_blocking(move |_| {
                    drop(token);
                    ran.add();
                    Ok(())
                })
            };
            let aborted = queued(&group);
            breathe().await;
            aborted.abort();
            assert!(matches!(aborted.await, Err(TaskError::Cancelled(_))));
            assert_eq!(alive.count(), 0);

            // Cancelled, it is gone before `cancel` returns.
            let inner = Group::scope(async |inner| {
                drop(queued(&inner));
                drop(queued(&inner));
                for _ in 0..10 {
                    breathe().await;
                }
                inner.cancel("enough");
                Ok(())
            });
            let _ = inner.await;
            assert_eq!(alive.count(), 0, "the group does not wait for a thread");
            drop(gates);
            Ok(())
        });
        outcome.await.unwrap();
        assert_eq!(ran.get(), 0);
    });
}

#[test]
fn children_that_wait_for_threads_all_get_one() {
    on_both(|| async {
        let _all_threads = ALL_THREADS.lock().await;
        let outcome = Group::scope(async |group| {
            let gates = occupy(&group).await;
            let tasks: Vec<_> = (0..200).map(|n| group.spawn_blocking(move |_| Ok(n))).collect();
            breathe().await;
            drop(gates);
            let mut sum = 0;
            for task in tasks {
                sum += task.await?;
            }
            Ok(sum)
        });
        assert_eq!(outcome.await.unwrap(), 199 * 200 / 2);
    });
}

#[test]
fn a_paused_clock_stands_still_while_a_blocking_child_runs() {
    paused(async {
        let start = Instant::now();
        for _ in 0..20 {
            let group = Group::builder().deadline(Deadline::after(SECOND));
            let outcome = timeout(
                SECOND,
                group.scope(async |group| {
                    let task = group.spawn_blocking(|_| {
                        thread::spawn(|| (0..100).for_each(|_| thread::yield_now()))
                            .join()
                            .unwrap();
                        Ok(7)
                    });
                    Ok(task.await?)
                }),
            );
            assert_eq!(outcome.await.unwrap().unwrap(), 7);
        }
        assert!(start.elapsed().is_zero());
        // And goes on afterwards, and while a closure waits for it.
        let outcome = Group::scope(async |group| {
            drop(group.spawn_blocking(|cx| {
                cx.block_on(sleep(HOUR));
                Ok(())
            }));
            sleep(SECOND).await;
            Ok(())
        });
        outcome.await.unwrap();
        assert_eq!(start.elapsed(), HOUR);
    });
}

#[test]
fn a_deadline_cancels_a_blocking_child_and_waits_for_it() {
    paused(async {
        let (gate, closed, has_started) = Gate::new();
        let told = Counter::default();
        let inside = told.clone();
        let group = Group::builder().deadline(Deadline::after(SECOND));
        let work = tokio::spawn(group.scope(async move |group| {
            drop(group.spawn_blocking(move |cx| {
                closed.wait();
                inside.max(usize::from(cx.is_cancelled()));
                Ok(())
            }));
            Ok(())
        }));
        has_started.await.unwrap();
        advance(HOUR).await;
        breathe().await;
        assert!(!work.is_finished());
        gate.open();
        // The child had a value, and so had the body: nothing was cut off.
        work.await.unwrap().unwrap();
        assert_eq!(told.get(), 1);
    });
}

#[test]
fn a_grace_bounds_the_wait_of_the_group_and_the_scope_around_takes_over() {
    paused(async {
        let (gate, closed, has_started) = Gate::new();
        let alive = Alive::default();
        let token = alive.clone();
        let left = Arc::new(AtomicBool::new(false));
        let has_left = Arc::clone(&left);
        let around = tokio::spawn(timeout(10 * HOUR, async move {
            let outcome = Group::builder().grace(SECOND).scope(async move |group| {
                let task = group.spawn_blocking(move |_| {
                    let _token = token;
                    closed.wait();
                    Ok(())
                });
                has_started.await?;
                group.cancel("enough");
                let _ = task.await;
                Ok(())
            });
            let _ = outcome.await;
            has_left.store(true, Ordering::SeqCst);
        }));
        for _ in 0..10 {
            breathe().await;
            advance(SECOND / 2).await;
            // The closure may take its time to start.
            while !left.load(Ordering::SeqCst) && alive.count() == 0 {
                breathe().await;
            }
        }
        while !left.load(Ordering::SeqCst) {
            advance(SECOND).await;
            breathe().await;
        }
        for _ in 0..10 {
            breathe().await;
        }
        assert_eq!((alive.count(), around.is_finished()), (1, false), "the scope around waits");
        gate.open();
        assert_eq!(around.await.unwrap(), Ok(()));
        assert_eq!(alive.count(), 0);
    });
}

#[test]
fn a_group_that_is_dropped_tells_its_blocking_children_and_the_scope_around_waits() {
    on_both(|| async {
        let alive = Alive::default();
        let token = alive.clone();
        let outcome = cancel_scope(async move |_| {
            let (started, has_started) = oneshot::channel();
            let group = Group::scope(async move |group| {
                drop(group.spawn_blocking(move |cx| {
                    let _token = token;
                    started.send(()).unwrap();
                    wait_for_cancellation(cx);
                    Ok(())
                }));
                forever::<()>().await
            });
            tokio::select! {
                biased;
                _ = group => unreachable!(),
                it = has_started => it.unwrap(),
            }
        });
        assert!(outcome.await.is_ok());
        assert_eq!(alive.count(), 0);
    });
}

#[test]
fn a_runtime_that_goes_away_tells_its_blocking_children_and_does_not_wait() {
    for workers in [None, Some(2)] {
        let runtime = match workers {
            None => tokio::runtime::Builder::new_current_thread().enable_time().build(),
            Some(n) => {
                tokio::runtime::Builder::new_multi_thread().worker_threads(n).enable_time().build()
            }
        };
        let runtime = runtime.unwrap();
        let (gate, mut closed, has_started) = Gate::new();
        let (told, is_told) = channel();
        let alive = Alive::default();
        let token = alive.clone();
        runtime.spawn(Group::builder().limit(1).scope(async move |group| {
            drop(group.spawn_blocking(move |cx| {
                closed.started();
                wait_for_cancellation(cx);
                told.send(()).unwrap();
                closed.wait();
                Ok(())
            }));
            drop(group.spawn_blocking(move |_| {
                drop(token);
                unreachable!("it never has its turn")
            }) as Task<()>);
            forever::<()>().await
        }));
        runtime.block_on(has_started).unwrap();
        // The closure runs on meanwhile.
        drop(runtime);
        is_told.recv().unwrap();
        assert_eq!(alive.count(), 0);
        gate.open();
    }
}

#[test]
fn a_blocking_child_may_spawn_children_and_wait_for_them() {
    on_both(|| async {
        let outcome = Group::scope(async |group| {
            let inside = group.clone();
            let task = group.spawn_blocking(move |cx| {
                let child = inside.spawn(async {
                    breathe().await;
                    Ok(20)
                });
                let thread = inside.spawn_blocking(|_| Ok(22));
                Ok(cx.block_on(child)? + cx.block_on(thread)?)
            });
            Ok(task.await?)
        });
        assert_eq!(outcome.await.unwrap(), 42);
    });
}

#[test]
fn a_group_inside_of_a_blocking_child_ends_with_it() {
    on_both(|| async {
        let alive = Alive::default();
        let token = alive.clone();
        let outcome = Group::scope(async move |group| {
            let (started, has_started) = oneshot::channel();
            let task: Task<()> = group.spawn_blocking(move |cx| {
                let inner = Group::scope(async move |inner| {
                    drop(inner.spawn(with_cleanup(async move {
                        breathe().await;
                        drop(token);
                    })));
                    breathe().await;
                    started.send(()).unwrap();
                    forever::<()>().await
                });
                Ok(cx.block_on(inner)?)
            });
            has_started.await?;
            task.abort();
            assert!(matches!(task.await, Err(TaskError::Cancelled(_))));
            assert_eq!(alive.count(), 0);
            Ok(())
        });
        outcome.await.unwrap();
    });
}

#[test]
fn a_closure_has_what_every_child_inherits() {
    static USER: ContextVar<&str> = ContextVar::new("user");
    on_both(|| async {
        let outcome = Group::builder().limit(1).scope(async |group| {
            let (one, two) = USER.sync_scope("ada", || {
                let see = |cx: &JobCx| Ok((USER.get(), cx.block_on(async { USER.get() })));
                (group.spawn_blocking(see), group.spawn_blocking(see))
            });
            let other = group.spawn_blocking(|_| Ok(USER.get()));
            Ok((one.await?, two.await?, other.await?))
        });
        let ada = (Some("ada"), Some("ada"));
        assert_eq!(outcome.await.unwrap(), (ada, ada, None));
    });
}

#[test]
fn first_success_and_supervise_go_for_blocking_children_too() {
    on_both(|| async {
        let first = Group::builder().policy(Policy::FirstSuccess);
        let outcome = first.scope(async |group| {
            let slow: Task<()> = group.spawn_blocking(|cx| {
                wait_for_cancellation(cx);
                Err(cx.checkpoint().unwrap_err().into())
            });
            let quick = group.spawn_blocking(|_| Ok(1));
            let (slow, quick) = (slow.await, quick.await);
            Ok((slow.is_err(), quick?))
        });
        assert_eq!(outcome.await.unwrap(), (true, 1));

        let supervised = Group::builder().policy(Policy::Supervise);
        let outcome = supervised.scope(async |group| {
            let bad: Task<()> = group.spawn_blocking(|_| Err("no".into()));
            assert_eq!(bad.await, Err(TaskError::Failed));
            Ok(group.spawn_blocking(|_| Ok(1)).await?)
        });
        assert_eq!(outcome.await.unwrap(), 1);
    });
}

#[test]
fn a_closed_group_drops_the_closure() {
    paused(async {
        let alive = Alive::default();
        let kept = std::cell::RefCell::new(None);
        let outcome = Group::scope(async |group| {
            *kept.borrow_mut() = Some(group.clone());
            Ok(())
        });
        outcome.await.unwrap();
        let group = kept.take().unwrap();
        let token = alive.clone();
        let task = group.spawn_blocking(move |_| {
            drop(token);
            Ok(())
        });
        assert_eq!(alive.count(), 0);
        assert!(matches!(task.await, Err(TaskError::Cancelled(_))));
    });
}

#[test]
fn what_a_closure_took_may_panic_when_it_is_dropped() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }
    on_both(|| async {
        let (gate, closed, has_started) = Gate::new();
        let outcome = Group::builder().limit(1).on_panic(OnPanic::Capture).scope(async |group| {
            drop(group.spawn_blocking(move |_| {
                closed.wait();
                Ok(())
            }));
            has_started.await?;
            let bomb = Bomb;
            let task = group.spawn_blocking(move |_| {
                std::mem::forget(bomb);
                Ok(())
            });
            breathe().await;
            task.abort();
            gate.open();
            assert!(task.await.is_err());
            Ok(())
        });
        let _ = outcome.await;
    });
}

#[test]
fn an_error_of_any_type_comes_back() {
    #[derive(Debug, PartialEq, thiserror::Error)]
    #[error("number {0}")]
    struct Numbered(u8);
    on_both(|| async {
        let outcome = TaskGroup::<Numbered>::scope(async |group| {
            drop(group.spawn_blocking(|_| Err::<(), _>(Numbered(3))));
            std::future::pending::<Result<(), _>>().await
        });
        assert_eq!(outcome.await.unwrap_err().into_first(), Numbered(3));
    });
}

#[test]
fn an_interruption_that_is_caught_is_told_apart() {
    on_both(|| async {
        let outcome = Group::scope(async |group| {
            let (started, has_started) = oneshot::channel();
            let task = group.spawn_blocking(move |cx| {
                started.send(()).unwrap();
                let wait = || cx.block_on(std::future::pending::<()>());
                let caught = catch_unwind(AssertUnwindSafe(wait)).unwrap_err();
                let other = catch_unwind(|| resume_unwind(Box::new("other"))).unwrap_err();
                Ok((JobCx::is_interruption(&*caught), JobCx::is_interruption(&*other)))
            });
            has_started.await?;
            task.abort();
            assert_eq!(task.await, Ok((true, false)));
            Ok(())
        });
        outcome.await.unwrap();
    });
}

#[test]
fn a_scope_that_only_carries_a_group_reports_for_its_blocking_child() {
    on_both(|| async {
        // Where nothing around drops the group, it reports the cancellation itself.
        let scope = Scope::new();
        let handle = scope.handle();
        let (started, has_started) = oneshot::channel();
        let group = scope.enter(|| {
            Group::scope(async move |group| {
                drop(group.spawn_blocking(move |cx| {
                    let _ = started.send(());
                    wait_for_cancellation(cx);
                    Ok(())
                }));
                forever::<()>().await
            })
        });
        let work = tokio::spawn(scope.run(group));
        has_started.await.unwrap();
        handle.cancel(CancelReason::Shutdown);
        assert!(matches!(work.await.unwrap(), tidegate_timeout::scope::Ended::Cancelled(_)));
    });
}

#[test]
fn a_group_waits_for_what_an_aborted_child_left_when_its_grace_was_over() {
    on_both(|| async {
        let (gate, closed, has_started) = Gate::new();
        let alive = Alive::default();
        let token = alive.clone();
        let watch = alive.clone();
        let outcome = Group::builder().grace(Duration::ZERO).scope(async move |group| {
            let task: Task<()> = group.spawn_blocking(move |_| {
                let _token = token;
                closed.wait();
                (0..100).for_each(|_| thread::yield_now());
                Ok(())
            });
            has_started.await?;
            task.abort();
            assert!(matches!(task.await, Err(TaskError::Cancelled(_))));
            assert_eq!((watch.count(), group.len()), (2, 0), "the closure and this one");
            gate.open();
            Ok("body")
        });
        assert_eq!(outcome.await.unwrap(), "body");
        assert_eq!(alive.count(), 0);
    });
}

#[test]
fn a_cancelled_group_with_a_grace_does_not_wait_twice() {
    paused(async {
        let (gate, closed, has_started) = Gate::new();
        let group = Group::builder().grace(Duration::ZERO).deadline(Deadline::after(SECOND));
        let outcome = group.scope(async move |group| {
            let task: Task<()> = group.spawn_blocking(move |_| {
                closed.wait();
                Ok(())
            });
            has_started.await?;
            task.abort();
            assert!(matches!(task.await, Err(TaskError::Cancelled(_))));
            Ok("body")
        });
        // The job is nobody's any more, so the clock runs, and the deadline ends the wait.
        assert_eq!(outcome.await.unwrap(), "body");
        gate.open();
    });
}
