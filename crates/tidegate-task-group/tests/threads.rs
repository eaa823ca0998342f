//! Children that block when all threads are taken; a program of its own, for there is one pool of threads for all,
//! and a test that has one of them and waits for another would wait for ever.

use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use tidegate_task_group::TaskError;
use tokio::sync::oneshot;

use crate::support::*;

#[path = "it/support.rs"]
#[expect(dead_code, reason = "shared with the other tests")]
mod support;

/// One test at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// How many threads there are at most.
fn threads() -> usize {
    (4 * thread::available_parallelism().map_or(1, usize::from)).clamp(8, 64)
}

/// Takes all threads, in `group`, until what it returns is dropped.
async fn occupy(group: &Group) -> Vec<Sender<()>> {
    let (gates, starts): (Vec<_>, Vec<_>) = (0..threads())
        .map(|_| {
            let ((gate, closed), (started, has_started)) = (channel(), oneshot::channel());
            drop(group.spawn_blocking(move |_| {
                started.send(()).expect("the test waits");
                closed.recv().expect_err("nothing is ever sent");
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
    let _alone = ALONE.lock().unwrap();
    on_both(|| async {
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
    let _alone = ALONE.lock().unwrap();
    on_both(|| async {
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
