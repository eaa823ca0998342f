//! Many children, long chains, deep nests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tidegate_task_group::Policy;

use crate::support::*;

#[test]
fn ten_thousand_children() {
    on_both(|| async {
        let ended = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&ended);
        Group::scope(async move |group| {
            for n in 0..10_000 {
                let counter = Arc::clone(&counter);
                drop(group.spawn(async move {
                    if n % 2 == 0 {
                        tokio::task::yield_now().await;
                    }
                    counter.fetch_add(1, Ordering::Relaxed);
                    Ok(())
                }));
            }
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(ended.load(Ordering::Relaxed), 10_000);
    });
}

#[test]
fn ten_thousand_waiting_children_are_cancelled() {
    on_both(|| async {
        let alive = Alive::default();
        let held = alive.clone();
        let errors = Group::scope(async move |group| {
            for _ in 0..10_000 {
                let held = held.clone();
                drop(group.spawn(async move {
                    let _held = held;
                    forever::<()>().await
                }));
            }
            drop(held);
            breathe().await;
            fails::<()>("body").await
        })
        .await
        .unwrap_err();
        assert_eq!(messages(&errors), ["body"]);
        assert_eq!(alive.count(), 0);
    });
}

#[test]
fn ten_thousand_failures_are_counted_and_a_thousand_are_kept() {
    on_both(|| async {
        let builder = Group::builder().policy(Policy::CollectAll);
        let errors = builder
            .scope(async |group| {
                (0..10_000).for_each(|_| drop(group.spawn(fails::<()>("boom"))));
                Ok(())
            })
            .await
            .unwrap_err();
        assert_eq!(errors.len(), 10_000);
        assert_eq!(errors.leaves().count(), 1024);
    });
}

#[test]
fn a_chain_of_a_hundred_thousand_tasks_overflows_no_stack() {
    fn link(group: Group, left: u32, done: Counter) {
        let next = group.clone();
        drop(group.spawn(async move {
            match left {
                0 => drop(done.add()),
                _ => link(next, left - 1, done),
            }
            Ok(())
        }));
    }
    paused(async {
        let done = Counter::default();
        let counter = done.clone();
        Group::scope(async move |group| {
            link(group, 100_000, counter);
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(done.get(), 1);
    });
}

#[test]
fn a_chain_of_waiting_tasks_is_cancelled_without_overflowing_a_stack() {
    // Each one's scope is a child of the group's, not of the one that spawned it, and each waits for the next.
    fn link(group: Group, left: u32, alive: Alive, reached: Counter) {
        let next = group.clone();
        drop(group.spawn(async move {
            let _alive = alive.clone();
            match left {
                0 => drop(reached.add()),
                _ => link(next, left - 1, alive, reached),
            }
            forever().await
        }) as tidegate_task_group::Task<()>);
    }
    paused(async {
        let (alive, reached) = (Alive::default(), Counter::default());
        let (held, end) = (alive.clone(), reached.clone());
        let errors = Group::scope(async move |group| {
            link(group.clone(), 100_000, held, end.clone());
            until(|| end.get() > 0).await;
            fails::<()>("body").await
        })
        .await
        .unwrap_err();
        assert_eq!(messages(&errors), ["body"]);
        assert_eq!(alive.count(), 0);
    });
}

#[test]
fn groups_nested_in_children_a_thousand_deep_end_together() {
    // Every level is a task of its own, so no stack grows; the tree of scopes does.
    fn level(
        depth: u32,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<u32, tidegate_task_group::BoxError>> + Send>>
    {
        Box::pin(async move {
            if depth == 0 {
                return fails("deep").await;
            }
            let below = Group::scope(async move |group| {
                let child = group.spawn(level(depth - 1));
                Ok(child.await?)
            });
            Ok(below.await?)
        })
    }
    on_both(|| async {
        let errors = level(1000).await.unwrap_err();
        let errors = errors.downcast::<tidegate_task_group::ErrorGroup>().unwrap();
        assert_eq!(messages(&errors), ["deep"]);
    });
}

#[test]
fn a_supervisor_runs_a_hundred_thousand_children_and_keeps_none() {
    paused(async {
        let alive = Alive::default();
        let result = Group::builder()
            .policy(Policy::Supervise)
            .limit(64)
            .scope(async |group| {
                for n in 0..100_000 {
                    let held = alive.clone();
                    drop(
                        group
                            .spawn_bounded(async move {
                                let _held = held;
                                if n % 3 == 0 { fails("boom").await } else { Ok(()) }
                            })
                            .await,
                    );
                    assert!(group.len() <= 65 && alive.count() <= 66);
                }
                Ok(())
            })
            .await;
        result.unwrap();
        assert_eq!(alive.count(), 0);
    });
}
