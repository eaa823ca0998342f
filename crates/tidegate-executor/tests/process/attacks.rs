//! What somebody may do to a pool, by mistake or on purpose.

use std::time::Duration;

use rustix::process::Signal;
use tidegate_executor::process::ProcessError;
use tidegate_executor::process_fn;
use tidegate_timeout::timeout;

use crate::deaths::death;
use crate::support::{
    add, alone, begun, exists, file, hang, kill, pool, process_id, quiet, send, stop, until,
};

process_fn! { fn echo(text: String) -> String { text } }
process_fn! { fn go_to(folder: String) -> bool { std::env::set_current_dir(folder).is_ok() } }
process_fn! {
    /// What the worker has open.
    fn open_files() -> Vec<String> {
        let open = std::fs::read_dir("/proc/self/fd").unwrap();
        let links = open.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
        links.map(|link| link.display().to_string()).collect()
    }
}

#[tokio::test]
async fn a_worker_that_was_stopped_is_ended_like_any_other() {
    let pool = pool(1).await;
    let path = file("stopped");
    for _ in 0..2 {
        let call = tokio::spawn(pool.run(hang, (path.clone(),)));
        let id = begun(&path).await;
        stop(id).await;
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
        until(|| !exists(id)).await;
    }
    let id = pool.run(process_id, ()).await.unwrap();
    // An idle one looks like any other, too; the call is in vain.
    stop(id).await;
    timeout(Duration::from_millis(20), pool.run(add, (1, 2))).await.unwrap_err();
    assert!(!exists(id));
    let id = pool.run(process_id, ()).await.unwrap();
    stop(id).await;
    assert_eq!(pool.shutdown(Duration::from_millis(5)).await, 1);
    assert!(!exists(id));
}

#[tokio::test]
async fn a_stop_that_is_over_is_none() {
    let pool = pool(1).await;
    let id = pool.run(process_id, ()).await.unwrap();
    stop(id).await;
    let mut call = Box::pin(pool.run(add, (1, 2)));
    // Not a scope's, which would end the call.
    tokio::time::timeout(Duration::from_millis(5), call.as_mut()).await.unwrap_err();
    send(id, Signal::CONT);
    assert_eq!(call.await, Ok(3));
    assert_eq!(pool.worker_ids(), [id]);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_worker_inherits_no_file_and_no_socket_but_its_own() {
    let _file = std::fs::File::open("Cargo.toml").unwrap();
    let _socket = tokio::net::UnixStream::pair().unwrap();
    let (one, two) = tokio::join!(pool(2), pool(2));
    for pool in [&one, &two, &one] {
        let mut open = pool.run(open_files, ()).await.unwrap();
        assert!(!open.iter().any(|it| it.ends_with("Cargo.toml")), "{open:?}");
        open.retain(|it| it.starts_with("socket:") || it.starts_with("anon_inode:"));
        open.dedup();
        assert_eq!(open.len(), 1, "{open:?}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_program_that_is_touched_or_replaced_or_removed_goes_on() {
    let path = file("program");
    if !alone("attacks::a_program_that_is_touched_or_replaced_or_removed_goes_on", |alone| {
        // By another process: one that is started while this one writes it could hold it open for writing still.
        let mut copy = std::process::Command::new("cp");
        assert!(copy.arg(std::env::current_exe().unwrap()).arg(&path).status().unwrap().success());
        *alone = std::process::Command::new(&path);
        alone.stdout(std::process::Stdio::null());
    }) {
        return;
    }
    let path = std::env::current_exe().unwrap();
    let pool = pool(1).await;
    let again = async || {
        let id = pool.run(process_id, ()).await.unwrap();
        kill(id);
        until(|| !exists(id)).await;
        assert_eq!(pool.run(add, (1, 2)).await, Ok(3));
    };
    // As another build of it would be: with another time, and then in its place.
    let past = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    std::fs::File::open(&path).unwrap().set_modified(past).unwrap();
    again().await;
    let other = path.with_extension("other");
    std::fs::copy("/bin/true", &other).unwrap();
    std::fs::rename(&other, &path).unwrap();
    again().await;
    std::fs::remove_file(&path).unwrap();
    again().await;
}

#[tokio::test]
async fn another_folder_is_that_of_one_worker() {
    let pool = pool(1).await;
    let here = std::env::current_dir().unwrap();
    assert_eq!(pool.run(go_to, ("/".into(),)).await, Ok(true));
    assert_eq!(std::env::current_dir().unwrap(), here);
    kill(pool.run(process_id, ()).await.unwrap());
    assert_eq!(pool.run(add, (1, 2)).await, Ok(3));
}

#[tokio::test]
async fn large_frames_go_both_ways_and_may_be_dropped_anywhere() {
    let pool = pool(1).await;
    // As much as there may be, but for what else is in a frame.
    let text = "0123456789abcdef".repeat((64 << 16) - 64);
    assert!(pool.run(echo, (text.clone(),)).await.unwrap() == text);
    let text = &text[..8 << 20];
    for patience in [0, 1, 2, 5, 10, 20, 40, 80] {
        let call = tokio::spawn(pool.run(echo, (text.to_owned(),)));
        tokio::time::sleep(Duration::from_millis(patience)).await;
        call.abort();
        // In time or not, the next one knows nothing of it.
        assert!(call.await.map_or(true, |echoed| echoed.unwrap() == text));
        assert_eq!(pool.run(add, (1, 2)).await, Ok(3));
    }
}

#[tokio::test]
async fn a_worker_that_dies_with_half_of_a_large_question_costs_no_call() {
    let pool = pool(1).await;
    let id = pool.run(process_id, ()).await.unwrap();
    // It reads nothing, so the question does not fit; and then it is gone.
    stop(id).await;
    let text = "x".repeat(8 << 20);
    let mut call = Box::pin(pool.run(echo, (text.clone(),)));
    // Not a scope's, which would end the call.
    tokio::time::timeout(Duration::from_millis(5), call.as_mut()).await.unwrap_err();
    kill(id);
    assert!(call.await.unwrap() == text);
    assert_eq!(pool.statistics().started, 2);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_that_are_killed_leave_nobody_behind() {
    let pool = pool(2).await;
    let mut seen = std::collections::HashSet::new();
    for _ in 0..150 {
        let (one, two) = tokio::join!(pool.run(process_id, ()), pool.run(process_id, ()));
        for id in [one.unwrap(), two.unwrap()] {
            if seen.insert(id) {
                kill(id);
            }
        }
        assert!(pool.statistics().workers <= 2);
    }
    until(|| seen.iter().all(|id| !exists(*id))).await;
    assert_eq!(pool.run(add, (1, 2)).await, Ok(3));
}

process_fn! {
    /// Leaves a process that floods standard error for ever, in a group of its own.
    fn leave_a_flood(which: String) {
        use std::os::unix::process::CommandExt;
        let stderr = std::os::fd::AsFd::as_fd(&std::io::stderr()).try_clone_to_owned().unwrap();
        let daemon = std::process::Command::new("yes").stdout(stderr).process_group(0).spawn().unwrap();
        std::fs::write(which, daemon.id().to_string()).unwrap();
        std::process::exit(5)
    }
}

#[tokio::test]
async fn a_daemon_that_keeps_standard_error_keeps_nobody() {
    let pool = pool(1).await;
    let path = file("daemon");
    let (_, code, _) = death(pool.run(leave_a_flood, (path.clone(),)).await);
    assert_eq!(code, Some(5));
    let daemon = begun(&path).await;
    assert_eq!(pool.run(add, (1, 2)).await, Ok(3));
    // It may have found out already that nobody reads it.
    let _ = rustix::process::kill_process(crate::support::pid(daemon), Signal::KILL);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_standard_error_takes_no_last_words_and_no_call() {
    use crate::deaths::{flood, flood_and_die};

    // Nobody reads it.
    if !alone("attacks::a_full_standard_error_takes_no_last_words_and_no_call", |alone| {
        alone.stderr(std::process::Stdio::piped());
    }) {
        return;
    }
    let pool = quiet(1).forward_stderr(true).stderr_tail(1000).build().await.unwrap();
    // 64 KiB are in the program's pipe, and the rest in the worker's when it dies.
    let (_, code, tail) = death(pool.run(flood_and_die, (100_000,)).await);
    assert_eq!(code, Some(1));
    assert!(tail.ends_with("the end\n"), "{tail}");
    // What waits for room can be ended.
    timeout(Duration::from_millis(50), pool.run(flood, (1_000_000,))).await.unwrap_err();
    assert_eq!(pool.run(add, (1, 2)).await, Ok(3));
    pool.shutdown(Duration::MAX).await;
    until(|| crate::support::own_threads() == 0).await;
}

#[tokio::test]
async fn a_signal_for_the_group_of_the_program_is_none_for_its_workers() {
    // As Ctrl-C sends it, to everybody in the group of the foreground.
    use std::os::unix::process::CommandExt;
    let name = "attacks::a_signal_for_the_group_of_the_program_is_none_for_its_workers";
    if !alone(name, |alone| _ = alone.process_group(0)) {
        return;
    }
    let mut interrupts =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt()).unwrap();
    let pool = pool(1).await;
    let id = pool.run(process_id, ()).await.unwrap();
    rustix::process::kill_current_process_group(Signal::INT).unwrap();
    interrupts.recv().await.unwrap();
    assert_eq!(pool.run(process_id, ()).await, Ok(id));
}

#[tokio::test]
async fn workers_that_are_idle_for_long_end_and_come_back() {
    let pool = quiet(3).keep_alive(Duration::from_millis(20)).build().await.unwrap();
    for started in [3, 6] {
        let path = [file("idle-a"), file("idle-b"), file("idle-c")];
        let calls = path.clone().map(|path| tokio::spawn(pool.run(wait_for_the_end_of, (path,))));
        for path in &path {
            until(|| std::path::Path::new(path).exists()).await;
        }
        assert_eq!(pool.statistics().workers, 3);
        for path in &path {
            std::fs::remove_file(path).unwrap();
        }
        for call in calls {
            assert_eq!(call.await.unwrap(), Ok(()));
        }
        until(|| pool.statistics().workers == 0).await;
        assert_eq!(pool.statistics().idle, 0);
        assert!(pool.statistics().started >= started);
    }
    // Who has a call is not idle.
    assert_eq!(pool.run(nap, ()).await, Ok(()));
    let last = pool.statistics().started;
    assert_eq!(pool.shutdown(Duration::MAX).await, 0);
    assert!(last >= 7);
}

process_fn! { fn nap() { std::thread::sleep(Duration::from_millis(100)) } }
process_fn! {
    /// Makes a file, and waits until somebody removes it.
    fn wait_for_the_end_of(path: String) {
        std::fs::write(&path, "").unwrap();
        while std::path::Path::new(&path).exists() { std::thread::yield_now() }
    }
}

#[tokio::test]
async fn a_call_that_fails_while_it_starts_is_a_call_that_fails() {
    let pool = quiet(1).build().await.unwrap();
    kill(pool.worker_ids()[0]);
    until(|| pool.statistics().workers == 0).await;
    let call = tokio::spawn(pool.run(add, (1, 2)));
    until(|| !pool.worker_ids().is_empty() || call.is_finished()).await;
    for id in pool.worker_ids() {
        let _ = rustix::process::kill_process(crate::support::pid(id), Signal::KILL);
    }
    match call.await.unwrap() {
        // It was quicker; or it was replaced, as the question had not been read.
        Ok(sum) => assert_eq!(sum, 3),
        Err(ProcessError::NotStarted(_) | ProcessError::Died { .. }) => {}
        Err(other) => panic!("{other:?}"),
    }
    assert_eq!(pool.run(add, (1, 2)).await, Ok(3));
}
