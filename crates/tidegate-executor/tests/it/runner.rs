//! A program's main future has a scope, an end in bounded time, and a code to exit with.

use std::future::pending;
use std::process::ExitCode;
use std::sync::mpsc::channel;
use std::time::Duration;

use tidegate_executor::{
    Leftovers, RunError, Runner, RunnerBuilder, ThreadPool, run_coroutine_threadsafe,
};
use tidegate_timeout::{CancelReason, current_scope};

use crate::support::{current_thread, multi_thread, occupy, one_thread};

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
