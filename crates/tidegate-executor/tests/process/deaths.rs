use tidegate_executor::process::{ProcessError, ProcessPool, StartError};
use tidegate_executor::process_fn;

use crate::support::{add, begun, exists, file, hang, kill, pool, process_id, quiet, state, until};

process_fn! { fn leave(code: i32) { eprintln!("leaving"); std::process::exit(code) } }
process_fn! { fn abort() { std::process::abort() } }
process_fn! { fn kill_me(signal: i32) {
    let signal = rustix::process::Signal::from_named_raw(signal).unwrap();
    // More than once: the standard library takes the first SIGSEGV for an accident that will happen again.
    loop { rustix::process::kill_process(rustix::process::getpid(), signal).unwrap() }
} }
process_fn! { fn overflow(n: u64) -> u64 { deeper(n) } }
process_fn! { fn no_memory() { std::alloc::handle_alloc_error(std::alloc::Layout::new::<u64>()) } }
process_fn! { fn panics(message: String) { panic!("{message}") } }
process_fn! { fn panics_oddly() { std::panic::panic_any(Grenade) } }
process_fn! { pub(crate) fn flood(bytes: usize) -> usize {
    use std::io::Write;
    let line = [b'x'; 999];
    for n in 0..bytes / 1000 {
        let mut err = std::io::stderr();
        err.write_all(&line).and_then(|()| err.write_all(if n % 2 == 0 { b"\n" } else { b"\r" })).unwrap();
    }
    bytes
} }
process_fn! { pub(crate) fn flood_and_die(bytes: usize) { <flood as tidegate_executor::process::ProcessFn>::call((bytes,)); eprintln!("the end"); std::process::exit(1) } }

#[allow(unconditional_recursion, reason = "that is the point")]
fn deeper(n: u64) -> u64 {
    let block = std::hint::black_box([n; 512]);
    deeper(n + 1) + block[7]
}

struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        panic!("in the destructor of what a panic carried");
    }
}

/// How a call ended that a worker did not survive: signal, code, the last of its standard error.
pub(crate) fn death<T: std::fmt::Debug>(
    result: Result<T, ProcessError>,
) -> (Option<i32>, Option<i32>, String) {
    match result {
        Err(ProcessError::Died { signal, code, stderr_tail, .. }) => (signal, code, stderr_tail),
        other => panic!("{other:?} is no death"),
    }
}

#[tokio::test]
async fn whatever_ends_a_worker_costs_one_call() {
    let pool = pool(1).await;
    for round in 0..3 {
        let (signal, code, tail) = death(pool.run(leave, (round,)).await);
        assert_eq!((signal, code), (None, Some(round)));
        assert!(tail.ends_with("leaving\n"), "{tail}");
        for signal in [4, 6, 9, 11, 15] {
            assert_eq!(
                death(pool.run(kill_me, (signal,)).await),
                (Some(signal), None, String::new())
            );
        }
        assert_eq!(death(pool.run(abort, ()).await).0, Some(6));
        assert_eq!(pool.run(add, (1, 2)).await, Ok(3));
    }
}

#[tokio::test]
async fn an_overflowing_stack_and_a_lack_of_memory_leave_their_last_words() {
    let pool = pool(1).await;
    let (signal, _, tail) = death(pool.run(overflow, (0,)).await);
    assert!(signal.is_some() && tail.contains("overflowed its stack"), "{tail}");
    let (signal, _, tail) = death(pool.run(no_memory, ()).await);
    assert!(signal.is_some() && tail.contains("memory allocation of 8 bytes failed"), "{tail}");
    assert_eq!(pool.run(add, (1, 2)).await, Ok(3));
}

#[tokio::test]
async fn a_panic_is_an_error_with_its_place_and_the_worker_lives() {
    let pool = pool(1).await;
    let id = pool.run(process_id, ()).await.unwrap();
    match pool.run(panics, ("oh no".into(),)).await {
        Err(ProcessError::Panicked { message, place, .. }) => {
            assert_eq!(message, "oh no");
            assert!(place.contains("deaths.rs:"), "{place}");
        }
        other => panic!("{other:?}"),
    }
    let odd = pool.run(panics_oddly, ()).await.unwrap_err();
    assert!(matches!(odd, ProcessError::Panicked { .. }), "{odd}");
    let long = pool.run(panics, ("é".repeat(1 << 20),)).await.unwrap_err();
    assert!(matches!(long, ProcessError::Panicked { message, .. } if message.len() < 1 << 16));
    assert_eq!(pool.run(process_id, ()).await, Ok(id));
}

#[tokio::test]
async fn a_flood_on_standard_error_hinders_nobody_and_its_end_is_kept() {
    let pool = quiet(1).stderr_tail(1000).build().await.unwrap();
    assert_eq!(pool.run(flood, (3_000_000,)).await, Ok(3_000_000));
    let (_, code, tail) = death(pool.run(flood_and_die, (1_000_000,)).await);
    assert_eq!(code, Some(1));
    assert!(tail.len() <= 1000 && tail.ends_with("the end\n"), "{} bytes", tail.len());
}

#[tokio::test]
async fn an_idle_worker_that_died_is_replaced_before_it_is_used() {
    let pool = pool(1).await;
    for n in 0..10 {
        let id = pool.run(process_id, ()).await.unwrap();
        kill(id);
        if n % 2 == 0 {
            until(|| !exists(id) && pool.statistics().workers == 0).await;
            assert_eq!(pool.statistics().idle, 0);
        }
        // Also when it has not yet been noticed, or is only about to die.
        let next = pool.run(process_id, ()).await.unwrap();
        assert_ne!(id, next);
    }
}

#[tokio::test]
async fn a_worker_that_is_killed_during_a_call_costs_that_call() {
    let pool = pool(2).await;
    let path = file("killed");
    let call = tokio::spawn(pool.run(hang, (path.clone(),)));
    let id = begun(&path).await;
    assert_eq!(pool.run(add, (1, 2)).await, Ok(3));
    kill(id);
    assert_eq!(death(call.await.unwrap()).0, Some(9));
    assert!(!exists(id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killer_at_large_costs_calls_and_nothing_else() {
    let pool = std::sync::Arc::new(pool(3).await);
    let callers: Vec<_> = (0..6_u64)
        .map(|caller| {
            let pool = std::sync::Arc::clone(&pool);
            tokio::spawn(async move {
                let (mut good, mut bad) = (0, 0);
                for n in 0..60 {
                    match pool.run(add, (caller, n)).await {
                        Ok(sum) => {
                            assert_eq!(sum, caller + n);
                            good += 1
                        }
                        Err(ProcessError::Died { signal: Some(9), .. }) => bad += 1,
                        Err(ProcessError::NotStarted(StartError::Died {
                            signal: Some(9), ..
                        })) => bad += 1,
                        Err(other) => panic!("{other}"),
                    }
                }
                (good, bad)
            })
        })
        .collect();
    let mut killed = 0;
    while callers.iter().any(|caller| !caller.is_finished()) {
        if let Some(id) = pool.worker_ids().into_iter().next() {
            let id = rustix::process::Pid::from_raw(id as i32).unwrap();
            killed +=
                u32::from(rustix::process::kill_process(id, rustix::process::Signal::KILL).is_ok());
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    let mut sum = (0, 0);
    for caller in callers {
        let (good, bad) = caller.await.unwrap();
        sum = (sum.0 + good, sum.1 + bad);
    }
    assert_eq!(sum.0 + sum.1, 360);
    assert!(sum.1 <= killed, "{sum:?} of {killed}");
    assert_eq!(pool.run(add, (1, 2)).await, Ok(3));
    until(|| pool.statistics().workers == pool.statistics().idle).await;
}

process_fn! {
    /// Starts another process, says in a file which, and exits if it is told to.
    fn start_another(which: String, exit: bool) {
        leave_a_child(&which);
        if exit {
            std::process::exit(0)
        }
    }
}

#[expect(clippy::zombie_processes, reason = "it is left to be killed")]
fn leave_a_child(which: &str) {
    let child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
    std::fs::write(which, child.id().to_string()).unwrap();
}

#[tokio::test]
async fn what_a_worker_left_running_goes_with_it() {
    for exits in [false, true] {
        let pool = pool(1).await;
        let path = file("child");
        let call = pool.run(start_another, (path.clone(), exits)).await;
        assert_eq!(call.is_err(), exits);
        let child = begun(&path).await;
        if !exits {
            assert!(exists(child));
            drop(pool);
        }
        // Whoever adopts it may be slow to reap it.
        until(|| state(child).is_none_or(|state| state == 'Z')).await;
    }
}

#[tokio::test]
async fn a_program_that_is_no_worker_is_an_error() {
    let build = |program: &str| ProcessPool::builder().program(program).build();
    assert!(matches!(build("/does/not/exist").await, Err(StartError::System(_))));
    assert!(matches!(build("true").await, Err(StartError::Died { code: Some(0), .. })));
    let silent = ProcessPool::builder().program("sleep").args(["1000"]);
    let silent = silent.start_timeout(std::time::Duration::from_millis(50)).build().await;
    assert_eq!(silent.unwrap_err(), StartError::TimedOut);
}
