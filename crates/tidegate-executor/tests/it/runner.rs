//! A program's main future has a scope, an end in bounded time, and a code to exit with.

use std::future::pending;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use tidegate_executor::{
    Leftovers, Portal, RunError, Runner, RunnerBuilder, ThreadPool, WaitError,
    run_coroutine_threadsafe, watched,
};
use tidegate_timeout::{CancelReason, current_scope};

use crate::support::{Gate, current_thread, multi_thread, occupy, one_thread};

/// One of each kind, and runtimes that were there before.
fn runners() -> [RunnerBuilder; 4] {
    let builder = || Runner::builder().no_signals();
    [
        builder().current_thread(),
        builder().workers(2),
        builder().runtime(current_thread()),
        builder().runtime(multi_thread()),
    ]
}

fn same(one: ExitCode, other: ExitCode) -> bool {
    format!("{one:?}") == format!("{other:?}")
}

#[test]
fn a_value_comes_back_from_every_kind_of_runtime() {
    for builder in runners() {
        let borrowed = String::from("not static, and not sent");
        let value = builder.build().unwrap().try_run(async {
            tokio::task::yield_now().await;
            std::rc::Rc::new(borrowed.as_str())
        });
        assert_eq!(*value.unwrap(), "not static, and not sent");
    }
}

#[test]
fn the_code_is_that_of_the_value() {
    let run = |value: Result<ExitCode, &'static str>| {
        Runner::builder().no_signals().build().unwrap().run(async move { value })
    };
    assert!(same(run(Ok(ExitCode::from(7))), ExitCode::from(7)));
    assert!(same(run(Ok(ExitCode::SUCCESS)), ExitCode::SUCCESS));
    assert!(same(run(Err("printed")), ExitCode::FAILURE));
}

#[test]
fn who_is_cancelled_has_no_value_and_fails() {
    for builder in runners() {
        let ended = builder.build().unwrap().try_run(async {
            current_scope().expect("main has a scope").cancel("enough");
            pending::<()>().await;
        });
        let Err(RunError::Cancelled { reason, signal, .. }) = ended else { panic!("{ended:?}") };
        assert_eq!((reason, signal), (CancelReason::from("enough"), None));
    }
    let code = Runner::builder().no_signals().build().unwrap().run(async {
        current_scope().expect("main has a scope").cancel("enough");
        pending::<()>().await;
    });
    assert!(same(code, ExitCode::FAILURE));
}

#[test]
fn a_panic_goes_on_after_the_end() {
    for builder in runners() {
        let (sender, dropped) = channel::<()>();
        let runner = builder.build().unwrap();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            runner.try_run(async {
                tokio::spawn(async move {
                    let _sender = sender;
                    pending::<()>().await;
                });
                std::panic::resume_unwind(Box::new("a panic"));
            })
        }));
        assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"a panic"));
        assert!(dropped.recv().is_err(), "the task is gone with its runtime");
    }
}

#[test]
fn a_runner_inside_of_async_code_is_refused_and_nothing_breaks() {
    for builder in runners() {
        let refused = builder.build().unwrap().try_run(async {
            let inner = Runner::builder().no_signals().build().unwrap();
            let refused = inner.try_run(async { unreachable!("it would block the runtime") });
            drop(Runner::builder().build().unwrap());
            refused.map(|(): ()| ()).unwrap_err().to_string()
        });
        let refused = refused.unwrap();
        assert!(refused.contains("async code") && refused.contains(file!()), "{refused}");
    }
}

#[test]
fn a_runner_may_run_on_a_thread_that_may_block() {
    let value = Runner::builder().no_signals().build().unwrap().try_run(async {
        let inside = tokio::task::spawn_blocking(|| {
            Runner::builder().no_signals().build().unwrap().try_run(async { 5 }).unwrap()
        });
        inside.await.unwrap()
    });
    assert_eq!(value.unwrap(), 5);
}

#[test]
fn a_job_that_is_left_behind_is_waited_for() {
    for builder in runners() {
        let (sender, finished) = channel();
        let builder = builder.blocking_shutdown(Duration::from_secs(600));
        let runner = builder.on_leftovers(|left| panic!("{left}")).build().unwrap();
        let pool = ThreadPool::builder().build();
        let ran = runner.try_run(async {
            let (started, has_started) = tokio::sync::oneshot::channel();
            let job = pool.submit(move |cx| {
                let _ = started.send(());
                while !cx.is_cancelled() {
                    std::thread::yield_now();
                }
                sender.send("cleaned up").unwrap();
            });
            has_started.await.unwrap();
            drop(job.unwrap());
        });
        ran.unwrap();
        assert_eq!(finished.try_recv(), Ok("cleaned up"));
    }
}

#[test]
fn a_job_that_is_stuck_is_named_and_the_value_kept() {
    for builder in runners() {
        let (sender, reported) = channel::<Leftovers>();
        let builder = builder.blocking_shutdown(Duration::from_millis(50));
        let runner = builder.on_leftovers(move |left| sender.send(left.clone()).unwrap());
        let pool = one_thread();
        let gate = runner.build().unwrap().try_run(async {
            let (gate, job) = occupy(&pool);
            drop(job);
            gate
        });
        let left = reported.try_recv().expect("it is reported");
        let named = left.jobs.iter().any(|it| it.location.file().ends_with("support.rs"));
        assert!(named && !left.is_clean(), "{left}");
        gate.unwrap().open();
    }
}

#[test]
fn a_future_that_is_cancelled_is_not_waited_for_longer_than_the_end_may_take() {
    for builder in runners() {
        let (sender, reported) = channel::<Leftovers>();
        let builder = builder.blocking_shutdown(Duration::from_millis(20));
        let builder = builder.on_leftovers(move |left| sender.send(left.clone()).unwrap());
        let (pool, (gates, gate)) = (one_thread(), channel());
        let ended = builder.build().unwrap().try_run(async {
            let (gate, job) = occupy(&pool);
            gates.send(gate).unwrap();
            current_scope().expect("it has a scope").cancel("enough");
            job.await
        });
        assert!(matches!(ended, Err(RunError::Cancelled { .. })), "{ended:?}");
        assert!(!reported.try_recv().unwrap().jobs.is_empty());
        gate.recv().unwrap().open();
    }
}

#[test]
fn a_thread_of_the_runtime_that_is_stuck_is_reported() {
    let (sender, reported) = channel::<Leftovers>();
    let (open, closed) = channel::<()>();
    let runner = Runner::builder().no_signals().blocking_shutdown(Duration::from_millis(50));
    let runner = runner.on_leftovers(move |left| sender.send(left.clone()).unwrap());
    let ran = runner.build().unwrap().try_run(async {
        let (started, has_started) = tokio::sync::oneshot::channel();
        tokio::task::spawn_blocking(move || {
            let _ = started.send(());
            let _ = closed.recv();
        });
        has_started.await.unwrap();
    });
    ran.unwrap();
    assert!(reported.try_recv().expect("it is reported").threads);
    drop(open);
}

#[test]
fn a_main_that_blocks_is_reported_while_it_does() {
    for builder in runners() {
        let (sender, reports) = channel();
        let runner = builder.slow_poll(Duration::from_millis(20), move |stall| {
            if stall.location.file() == file!() && stall.name.as_deref() == Some("main") {
                let _ = sender.send(stall.over);
            }
        });
        let ran = runner.build().unwrap().try_run(async { reports.recv() });
        assert!(matches!(ran, Ok(Ok(false))));
    }
}

#[test]
fn there_is_an_end_that_takes_as_long_as_it_takes() {
    for builder in runners() {
        let builder = builder.blocking_shutdown(Duration::MAX);
        let runner = builder.on_leftovers(|left| panic!("{left}")).build().unwrap();
        let (sender, ended) = channel();
        let ran = runner.try_run(async {
            let (started, has_started) = tokio::sync::oneshot::channel();
            tokio::task::spawn_blocking(move || {
                let _ = started.send(());
                std::thread::sleep(Duration::from_millis(5));
                sender.send(()).unwrap();
            });
            has_started.await.unwrap();
        });
        ran.unwrap();
        assert_eq!(ended.try_recv(), Ok(()));
    }
}

#[test]
fn a_report_that_blocks_does_not_keep_the_runner_from_its_end() {
    for builder in runners() {
        let (gate, closed) = Gate::new();
        let (sender, reports) = channel();
        let runner = builder.slow_poll(Duration::from_millis(10), move |stall| {
            if stall.name.as_deref() == Some("main") && stall.location.file() == file!() {
                let _ = sender.send(());
                let _ = closed.recv();
            }
        });
        let runner = runner.blocking_shutdown(Duration::from_millis(20));
        let ran = runner.build().unwrap().try_run(async { reports.recv() });
        assert!(matches!(ran, Ok(Ok(()))));
        gate.open();
    }
}

#[test]
fn a_task_that_never_yields_is_named_at_the_end_and_left_behind() {
    let stop = Arc::new(AtomicBool::new(false));
    let (sender, reported) = channel::<Leftovers>();
    let runner = Runner::builder().no_signals().workers(1);
    let runner = runner.blocking_shutdown(Duration::from_millis(100));
    let runner = runner.on_leftovers(move |left| sender.send(left.clone()).unwrap());
    let (tell, told) = tokio::sync::mpsc::unbounded_channel();
    let mut told = told;
    let runner = runner.slow_poll(Duration::from_millis(10), move |stall| {
        if stall.name.as_deref() == Some("spins") {
            let _ = tell.send(());
        }
    });
    let spins = Arc::clone(&stop);
    let ran = runner.build().unwrap().try_run(async {
        tokio::spawn(watched("spins", async move {
            while !spins.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
        }));
        told.recv().await.unwrap();
        5
    });
    assert_eq!(ran.unwrap(), 5);
    let left = reported.try_recv().expect("it is reported");
    let named = left.polls.iter().any(|it| it.name.as_deref() == Some("spins") && !it.over);
    assert!(left.threads && named, "{left}");
    stop.store(true, Ordering::SeqCst);
}

#[test]
fn a_runner_runs_again_and_again_on_one_runtime() {
    for builder in runners() {
        let mut runner = builder.build().unwrap();
        let id = runner.handle().id();
        let (sender, ended) = channel();
        for round in 0..3 {
            let sender = sender.clone();
            let main = async {
                let here = tokio::runtime::Handle::current().id();
                // Goes on in a later round.
                tokio::spawn(async move {
                    tokio::task::yield_now().await;
                    sender.send(round).unwrap();
                });
                (here, round)
            };
            assert_eq!(runner.block_on(main).unwrap(), (id, round));
        }
        let waits = runner.block_on(async {
            tokio::task::spawn_blocking(move || (0..3).map(|_| ended.recv().unwrap()).sum::<i32>())
                .await
        });
        assert_eq!(waits.unwrap().unwrap(), 3);
        assert!(runner.close().is_clean());
    }
}

#[test]
fn each_future_of_a_runner_has_a_scope_of_its_own() {
    for builder in runners() {
        let mut runner = builder.build().unwrap();
        let cancelled = runner.block_on(async {
            current_scope().expect("it has a scope").cancel("enough");
            pending::<()>().await;
        });
        assert!(matches!(cancelled, Err(RunError::Cancelled { signal: None, .. })));
        assert_eq!(runner.block_on(async { 5 }).unwrap(), 5);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            runner.block_on(async { std::panic::resume_unwind(Box::new("a panic")) })
        }));
        assert_eq!(
            panicked.map(|it: Result<(), _>| it.is_ok()).unwrap_err().downcast_ref(),
            Some(&"a panic")
        );
        assert_eq!(runner.try_run(async { 6 }).unwrap(), 6, "it goes on");
    }
}

#[test]
fn what_was_stuck_in_an_earlier_future_is_named_at_the_end() {
    for builder in runners() {
        let (sender, reported) = channel::<Leftovers>();
        let builder = builder.blocking_shutdown(Duration::from_millis(20));
        let builder = builder.on_leftovers(move |left| sender.send(left.clone()).unwrap());
        let (mut runner, pool) = (builder.build().unwrap(), one_thread());
        let gate = runner.block_on(async {
            let (gate, job) = occupy(&pool);
            drop(job);
            gate
        });
        assert_eq!(runner.block_on(async { 5 }).unwrap(), 5);
        assert!(reported.try_recv().is_err(), "not before the end");
        let left = runner.close();
        assert_eq!(reported.try_recv().unwrap(), left);
        assert!(left.jobs.iter().any(|it| it.location.file().ends_with("support.rs")), "{left}");
        gate.unwrap().open();
    }
}

#[test]
fn the_watch_of_a_runner_sees_all_its_futures() {
    for builder in runners() {
        let (sender, reports) = channel();
        // It sees the futures of other runners, too.
        let place = line!() + 8;
        let builder = builder.slow_poll(Duration::from_millis(10), move |stall| {
            if (stall.location.file(), stall.location.line()) == (file!(), place) {
                let _ = sender.send((stall.name.clone(), stall.over));
            }
        });
        let mut runner = builder.build().unwrap();
        for _ in 0..2 {
            runner.block_on(async { while reports.recv().unwrap().1 {} }).unwrap();
            assert_eq!(reports.recv().unwrap(), (Some("main".into()), true));
        }
    }
}

#[test]
fn a_runtime_that_was_lent_is_given_back_as_it_is() {
    for runtime in [current_thread(), multi_thread()] {
        let id = runtime.handle().id();
        let mut runner = Runner::builder().no_signals().runtime(runtime).build().unwrap();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        runner.block_on(async { drop(tokio::spawn(async { sender.send(5) })) }).unwrap();
        let runtime = runner.into_runtime();
        assert_eq!(runtime.handle().id(), id);
        assert_eq!(runtime.block_on(receiver), Ok(5), "its tasks go on");
    }
}

#[test]
fn threads_reach_a_runner_by_its_portal_in_every_future_of_it_and_are_told_of_its_end() {
    for builder in runners() {
        let mut runner = builder.build().unwrap();
        let portal = runner.portal();
        let inside = portal.clone();
        let called = runner.block_on(async {
            let called = tokio::task::spawn_blocking(move || inside.call(async { 5 }));
            called.await.unwrap()
        });
        assert_eq!(called.unwrap(), Ok(5));
        let task = portal.spawn(pending::<()>());
        let waits = std::thread::spawn(move || task.result());
        runner.block_on(async {}).unwrap();
        assert!(runner.close().is_clean(), "a task that is dropped is no fault");
        let shut_down = WaitError::Cancelled(CancelReason::Shutdown);
        assert_eq!(waits.join().unwrap(), Err(shut_down.clone()));
        assert_eq!(portal.call(async {}), Err(shut_down));
    }
}

#[test]
fn threads_of_a_future_are_cancelled_with_it_by_a_portal_of_its_own() {
    for builder in runners() {
        let mut runner = builder.build().unwrap();
        let (sender, receiver) = channel();
        let cancelled = runner.block_on(async {
            let portal = Portal::current();
            sender.send(portal.spawn(pending::<()>())).unwrap();
            current_scope().expect("it has a scope").cancel("enough");
            pending::<()>().await;
        });
        assert!(cancelled.is_err());
        let task = receiver.recv().unwrap();
        assert_eq!(task.result(), Err(WaitError::Cancelled("enough".into())));
    }
}

#[test]
fn a_runner_that_has_run_may_be_dropped_inside_of_async_code() {
    for builder in runners() {
        let mut runner = builder.build().unwrap();
        assert_eq!(runner.block_on(async { 5 }).unwrap(), 5);
        current_thread().block_on(async move { drop(runner) });
    }
}

#[test]
fn threads_can_hand_futures_to_a_runner() {
    let value = Runner::builder().no_signals().workers(1).build().unwrap().try_run(async {
        let handle = tokio::runtime::Handle::current();
        let thread = std::thread::spawn(move || {
            run_coroutine_threadsafe(async { 5 }, &handle).result().unwrap()
        });
        tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap()
    });
    assert_eq!(value.unwrap(), 5);
}
