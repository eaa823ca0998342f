//! What is drawn, and what is walked.

use super::*;

#[test]
fn groups_three_deep_are_drawn_below_the_tasks_that_opened_them() {
    paused(async {
        let group = Group::builder().name("house").scope(async |house| {
            drop(house.task("kitchen").spawn(async {
                sleep(SECOND).await;
                let group = Group::builder().name("meals").policy(Policy::CollectAll);
                group
                    .scope(async |meals| {
                        drop(meals.spawn(async { Ok(()) }));
                        drop(meals.spawn(fails::<()>("burnt")));
                        drop(meals.task("soup").spawn(async {
                            Group::builder()
                                .policy(Policy::Supervise)
                                .limit(1)
                                .scope(async |cuts| {
                                    drop(cuts.task("carrots").spawn(forever::<()>()));
                                    drop(cuts.task("leeks").spawn(forever::<()>()));
                                    Ok(())
                                })
                                .await?;
                            Ok(())
                        }));
                        forever::<()>().await
                    })
                    .await?;
                Ok(())
            }));
            drop(house.spawn(forever::<()>()));
            // The body has a group as well.
            let tools = Group::builder().name("tools").scope(async |tools| {
                sleep(90 * SECOND).await;
                drop(tools.task("knife").spawn(forever::<()>()));
                breathe().await;
                let tree = house.tree();
                let expected = "\
group `house` (fail fast): 2 live
├─ body: running
│  └─ group `tools` (fail fast): 1 live
│     ├─ body: running
│     └─ knife: running, 0ms old
├─ kitchen: running, 1m 30s old
│  └─ group `meals` (collect all): 1 live, 1 succeeded, 1 failed
│     ├─ body: running
│     └─ soup: running, 1m 29s old
│        └─ group (supervise): 2 live, 1 waiting
│           ├─ carrots: running, 1m 29s old
│           └─ leeks: waiting for its turn, 1m 29s old
└─ #1: running, 1m 30s old";
                assert_eq!(drawn(&tree), expected);
                assert_eq!(tree.to_string().matches("shown.rs:").count(), 10);
                assert_eq!(tools.tree(), tree.groups[0]);
                house.cancel("dinner is ready");
                Ok(())
            });
            let _ = tools.await;
            forever::<()>().await
        });
        group.await.unwrap_err();
    });
}

#[test]
fn a_tree_is_walked() {
    paused(async {
        Group::builder()
            .name("walked")
            .limit(4)
            .scope(async |group| {
                let one = group.task("one").spawn(forever::<()>());
                let two = group.spawn(forever::<()>());
                sleep(3 * SECOND).await;
                let line = line!() + 1;
                let three = group.task(String::from("three")).spawn(forever::<()>());
                sleep(SECOND).await;
                let tree = group.tree();
                assert_eq!(
                    (tree.name.as_deref(), tree.policy),
                    (Some("walked"), Some(Policy::FailFast))
                );
                assert!(tree.limited && tree.body && !tree.stopping && tree.cancelled.is_none());
                assert_eq!(tree.statistics, group.statistics());
                assert_eq!(names(&tree), ["one", "#1", "three"]);
                let ids: Vec<_> = tree.tasks.iter().map(|task| task.id).collect();
                assert_eq!(ids, [one.id(), two.id(), three.id()]);
                let ages: Vec<_> = tree.tasks.iter().map(|task| task.age).collect();
                assert_eq!(ages, [4 * SECOND, 4 * SECOND, SECOND]);
                let place = tree.tasks[2].location;
                assert_eq!((place.line(), place.file()), (line, file!()));
                assert!(tree.location.file() == file!());
                assert!(tree.tasks.iter().all(|task| task.state == TaskState::Running));
                group.cancel("seen");
                Ok(())
            })
            .await
            .unwrap();
    });
}

#[test]
fn who_has_not_had_to_wait_is_counted_and_not_shown() {
    paused(async {
        Group::scope(async |group| {
            let looks = group.clone();
            let first = group.spawn(async move {
                let tree = looks.tree();
                Ok((tree.tasks.len(), tree.statistics.live, drawn(&tree)))
            });
            drop(group.spawn(async { Ok(()) }));
            let (shown, live, drawn) = first.await?;
            assert_eq!((shown, live), (0, 2));
            assert!(drawn.ends_with("└─ 2 more, not waiting for anything so far"), "{drawn}");
            breathe().await;
            assert_eq!(group.tree().to_string().lines().count(), 2, "the body is left");
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_set_is_shown_where_it_was_made_and_groups_inside_its_tasks_as_well() {
    paused(async {
        let group = Group::scope(async |outer| {
            drop(outer.spawn(async {
                let mut set = TaskSet::new().limit(1);
                set.spawn(async { 1 });
                set.spawn(async {
                    inside("of the set").await;
                    2
                });
                set.spawn(async { 3 });
                while set.next().await.is_some() {}
                Ok(())
            }));
            sleep(SECOND).await;
            let tree = outer.tree();
            let set = &tree.tasks[0].groups[0];
            assert_eq!((set.policy, set.location.file()), (None, file!()));
            let states: Vec<_> = set.tasks.iter().map(|task| (task.id, task.state)).collect();
            assert_eq!(states, [(1, TaskState::Running), (2, TaskState::Waiting)]);
            assert_eq!(set.tasks[0].groups[0].name.as_deref(), Some("of the set"));
            let expected = "\
group (fail fast): 1 live
├─ body: running
└─ #0: running, 1.0s old
   └─ task set: 2 live, 3 spawned
      ├─ #1: running, 1.0s old
      │  └─ group `of the set` (fail fast): 0 live
      │     └─ body: running
      └─ #2: waiting for its turn, 1.0s old";
            assert_eq!(drawn(&tree), expected);
            outer.cancel("seen");
            Ok(())
        });
        group.await.unwrap();
    });
}

/// Each level is a child of a group in a child of the one around.
fn chain(levels: usize) -> std::pin::Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>> {
    Box::pin(async move {
        Group::scope(async |group| {
            match levels {
                0 => drop(group.spawn(forever::<()>())),
                _ => drop(group.spawn(chain(levels - 1))),
            }
            Ok(())
        })
        .await?;
        Ok(())
    })
}

#[test]
fn a_tree_of_a_thousand_levels_is_shown_down_to_some_depth() {
    paused(async {
        let group = Group::scope(async |group| {
            drop(group.spawn(chain(1_000)));
            sleep(SECOND).await;
            let tree = group.tree();
            let (mut depth, mut level) = (0, &tree);
            while let Some(inner) = level.tasks.first().and_then(|task| task.groups.first()) {
                (depth, level) = (depth + 1, inner);
            }
            assert_eq!(depth, 64);
            assert_eq!(tree.to_string().lines().count(), 2 * 65 + 1);
            group.cancel("seen");
            Ok(())
        });
        group.await.unwrap();
    });
}
