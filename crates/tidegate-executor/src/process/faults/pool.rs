//! What the pool makes of a rogue.

use std::task::Poll;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use super::rogue::FAULT;
use crate::process::{ProcessError, ProcessPool, ProcessPoolBuilder, StartError, janitor};

crate::process_fn! {
    /// 42, as the rogues say too.
    fn answer() -> u8 { 42 }
}

fn rogues(fault: &str) -> ProcessPoolBuilder {
    let entry = "process::faults::rogue::entry";
    ProcessPool::builder()
        .workers(1)
        .forward_stderr(false)
        .forward_stdout(false)
        .args([entry, "--exact", "--nocapture", "--quiet"])
        .env(FAULT, fault)
}

/// Stops the worker, and waits until it has stopped: the signal alone leaves it time for an answer.
fn stop_the_only_one(pool: &ProcessPool) -> Pid {
    let worker = Pid::from_raw(pool.worker_ids()[0] as i32).expect("an id");
    kill_process(worker, Signal::STOP).expect("it is there");
    let stopped = waitpid(Some(worker), WaitOptions::UNTRACED).expect("a child of ours");
    assert!(stopped.is_some_and(|(_, status)| status.stopped()));
    worker
}

/// As `rogues`, but only the first one is.
fn first_is_rogue(fault: &str) -> (ProcessPoolBuilder, std::path::PathBuf) {
    let name: String = fault.chars().filter(char::is_ascii_lowercase).collect();
    let path = std::env::temp_dir().join(format!("tidegate-{}-{name}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    (rogues(&format!("{fault}|{}", path.display())), path)
}

async fn start(fault: &str) -> StartError {
    rogues(fault).build().await.expect_err("such a worker is not taken")
}

async fn gone(pool: &ProcessPool) {
    while pool.statistics().workers > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_worker_that_dies_at_the_start_is_reported() {
    for fault in ["start: die", "start: die in the greeting", "start: hang up"] {
        let error = start(fault).await;
        assert!(matches!(error, StartError::Died { signal: Some(9), .. }), "{fault}: {error}");
    }
}

#[tokio::test]
async fn a_worker_that_greets_in_another_way_is_refused() {
    for fault in ["start: nonsense", "start: another kind", "start: oversized"] {
        let error = start(fault).await;
        assert!(matches!(error, StartError::Protocol(_)), "{fault}: {error}");
    }
    assert_eq!(start("start: another build").await, StartError::OtherBuild);
    assert_eq!(start("start: another protocol").await, StartError::OtherBuild);
}

#[tokio::test]
async fn a_worker_that_does_not_greet_is_given_up() {
    for fault in ["start: silence", "start: a pause in the greeting"] {
        let build = rogues(fault).start_timeout(Duration::from_millis(50)).build();
        assert_eq!(build.await.expect_err("it never greets"), StartError::TimedOut, "{fault}");
    }
}

#[tokio::test]
async fn a_start_that_fails_costs_one_call() {
    let (builder, marker) = first_is_rogue("start: die");
    assert!(builder.clone().build().await.is_err());
    let pool = builder.build().await.expect("the next one is good");
    assert_eq!(pool.run(answer, ()).await, Ok(42));

    // And with a pool that is there: the slot is free again.
    pool.core().kill_all();
    gone(&pool).await;
    std::fs::remove_file(&marker).expect("the first one made it");
    let error = pool.run(answer, ()).await;
    assert!(matches!(error, Err(ProcessError::NotStarted(StartError::Died { .. }))), "{error:?}");
    assert_eq!(pool.run(answer, ()).await, Ok(42));
    std::fs::remove_file(&marker).expect("the second one made it");
}

#[tokio::test]
async fn a_worker_that_went_wrong_while_it_was_idle_is_replaced_before_it_is_used() {
    for fault in ["idle: die", "idle: hang up", "idle: babble"] {
        let (builder, marker) = first_is_rogue(fault);
        let pool = builder.build().await.expect("it greets");
        while pool.core().is_quiet() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(pool.run(answer, ()).await, Ok(42), "{fault}");
        assert_eq!((pool.statistics().started, pool.core().peak()), (2, 1), "{fault}");
        std::fs::remove_file(marker).expect("the first one made it");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_call_that_was_not_read_is_made_again() {
    for fault in ["call: die before it is read", "call: die with half of it read"] {
        let (builder, marker) = first_is_rogue(fault);
        let pool = builder.build().await.expect("it greets");
        assert_eq!(pool.run(answer, ()).await, Ok(42), "{fault}");
        assert_eq!(pool.statistics().started, 2, "{fault}");
        std::fs::remove_file(marker).expect("the first one made it");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_call_that_nobody_reads_is_not_made_again_for_ever() {
    let pool = rogues("call: die before it is read").build().await.expect("it greets");
    let error = pool.run(answer, ()).await;
    assert!(matches!(error, Err(ProcessError::Died { signal: Some(9), .. })), "{error:?}");
    assert_eq!(pool.statistics().started, 3);
}

#[tokio::test]
async fn nobody_is_started_in_a_pool_that_is_closed() {
    let pool = rogues("none|/").build().await.expect("it greets, and is none");
    stop_the_only_one(&pool);
    let (call, waits) = (pool.run(answer, ()), pool.run(answer, ()));
    let (call, waits) = (tokio::spawn(call), tokio::spawn(waits));
    tokio::task::yield_now().await;
    assert_eq!(pool.statistics().waiting, 1);
    // The question lies there, unread, and could be asked again.
    pool.core().close();
    let closed = ProcessError::Cancelled(tidegate_timeout::CancelReason::Shutdown);
    assert_eq!(call.await.expect("it does not panic"), Err(closed.clone()));
    assert_eq!(waits.await.expect("it does not panic"), Err(closed));
    assert_eq!(pool.statistics().started, 1);
}

#[tokio::test]
async fn a_call_that_was_read_is_made_once() {
    let deaths = [
        "call: die",
        "call: hang up",
        "call: die in the header",
        "call: die in the body",
        "call: hang up in the body",
    ];
    for fault in deaths {
        let (builder, marker) = first_is_rogue(fault);
        let pool = builder.build().await.expect("it greets");
        let error = pool.run(answer, ()).await;
        assert!(
            matches!(error, Err(ProcessError::Died { signal: Some(9), .. })),
            "{fault}: {error:?}"
        );
        assert_eq!(pool.statistics().started, 1, "{fault}");
        assert_eq!(pool.run(answer, ()).await, Ok(42), "{fault}");
        std::fs::remove_file(marker).expect("the first one made it");
    }
}

#[tokio::test]
async fn an_exit_during_a_call_is_told_with_its_code() {
    let pool = rogues("call: exit").build().await.expect("it greets");
    for _ in 0..5 {
        let error = pool.run(answer, ()).await;
        let by_code = matches!(error, Err(ProcessError::Died { signal: None, code: Some(7), .. }));
        assert!(by_code, "{error:?}");
    }
}

#[tokio::test]
async fn what_is_no_answer_costs_the_worker() {
    let nonsense = [
        "call: nonsense",
        "call: oversized",
        "call: another call",
        "call: another kind",
        "call: twice",
    ];
    for fault in nonsense {
        let (builder, marker) = first_is_rogue(fault);
        let pool = builder.build().await.expect("it greets");
        let error = pool.run(answer, ()).await;
        assert!(matches!(error, Err(ProcessError::Protocol(_))), "{fault}: {error:?}");
        assert_eq!(pool.run(answer, ()).await, Ok(42), "{fault}");
        assert_eq!(pool.statistics().started, 2, "{fault}");
        std::fs::remove_file(marker).expect("the first one made it");
    }
}

#[tokio::test]
async fn a_result_that_cannot_be_read_is_an_error() {
    crate::process_fn! { fn text() -> String { String::new() } }
    for fault in ["call: a result that is none", "call: a panic that is none"] {
        let pool = rogues(fault).build().await.expect("it greets");
        let error = pool.run(text, ()).await;
        assert!(matches!(error, Err(ProcessError::Codec(_))), "{fault}: {error:?}");
    }
}

#[tokio::test]
async fn a_worker_that_answers_and_dies_has_answered() {
    let pool = rogues("call: answer and die").build().await.expect("it greets");
    for _ in 0..5 {
        assert_eq!(pool.run(answer, ()).await, Ok(42));
    }
    assert_eq!(pool.statistics().started, 5);
}

#[tokio::test]
async fn an_answer_outlives_its_worker_which_is_not_idle_then() {
    let pool = rogues("call: answer and die").build().await.expect("it greets");
    let mut call = Box::pin(pool.run(answer, ()));
    let pending = std::future::poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_pending()));
    assert!(pending.await);
    // Nobody looks at the answer before it was reaped.
    while pool.statistics().workers > 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(call.await, Ok(42));
    assert_eq!((pool.statistics().idle, pool.statistics().workers), (0, 0));
}

#[tokio::test]
async fn a_worker_that_hung_up_does_not_keep_the_end() {
    let pool = rogues("idle: hang up").build().await.expect("it greets");
    while pool.core().is_quiet() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(pool.shutdown(Duration::MAX).await, 0);
}

#[tokio::test]
async fn who_was_idle_for_long_is_dismissed_and_keeps_its_slot_until_it_is_gone() {
    let pool = rogues("none|/").queue(0).build().await.expect("it greets, and is none");
    let before = Instant::now();
    assert_eq!(pool.run(answer, ()).await, Ok(42));
    janitor::tidy(pool.core(), before);
    assert_eq!(pool.statistics().idle, 1, "it had a call since");

    // It does not hear that it may go.
    let worker = stop_the_only_one(&pool);
    janitor::tidy(pool.core(), Instant::now());
    assert_eq!((pool.statistics().idle, pool.statistics().workers), (0, 1));
    assert_eq!(pool.run(answer, ()).await, Err(ProcessError::QueueFull));
    kill_process(worker, Signal::CONT).expect("it is there");
    gone(&pool).await;
    assert_eq!(pool.run(answer, ()).await, Ok(42));
}

#[tokio::test]
async fn a_worker_that_never_answers_is_killed_when_the_call_is_dropped() {
    let (builder, marker) = first_is_rogue("call: silence");
    let pool = builder.build().await.expect("it greets");
    let late = tidegate_timeout::timeout(Duration::from_millis(20), pool.run(answer, ())).await;
    late.expect_err("there is no answer");
    assert_eq!(pool.statistics().workers, 0);
    assert_eq!(pool.run(answer, ()).await, Ok(42));
    std::fs::remove_file(marker).expect("the first one made it");
}

#[tokio::test]
async fn a_process_that_holds_the_socket_does_not_keep_the_call() {
    let pool = rogues("call: leave somebody with the socket").build().await.expect("it greets");
    let error = pool.run(answer, ()).await;
    assert!(matches!(error, Err(ProcessError::Died { signal: Some(9), .. })), "{error:?}");
}

#[tokio::test]
async fn a_slot_is_free_when_the_process_in_it_was_reaped() {
    let pool = rogues("call: silence").build().await.expect("it greets");
    for _ in 0..20 {
        // Not a scope, which would wait by itself.
        let late = tokio::time::timeout(Duration::from_millis(5), pool.run(answer, ())).await;
        late.expect_err("there is no answer");
    }
    assert_eq!(pool.core().peak(), 1);
}

#[tokio::test]
async fn what_an_earlier_call_wrote_is_not_blamed_on_a_later_one() {
    crate::process_fn! { fn shout() { eprintln!("earlier") } }
    crate::process_fn! { fn leave() { std::process::exit(1) } }
    let pool = rogues("none|/").build().await.expect("it greets, and is none");
    assert_eq!(pool.run(shout, ()).await, Ok(()));
    while pool.core().tail() != "earlier\n" {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    match pool.run(leave, ()).await {
        Err(ProcessError::Died { stderr_tail, .. }) => assert_eq!(stderr_tail, ""),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_process_that_starts_while_its_pool_is_closed_is_killed() {
    let builder = rogues("start: silence").start_timeout(Duration::from_secs(3600));
    for polls in 0..3 {
        let core = builder.clone().core();
        let starting = tokio::spawn({
            let core = std::sync::Arc::clone(&core);
            async move { core.warm_up().await }
        });
        for _ in 0..polls {
            tokio::task::yield_now().await;
        }
        core.close();
        let error = starting.await.expect("it does not panic");
        assert!(error.is_err());
        assert_eq!(core.counts().workers, 0);
    }
}
