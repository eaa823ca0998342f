//! What a task and a group are about.

use super::*;

#[test]
fn who_waits_for_a_turn_is_shown_so_until_it_comes() {
    on_both(|| async {
        let go = Arc::new(AtomicBool::new(false));
        Group::builder()
            .limit(1)
            .scope(async |group| {
                let first = group.spawn({
                    let go = Arc::clone(&go);
                    async move {
                        until(|| go.load(Ordering::Relaxed)).await;
                        Ok(())
                    }
                });
                let second = group.spawn(forever::<()>());
                until(|| group.tree().tasks.len() >= 2).await;
                let states = |tree: &TaskTree| -> Vec<_> {
                    tree.tasks.iter().map(|task| task.state).collect()
                };
                assert_eq!(states(&group.tree()), [TaskState::Running, TaskState::Waiting]);
                go.store(true, Ordering::Relaxed);
                first.await?;
                until(|| states(&group.tree()) == [TaskState::Running]).await;
                second.abort();
                let _ = second.await;
                assert!(group.tree().tasks.is_empty());
                Ok(())
            })
            .await
            .unwrap();
    });
}

// A turn that has come is seen although the child does not give way in its first poll.
#[test]
fn a_turn_that_has_come_is_seen_from_inside() {
    paused(async {
        Group::builder()
            .limit(1)
            .scope(async |group| {
                drop(group.spawn(async {
                    sleep(SECOND).await;
                    Ok(())
                }));
                let looks = group.clone();
                let second = group.spawn(async move { Ok(looks.tree().tasks[0].state) });
                assert_eq!(second.await?, TaskState::Running);
                Ok(())
            })
            .await
            .unwrap();
    });
}

#[test]
fn who_is_cancelled_and_cleans_up_is_shown_so() {
    paused(async {
        let group = Group::scope(async |group| {
            let aborted = group.task("aborted").spawn(with_cleanup(async { sleep(SECOND).await }));
            drop(group.task("other").spawn(with_cleanup(async { sleep(SECOND).await })));
            sleep(SECOND).await;
            let states = || {
                let tree = group.tree();
                (tree.tasks.iter().map(|it| it.state).collect::<Vec<_>>(), tree.cancelled)
            };
            assert_eq!(states(), (vec![TaskState::Running; 2], None));
            aborted.abort();
            // At once, and when it has heard of it.
            for _ in 0..2 {
                assert_eq!(states(), (vec![TaskState::Cancelling, TaskState::Running], None));
                breathe().await;
            }
            group.cancel("enough");
            let why = CancelReason::from("enough");
            assert_eq!(states(), (vec![TaskState::Cancelling; 2], Some(why)));
            assert!(group.tree().to_string().contains("; cancelled: enough; at"));
            Ok(())
        });
        group.await.unwrap();
    });
}

#[test]
fn a_child_that_has_missed_its_own_deadline_is_cancelling() {
    paused(async {
        let errors = Group::builder().policy(Policy::CollectAll).scope(async |group| {
            let deadline = tidegate_timeout::Deadline::after(SECOND);
            drop(
                group
                    .task("late")
                    .deadline(deadline)
                    .spawn(with_cleanup(async { sleep(HOUR).await })),
            );
            sleep(2 * SECOND).await;
            assert_eq!(group.tree().tasks[0].state, TaskState::Cancelling);
            Ok(())
        });
        errors.await.unwrap_err();
    });
}

#[test]
fn a_group_that_stops_says_so() {
    paused(async {
        Group::scope(async |group| {
            let inner = Group::scope(async |inner| {
                drop(inner.spawn(async {
                    tidegate_timeout::stop_requested().await;
                    Ok(())
                }));
                breathe().await;
                group.request_stop();
                let tree = group.tree();
                assert!(tree.stopping && tree.groups[0].stopping);
                assert!(tree.cancelled.is_none());
                assert_eq!(tree.to_string().matches("; stopping").count(), 2);
                Ok(())
            });
            inner.await?;
            Ok(())
        })
        .await
        .unwrap();
    });
}
