//! Children like any other.

use super::*;

#[test]
fn a_blocking_child_runs_on_a_thread_and_is_a_child_like_any_other() {
    on_both(|| async {
        let here = thread::current().id();
        let outcome = Group::scope(async |group| {
            let one = group.spawn_blocking(move |_| Ok((thread::current().id() != here, 1)));
            let two = group.task("two").spawn_blocking(|_| Ok(vec![2]));
            assert_eq!((one.id(), two.id(), two.name()), (0, 1, Some("two")));
            let sum = async { Ok::<_, TaskError>((one.await?, two.await?)) }.await?;
            let failed = group.task("three").spawn_blocking(|_| Err::<(), _>("no".into()));
            assert_eq!(failed.await, Err(TaskError::Failed));
            assert_eq!(sum, ((true, 1), vec![2]));
            let now = group.statistics();
            assert_eq!((now.spawned, now.live, now.succeeded, now.failed), (3, 0, 2, 1));
            forever::<()>().await
        });
        let errors = outcome.await.unwrap_err();
        assert_eq!(messages(&errors), ["no"]);
        let origin = errors.details().next().unwrap().origin.clone();
        assert_eq!((origin.name(), origin.id()), (Some("three"), Some(2)));
        assert_eq!(origin.location().unwrap().file(), file!());
    });
}

#[test]
fn a_group_waits_for_a_blocking_child() {
    on_both(|| async {
        let done = Counter::default();
        let inside = done.clone();
        let outcome = Group::scope(async move |group| {
            drop(group.spawn_blocking(move |_| {
                thread::yield_now();
                inside.add();
                Ok(())
            }));
            Ok("body")
        });
        assert_eq!(outcome.await.unwrap(), "body");
        assert_eq!(done.get(), 1);
    });
}

#[test]
fn a_closure_sees_the_scope_of_its_group() {
    on_both(|| async {
        let deadline = Deadline::after(HOUR);
        let group = Group::builder().deadline(deadline);
        let seen = group.scope(async |group| {
            let see = |cx: &JobCx| {
                let calm = !cx.is_cancelled() && cx.checkpoint().is_ok() && checkpoint().is_ok();
                let inside = cx.block_on(async { Deadline::ambient() });
                Ok((calm, cx.deadline(), Deadline::ambient(), inside, current_scope().is_some()))
            };
            Ok(group.spawn_blocking(see).await?)
        });
        assert_eq!(seen.await.unwrap(), (true, deadline, deadline, deadline, true));
    });
}

#[test]
fn a_blocking_child_may_spawn_children_and_wait_for_them() {
    on_both(|| async {
        let outcome = Group::scope(async |group| {
            let inside = group.clone();
            let task = group.spawn_blocking(move |cx| {
                let child = inside.spawn(async {
                    breathe().await;
                    Ok(20)
                });
                let thread = inside.spawn_blocking(|_| Ok(22));
                Ok(cx.block_on(child)? + cx.block_on(thread)?)
            });
            Ok(task.await?)
        });
        assert_eq!(outcome.await.unwrap(), 42);
    });
}

#[test]
fn a_group_inside_of_a_blocking_child_ends_with_it() {
    on_both(|| async {
        let alive = Alive::default();
        let token = alive.clone();
        let outcome = Group::scope(async move |group| {
            let (started, has_started) = oneshot::channel();
            let task: Task<()> = group.spawn_blocking(move |cx| {
                let inner = Group::scope(async move |inner| {
                    drop(inner.spawn(with_cleanup(async move {
                        breathe().await;
                        drop(token);
                    })));
                    breathe().await;
                    started.send(()).unwrap();
                    forever::<()>().await
                });
                Ok(cx.block_on(inner)?)
            });
            has_started.await?;
            task.abort();
            assert!(matches!(task.await, Err(TaskError::Cancelled(_))));
            assert_eq!(alive.count(), 0);
            Ok(())
        });
        outcome.await.unwrap();
    });
}

#[test]
fn a_closure_has_what_every_child_inherits() {
    static USER: ContextVar<&str> = ContextVar::new("user");
    on_both(|| async {
        let outcome = Group::builder().limit(1).scope(async |group| {
            let (one, two) = USER.sync_scope("ada", || {
                let see = |cx: &JobCx| Ok((USER.get(), cx.block_on(async { USER.get() })));
                (group.spawn_blocking(see), group.spawn_blocking(see))
            });
            let other = group.spawn_blocking(|_| Ok(USER.get()));
            Ok((one.await?, two.await?, other.await?))
        });
        let ada = (Some("ada"), Some("ada"));
        assert_eq!(outcome.await.unwrap(), (ada, ada, None));
    });
}

#[test]
fn first_success_and_supervise_go_for_blocking_children_too() {
    on_both(|| async {
        let first = Group::builder().policy(Policy::FirstSuccess);
        let outcome = first.scope(async |group| {
            let slow: Task<()> = group.spawn_blocking(|cx| {
                wait_for_cancellation(cx);
                Err(cx.checkpoint().unwrap_err().into())
            });
            let quick = group.spawn_blocking(|_| Ok(1));
            let (slow, quick) = (slow.await, quick.await);
            Ok((slow.is_err(), quick?))
        });
        assert_eq!(outcome.await.unwrap(), (true, 1));

        let supervised = Group::builder().policy(Policy::Supervise);
        let outcome = supervised.scope(async |group| {
            let bad: Task<()> = group.spawn_blocking(|_| Err("no".into()));
            assert_eq!(bad.await, Err(TaskError::Failed));
            Ok(group.spawn_blocking(|_| Ok(1)).await?)
        });
        assert_eq!(outcome.await.unwrap(), 1);
    });
}

#[test]
fn a_closed_group_drops_the_closure() {
    paused(async {
        let alive = Alive::default();
        let kept = std::cell::RefCell::new(None);
        let outcome = Group::scope(async |group| {
            *kept.borrow_mut() = Some(group.clone());
            Ok(())
        });
        outcome.await.unwrap();
        let group = kept.take().unwrap();
        let token = alive.clone();
        let task = group.spawn_blocking(move |_| {
            drop(token);
            Ok(())
        });
        assert_eq!(alive.count(), 0);
        assert!(matches!(task.await, Err(TaskError::Cancelled(_))));
    });
}

#[test]
fn an_error_of_any_type_comes_back() {
    #[derive(Debug, PartialEq, thiserror::Error)]
    #[error("number {0}")]
    struct Numbered(u8);
    on_both(|| async {
        let outcome = TaskGroup::<Numbered>::scope(async |group| {
            drop(group.spawn_blocking(|_| Err::<(), _>(Numbered(3))));
            std::future::pending::<Result<(), _>>().await
        });
        assert_eq!(outcome.await.unwrap_err().into_first(), Numbered(3));
    });
}
