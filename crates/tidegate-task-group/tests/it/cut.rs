//! Every public future, dropped after 0, 1, 2, … polls, with the world checked afterwards.

use tidegate_task_group::{Policy, TaskError};
use tidegate_test::cut_everywhere;

use crate::support::*;

#[test]
fn a_scope_dropped_anywhere_leaves_nothing_behind() {
    for policy in [Policy::FailFast, Policy::CollectAll, Policy::Supervise, Policy::FirstSuccess] {
        for limit in [1, 100] {
            let runs = cut_everywhere(|cut| {
                paused(async {
                    let (alive, opened, cleaned) =
                        (Alive::default(), Counter::default(), Counter::default());
                    let builder = Group::builder().policy(policy).limit(limit);
                    let group = builder.scope(async |group| {
                        for _ in 0..3 {
                            let (alive, opened, cleaned) =
                                (alive.clone(), opened.clone(), cleaned.clone());
                            drop(group.spawn(async move {
                                let _alive = alive;
                                tokio::task::yield_now().await;
                                opened.add();
                                // Half of it is clean-up; all of it must happen.
                                tidegate_timeout::shield(async {
                                    tokio::task::yield_now().await;
                                    cleaned.add();
                                })
                                .await;
                                tokio::task::yield_now().await;
                                Ok(())
                            }));
                            tokio::task::yield_now().await;
                        }
                        breathe().await;
                        Ok(())
                    });
                    if let Some(result) = cut.short(group).await {
                        result.unwrap();
                    }
                    until(|| alive.count() == 0).await;
                    assert_eq!(opened.get(), cleaned.get());
                });
            });
            assert!(runs > 5, "{policy:?} {limit}: {runs}");
        }
    }
}

#[test]
fn a_task_dropped_anywhere_leaves_its_child_alone() {
    let runs = cut_everywhere(|cut| {
        paused(async {
            let ended = Counter::default();
            Group::scope(async |group| {
                let counter = ended.clone();
                let task = group.spawn(async move {
                    breathe().await;
                    counter.add();
                    Ok(String::from("value"))
                });
                if let Some(value) = cut.short(task).await {
                    assert_eq!(value.unwrap(), "value");
                }
                Ok(())
            })
            .await
            .unwrap();
            assert_eq!(ended.get(), 1);
        });
    });
    assert!(runs > 1);
}

#[test]
fn spawn_bounded_dropped_anywhere_keeps_no_place_and_no_slot() {
    let runs = cut_everywhere(|cut| {
        paused(async {
            let alive = Alive::default();
            Group::builder()
                .limit(1)
                .scope(async |group| {
                    drop(group.spawn(async {
                        breathe().await;
                        Ok(())
                    }));
                    let held = alive.clone();
                    let bounded = group.spawn_bounded(async move {
                        let _held = held;
                        Ok(5)
                    });
                    match cut.short(bounded).await {
                        Some(task) => assert_eq!(task.await?, 5),
                        None => assert_eq!(alive.count(), 0),
                    }
                    assert_eq!(group.spawn(async { Ok(6) }).await?, 6);
                    Ok(())
                })
                .await
                .unwrap();
            assert_eq!(alive.count(), 0);
        });
    });
    assert!(runs > 1);
}

#[test]
fn a_scope_dropped_anywhere_while_it_ends_resolves_its_tasks() {
    cut_everywhere(|cut| {
        paused(async {
            let mut tasks = Vec::new();
            let group = Group::scope(async |group| {
                for n in 0..5 {
                    tasks.push(group.spawn(async move {
                        tokio::task::yield_now().await;
                        if n == 3 { fails("boom").await } else { forever::<()>().await }
                    }));
                }
                forever::<()>().await
            });
            if let Some(result) = cut.short(group).await {
                assert_eq!(messages(&result.unwrap_err()), ["boom"]);
            }
            for task in tasks {
                let error = task.await.unwrap_err();
                assert!(matches!(error, TaskError::Failed | TaskError::Cancelled(_)));
            }
        });
    });
}
