use std::future::pending;
use std::panic::Location;

use crate::core::Core;
use crate::tree::Card;
use crate::{BoxError, TaskGroup};

fn paused(test: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap().block_on(test);
}

type Group = TaskGroup<BoxError>;

#[test]
fn children_that_ended_have_no_seat() {
    paused(async {
        Group::scope(async |group| {
            let at_once = group.spawn(async { Ok(()) });
            let later = group.spawn(async {
                tokio::task::yield_now().await;
                Ok(())
            });
            tokio::task::yield_now().await;
            assert!(!group.core().is_tidy(), "the second one waits");
            at_once.await?;
            later.await?;
            assert!(group.core().is_tidy());
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn children_that_were_dropped_with_their_runtime_have_no_seat() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut kept = None;
    let mut scope = Box::pin(Group::scope(async |group| {
        kept = Some(group.clone());
        drop(group.spawn(pending::<Result<(), BoxError>>()));
        pending::<Result<(), BoxError>>().await
    }));
    runtime.block_on(async {
        assert!(tidegate_test::poll_once(scope.as_mut()).is_pending());
        tokio::task::yield_now().await;
    });
    drop(runtime);
    drop(scope);
    let group = kept.unwrap();
    assert!(group.core().is_tidy() && group.core().is_over());
}

#[test]
fn nobody_enters_a_group_that_is_over() {
    let scope = tidegate_timeout::scope::Scope::new();
    let core = Core::new(scope.handle(), scope, Card::of_set(Location::caller()));
    assert_eq!(core.enter(), Some(0));
    core.body_ended();
    assert_eq!(core.enter(), Some(1), "one is still in it");
    core.child_ended();
    core.child_ended();
    assert!(core.is_over());
    assert_eq!(core.enter(), None);
    assert!(core.is_over());
}

#[test]
fn an_abort_leaves_nothing_behind_whenever_it_comes() {
    paused(async {
        Group::scope(async |group| {
            for yields in 0..6 {
                for twice in [false, true] {
                    let task = group.spawn(async {
                        tokio::task::yield_now().await;
                        tokio::task::yield_now().await;
                        Ok(())
                    });
                    for _ in 0..yields {
                        tokio::task::yield_now().await;
                    }
                    task.abort();
                    if twice {
                        task.abort();
                        tokio::task::yield_now().await;
                        task.abort();
                    }
                    let _ = task.await;
                    assert!(group.core().is_tidy(), "{yields} {twice}");
                }
            }
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn an_aborted_task_that_is_dropped_leaves_nothing_behind() {
    paused(async {
        Group::scope(async |group| {
            for yields in 0..3 {
                let task = group.spawn(pending::<Result<(), BoxError>>());
                for _ in 0..yields {
                    tokio::task::yield_now().await;
                }
                task.abort();
                drop(task);
                while !group.is_empty() {
                    tokio::task::yield_now().await;
                }
                assert!(group.core().is_tidy());
            }
            Ok(())
        })
        .await
        .unwrap();
    });
}
