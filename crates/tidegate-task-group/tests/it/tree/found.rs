//! Which groups are found, and where.

use super::*;

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
            until(|| !outer.tree().tasks.is_empty()).await;
            assert!(outer.tree().tasks[0].groups.is_empty());
            open.send(()).unwrap();
            until(|| !outer.tree().tasks[0].groups.first().is_none_or(|it| it.tasks.is_empty()))
                .await;
            child.abort();
            Ok(())
        })
        .await
        .unwrap();
    });
}
