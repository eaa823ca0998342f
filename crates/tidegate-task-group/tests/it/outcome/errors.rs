//! Children and bodies that fail.

use super::*;

#[test]
fn a_failing_child_cancels_the_waiting_body_and_its_siblings() {
    on_both(|| async {
        let alive = Alive::default();
        let (inner, sibling) = (alive.clone(), alive.clone());
        let errors = Group::scope(async move |group| {
            let _inner = inner;
            drop(group.spawn(async move {
                let _sibling = sibling;
                forever::<()>().await
            }));
            drop(group.spawn(fails::<()>("boom")));
            forever::<()>().await
        })
        .await
        .unwrap_err();
        assert_eq!(messages(&errors), ["boom"]);
        assert_eq!(alive.count(), 0);
    });
}

#[test]
fn a_body_that_fails_alone_is_reported_in_a_group_too() {
    on_both(|| async {
        let alive = Alive::default();
        let child = alive.clone();
        let errors = Group::scope(async move |group| {
            drop(group.spawn(async move {
                let _child = child;
                forever::<()>().await
            }));
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
fn errors_of_children_that_are_cleaning_up_come_before_the_bodys() {
    on_both(|| async {
        let begun = Counter::default();
        let begins = begun.clone();
        let errors = Group::scope(async |group| {
            drop(group.spawn(async move {
                begins.add();
                tidegate_timeout::cancelled().await;
                fails::<()>("clean-up").await
            }));
            until(|| begun.get() == 1).await;
            fails::<()>("body").await
        })
        .await
        .unwrap_err();
        let in_order: Vec<_> = errors.leaves().map(ToString::to_string).collect();
        assert_eq!(in_order, ["clean-up", "body"]);
    });
}

#[test]
fn a_body_that_fails_after_a_child_did_is_reported_with_it() {
    on_both(|| async {
        let errors = Group::scope(async |group| {
            drop(group.spawn(fails::<()>("child")));
            tidegate_timeout::cancelled().await;
            fails::<()>("body").await
        })
        .await
        .unwrap_err();
        assert_eq!(messages(&errors), ["body", "child"]);
    });
}

#[test]
fn a_body_that_passes_a_childs_failure_on_does_not_report_it_twice() {
    on_both(|| async {
        let errors = Group::scope(async |group| {
            let child = group.spawn(fails::<()>("child"));
            child.await?;
            Ok(())
        })
        .await
        .unwrap_err();
        assert_eq!(messages(&errors), ["child"]);
    });
}

#[test]
fn a_failure_of_another_groups_task_is_an_error_like_others() {
    on_both(|| async {
        let errors = Group::scope(async |outer| {
            let child = outer.spawn(fails::<()>("child"));
            let inner = Group::scope(async |_| {
                child.await?;
                Ok(())
            });
            inner.await?;
            Ok(())
        })
        .await
        .unwrap_err();
        assert_eq!(messages(&errors), ["child", "the task failed"]);
    });
}

#[test]
fn a_child_that_was_not_polled_before_the_body_failed_never_runs() {
    paused(async {
        let runs = Counter::default();
        let errors = Group::scope(async |group| {
            let runs = runs.clone();
            drop(group.spawn(async move {
                runs.add();
                Ok(())
            }));
            fails::<()>("body").await
        })
        .await
        .unwrap_err();
        assert_eq!(messages(&errors), ["body"]);
        assert_eq!(runs.get(), 0);
    });
}

#[test]
fn errors_are_reported_with_name_and_place() {
    on_both(|| async {
        let errors = Group::scope(async |group| {
            drop(group.task("reader").spawn(fails::<()>("no paper")));
            Ok(())
        })
        .await
        .unwrap_err();
        let drawn = format!("{errors:?}");
        assert!(drawn.contains("[reader] no paper (at ") && drawn.contains("errors.rs:"));
        let origin = errors.details().next().unwrap().origin;
        assert_eq!(origin.name(), Some("reader"));
    });
}

#[test]
fn nested_groups_report_a_tree() {
    // trio 35
    on_both(|| async {
        let errors = TaskGroup::builder()
            .name("outer")
            .scope(async |group: Group| {
                drop(group.task("nested").spawn(async {
                    TaskGroup::builder()
                        .name("inner")
                        .scope(async |group: Group| {
                            drop(group.spawn(fails::<()>("leaf")));
                            forever::<()>().await
                        })
                        .await?;
                    Ok(())
                }));
                forever::<()>().await
            })
            .await
            .unwrap_err();
        assert_eq!(messages(&errors), ["leaf"]);
        let drawn = format!("{errors:?}");
        assert!(drawn.starts_with("task group `outer` failed (1 error)\n└─ [nested] task group `inner` failed (1 error)\n   └─ [task 0] leaf"), "{drawn}");
    });
}
