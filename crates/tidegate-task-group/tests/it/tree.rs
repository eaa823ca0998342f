//! What runs where, and since when.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use tidegate_task_group::{BoxError, Policy, TaskSet, TaskState, TaskTree};
use tidegate_timeout::{CancelReason, cancel_scope, current_scope, shield, timeout};
use tokio::time::sleep;

use crate::support::*;

fn names(tree: &TaskTree) -> Vec<String> {
    let name = |name: &Option<String>, id| name.clone().unwrap_or_else(|| format!("#{id}"));
    tree.tasks.iter().map(|task| name(&task.name, task.id)).collect()
}

/// The lines, without the places.
fn drawn(tree: &TaskTree) -> String {
    let drawn = tree.to_string();
    let bare = |line: &str| {
        let end = line.find("; at ").or(line.find(", at ")).unwrap_or(line.len());
        line[..end].to_owned()
    };
    drawn.lines().map(bare).collect::<Vec<_>>().join("\n")
}

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
                assert_eq!(tree.to_string().matches("tree.rs:").count(), 10);
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
fn who_waits_for_a_turn_is_shown_so_until_it_comes() {
    on_both(|| async {
        let go = Arc::new(AtomicBool::new(false));
        Group::builder()
            .limit(1)
            .scope(async |group| {
                let first = group.spawn({
                    let go = Arc::clone(&go);
                    async move {
                        while !go.load(Ordering::Relaxed) {
                            tokio::task::yield_now().await;
                        }
                        Ok(())
                    }
                });
                let second = group.spawn(forever::<()>());
                while group.tree().tasks.len() < 2 {
                    tokio::task::yield_now().await;
                }
                let states = |tree: &TaskTree| -> Vec<_> {
                    tree.tasks.iter().map(|task| task.state).collect()
                };
                assert_eq!(states(&group.tree()), [TaskState::Running, TaskState::Waiting]);
                go.store(true, Ordering::Relaxed);
                first.await?;
                while states(&group.tree()) != [TaskState::Running] {
                    tokio::task::yield_now().await;
                }
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
fn a_group_that_is_over_is_gone_although_somebody_has_a_handle() {
    paused(async {
        let mut kept = None;
        Group::scope(async |outer| {
            let inner = Group::scope(async |inner| {
                let tree = outer.tree();
                assert_eq!((tree.groups.len(), tree.groups[0].body), (1, true));
                Ok(inner.clone())
            });
            let inner = inner.await?;
            assert!(outer.tree().groups.is_empty());
            kept = Some((outer.clone(), inner));
            Ok(())
        })
        .await
        .unwrap();
        let (outer, inner) = kept.unwrap();
        for tree in [outer.tree(), inner.tree()] {
            assert!(!tree.body && tree.tasks.is_empty() && tree.groups.is_empty());
            assert!(drawn(&tree).starts_with("group (fail fast): 0 live"));
        }
    });
}

#[test]
fn each_policy_shows_the_groups_of_its_body_and_of_its_children_where_they_are() {
    for policy in [Policy::FailFast, Policy::CollectAll, Policy::Supervise, Policy::FirstSuccess] {
        paused(async move {
            let open = move |name: &'static str| async move {
                let group = Group::builder().name(name).policy(policy).scope(async |group| {
                    drop(group.task(name).spawn(forever::<()>()));
                    forever::<()>().await
                });
                group.await?;
                Ok::<_, BoxError>(())
            };
            let group = Group::builder().policy(policy).scope(async |outer| {
                let middle = outer.spawn(async move {
                    let group = Group::builder().name("middle").policy(policy);
                    let group = group.scope(async |middle| {
                        drop(middle.task("a child").spawn(open("of the child")));
                        open("of the body").await
                    });
                    group.await?;
                    Ok(())
                });
                sleep(SECOND).await;
                let tree = outer.tree();
                assert!(tree.groups.is_empty(), "{tree}");
                assert_eq!(tree.tasks[0].groups.len(), 1, "{tree}");
                let middle_tree = &tree.tasks[0].groups[0];
                assert_eq!(middle_tree.name.as_deref(), Some("middle"));
                assert_eq!(middle_tree.groups.len(), 1, "{tree}");
                assert_eq!(names(&middle_tree.groups[0]), ["of the body"]);
                assert_eq!(names(middle_tree), ["a child"]);
                assert_eq!(names(&middle_tree.tasks[0].groups[0]), ["of the child"]);
                drop(middle);
                outer.cancel("seen");
                Ok(())
            });
            let _ = group.await;
        });
    }
}

async fn inside(name: &'static str) {
    let _ = Group::builder().name(name).scope(async |_| forever::<()>().await).await;
}

#[test]
fn groups_are_found_through_whatever_is_between() {
    paused(async {
        let group = Group::scope(async |outer| {
            drop(outer.spawn(async move {
                let _ = timeout(HOUR, cancel_scope(async |_| inside("scopes").await)).await;
                Ok(())
            }));
            drop(outer.spawn(async move {
                let _ = tokio::join!(inside("left"), timeout(HOUR, inside("right")));
                Ok(())
            }));
            drop(outer.spawn(async move {
                let scope = tidegate_timeout::scope::Scope::new();
                let _ = tokio::spawn(scope.run(inside("a task of its own"))).await;
                Ok(())
            }));
            sleep(SECOND).await;
            let mut found: Vec<Vec<_>> = Vec::new();
            for task in &outer.tree().tasks {
                let mut names: Vec<_> =
                    task.groups.iter().map(|group| group.name.clone().unwrap()).collect();
                names.sort();
                found.push(names);
            }
            assert_eq!(found, [vec!["scopes"], vec!["left", "right"], vec!["a task of its own"]]);
            outer.cancel("seen");
            Ok(())
        });
        group.await.unwrap();
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

#[test]
fn a_group_in_a_shield_is_hidden() {
    paused(async {
        Group::scope(async |outer| {
            let hidden = outer.spawn(async {
                shield(Group::scope(async |_| {
                    sleep(2 * SECOND).await;
                    Ok(())
                }))
                .await?;
                Ok(())
            });
            sleep(SECOND).await;
            let tree = outer.tree();
            assert_eq!((tree.tasks.len(), tree.tasks[0].groups.len()), (1, 0));
            hidden.await?;
            Ok(())
        })
        .await
        .unwrap();
    });
}

// The scope is asked for only later: the group learns of it then.
#[test]
fn a_group_that_a_child_opens_late_is_found() {
    on_both(|| async {
        Group::scope(async |outer| {
            let (open, opened) = tokio::sync::oneshot::channel::<()>();
            let child = outer.spawn(async move {
                opened.await?;
                let inner = Group::scope(async |inner| {
                    drop(inner.spawn(forever::<()>()));
                    forever::<()>().await
                });
                inner.await?;
                Ok(())
            });
            while outer.tree().tasks.is_empty() {
                tokio::task::yield_now().await;
            }
            assert!(outer.tree().tasks[0].groups.is_empty());
            open.send(()).unwrap();
            while outer.tree().tasks[0].groups.first().is_none_or(|it| it.tasks.is_empty()) {
                tokio::task::yield_now().await;
            }
            child.abort();
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_tree_is_taken_from_inside_of_a_poll_and_a_drop() {
    struct Looks(Group);
    impl Drop for Looks {
        fn drop(&mut self) {
            assert!(self.0.tree().to_string().starts_with("group"));
        }
    }
    on_both(|| async {
        let group = Group::scope(async |group| {
            let looks = Looks(group.clone());
            drop(group.spawn(async move {
                let looks = looks;
                let mut polls = 0;
                poll_fn(|cx| {
                    polls += 1;
                    let _ = (looks.0.tree(), current_scope());
                    cx.waker().wake_by_ref();
                    if polls > 3 { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
                forever::<()>().await
            }));
            breathe().await;
            group.cancel("enough");
            Ok(())
        });
        group.await.unwrap();
    });
}

#[test]
fn the_tree_of_a_paused_clock_is_taken_from_a_thread_without_one() {
    paused(async {
        Group::scope(async |group| {
            let child = group.spawn(forever::<()>());
            sleep(100 * HOUR).await;
            let looks = group.clone();
            let tree = std::thread::spawn(move || looks.tree()).join().unwrap();
            assert_eq!(tree.tasks[0].age, 100 * HOUR);
            child.abort();
            Ok(())
        })
        .await
        .unwrap();
    });
}

#[test]
fn nobody_is_held_up_while_ten_thousand_come_and_go_and_another_thread_draws() {
    let children = if cfg!(miri) { 100 } else { 10_000 };
    let test = move || async move {
        let over = Arc::new(AtomicBool::new(false));
        Group::builder()
            .policy(Policy::Supervise)
            .scope(async |group| {
                let (looks, stop) = (group.clone(), Arc::clone(&over));
                let drawer = std::thread::spawn(move || {
                    let mut drawn = 0;
                    while !stop.load(Ordering::Relaxed) || drawn == 0 {
                        let tree = looks.tree();
                        assert!(tree.tasks.windows(2).all(|pair| pair[0].id < pair[1].id));
                        assert!(!tree.to_string().is_empty());
                        drawn += 1;
                    }
                    drawn
                });
                for round in 0..children / 100 {
                    for i in 0..100 {
                        drop(group.spawn(async move {
                            match i % 4 {
                                0 => {}
                                1 => tokio::task::yield_now().await,
                                2 => _ = timeout(HOUR, tokio::task::yield_now()).await,
                                _ => {
                                    let inner = Group::scope(async |inner| {
                                        drop(inner.task("inner").spawn(async {
                                            tokio::task::yield_now().await;
                                            Ok(())
                                        }));
                                        Ok(())
                                    });
                                    inner.await?;
                                }
                            }
                            if i == round % 100 { fails("one").await } else { Ok(()) }
                        }));
                    }
                    tokio::task::yield_now().await;
                }
                while !group.is_empty() {
                    tokio::task::yield_now().await;
                }
                assert!(group.tree().tasks.is_empty());
                over.store(true, Ordering::Relaxed);
                assert!(drawer.join().unwrap() > 0);
                Ok(())
            })
            .await
            .unwrap();
    };
    paused(test());
    on_two_workers(test());
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

#[test]
fn a_stranger_who_polls_a_group_by_hand_is_shown_as_well() {
    // No runtime, and so no children; the clock is the machine's.
    let group = Group::scope(async |group| {
        let tree = group.tree();
        assert!(tree.body && tree.tasks.is_empty());
        Ok(())
    });
    assert!(tidegate_test::poll_once(pin!(group)).is_ready());
}
