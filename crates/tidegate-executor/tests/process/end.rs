#[cfg(target_os = "linux")]
use std::process::{Command, Stdio};
use std::time::Duration;

use tidegate_executor::process::ProcessError;
use tidegate_executor::process_fn;
use tidegate_timeout::CancelReason;

use crate::support::{add, begun, exists, file, hang, pool, process_id, until, until_blocking};
#[cfg(target_os = "linux")]
use crate::support::{alone, own_threads, quiet, state, stop};

fn closed<T>() -> Result<T, ProcessError> {
    Err(ProcessError::Cancelled(CancelReason::Shutdown))
}

#[tokio::test]
async fn a_pool_that_is_dropped_leaves_no_process() {
    let pool = pool(2).await;
    let path = file("drop");
    let busy = tokio::spawn(pool.run(hang, (path.clone(),)));
    let id = begun(&path).await;
    let idle = pool.run(process_id, ()).await.unwrap();
    drop(pool);
    assert_eq!(busy.await.unwrap(), closed());
    until(|| !exists(id) && !exists(idle)).await;
}

#[tokio::test]
async fn who_waits_in_line_learns_that_the_pool_is_gone() {
    let pool = pool(1).await;
    let path = file("line-end");
    let busy = tokio::spawn(pool.run(hang, (path.clone(),)));
    begun(&path).await;
    let waiting = tokio::spawn(pool.run(add, (1, 2)));
    until(|| pool.statistics().waiting == 1).await;
    drop(pool);
    assert_eq!(waiting.await.unwrap(), closed());
    assert_eq!(busy.await.unwrap(), closed());
}

process_fn! {
    /// Leaves something behind that takes for ever to tear down.
    fn cling() { CLINGS.with(|_| ()) }
}

struct Clings;

impl Drop for Clings {
    fn drop(&mut self) {
        loop {
            std::thread::park();
        }
    }
}

std::thread_local!(static CLINGS: Clings = const { Clings });

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_worker_that_does_not_come_to_its_end_is_ended() {
    let pool = pool(1).await;
    assert_eq!(pool.run(cling, ()).await, Ok(()));
    assert_eq!(pool.shutdown(Duration::MAX).await, 0);
    assert_eq!(pool.statistics().workers, 0);
}

#[test]
fn a_pool_can_be_dropped_without_a_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let pool = runtime.block_on(pool(1));
    let path = file("without");
    let busy = runtime.spawn(pool.run(hang, (path.clone(),)));
    let id = runtime.block_on(begun(&path));
    drop(runtime);
    drop(busy);
    drop(pool);
    until_blocking(|| !exists(id));
}

#[tokio::test]
async fn shutting_down_waits_for_what_runs() {
    let pool = pool(1).await;
    let id = pool.worker_ids()[0];
    let (sum, waiting, killed) =
        tokio::join!(pool.run(add, (1, 2)), pool.run(add, (1, 2)), pool.shutdown(Duration::MAX),);
    assert_eq!((sum, waiting, killed), (Ok(3), closed(), 0));
    assert!(!exists(id));
    assert_eq!(pool.statistics().workers, 0);
}

#[tokio::test]
async fn shutting_down_kills_what_takes_too_long() {
    let pool = pool(1).await;
    let path = file("grace");
    let busy = tokio::spawn(pool.run(hang, (path.clone(),)));
    let id = begun(&path).await;
    assert_eq!(pool.shutdown(Duration::from_millis(5)).await, 1);
    assert!(!exists(id));
    assert_eq!(busy.await.unwrap(), closed());
}

#[cfg(target_os = "linux")]
#[test]
fn no_thread_outlives_its_pool() {
    // Other tests have pools, too, so this one has a process to itself.
    if !alone("end::no_thread_outlives_its_pool", |_| {}) {
        return;
    }
    let threads = own_threads;
    let children = || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let lists = tasks
            .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
        lists.map(|list| list.split_whitespace().count()).sum::<usize>()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let pool = quiet(2).build().await.unwrap();
        tokio::join!(pool.run(add, (1, 2)), pool.run(add, (1, 2))).0.unwrap();
        assert_eq!((threads(), children()), (4, 2));
        // And one whose thread looks after the idle; it does not wait for the next time.
        for shut_down in [false, true] {
            let tidied = quiet(1).keep_alive(Duration::from_secs(3600)).build().await.unwrap();
            assert_eq!((threads(), children()), (7, 3));
            if shut_down {
                tidied.shutdown(Duration::MAX).await;
            } else {
                drop(tidied);
            }
            until(|| (threads(), children()) == (4, 2)).await;
        }
        let mut call = Box::pin(pool.run(hang, (file("thread"),)));
        std::future::poll_fn(|cx| std::task::Poll::Ready(call.as_mut().poll(cx).is_pending()))
            .await;
        drop(call);
        drop(pool);
        // And some that are dropped while they start.
        for _ in 0..10 {
            let mut build = Box::pin(quiet(1).build());
            std::future::poll_fn(|cx| std::task::Poll::Ready(build.as_mut().poll(cx).is_pending()))
                .await;
        }
    });
    drop(runtime);
    until_blocking(|| threads() == 0 && children() == 0);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_end_of_the_program_is_the_end_of_its_workers() {
    let path = file("parent");
    let name = "end::the_end_of_the_program_is_the_end_of_its_workers";
    if let Ok(path) = std::env::var("TIDEGATE_PARENT") {
        let pool = quiet(1).build().await.unwrap();
        drop(pool.run(hang, (path,)).await);
        return;
    }
    // One that was stopped sees nothing.
    for stopped in [false, true] {
        let mut parent = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--quiet"])
            .env("TIDEGATE_PARENT", &path)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let id = begun(&path).await;
        if stopped {
            stop(id).await;
        }
        assert!(exists(id));
        parent.kill().unwrap();
        parent.wait().unwrap();
        until(|| state(id).is_none_or(|state| state == 'Z')).await;
    }
}
