//! Children that are cancelled while they run.

use super::*;

#[test]
fn the_failure_of_another_child_is_told_and_waited_for_and_alone_reported() {
    on_both(|| async {
        let seen = Counter::default();
        let inside = seen.clone();
        let outcome = Group::scope(async move |group| {
            let (started, has_started) = oneshot::channel();
            drop(group.spawn_blocking::<(), _>(move |cx| {
                started.send(()).unwrap();
                wait_for_cancellation(cx);
                let why = cx.checkpoint().unwrap_err().reason();
                assert_eq!(why, CancelReason::SiblingFailed);
                inside.add();
                cx.checkpoint()?;
                unreachable!("it was cancelled")
            }));
            has_started.await?;
            drop(group.spawn(fails::<()>("no paper")));
            forever::<()>().await
        });
        assert_eq!(messages(&outcome.await.unwrap_err()), ["no paper"]);
        assert_eq!(seen.get(), 1);
    });
}

#[test]
fn a_child_that_gives_a_value_although_it_was_cancelled_does_not_lose_it() {
    on_both(|| async {
        let outcome = Group::scope(async |group| {
            let (started, has_started) = oneshot::channel();
            let task = group.spawn_blocking(move |cx| {
                started.send(()).unwrap();
                wait_for_cancellation(cx);
                Ok(5)
            });
            has_started.await?;
            task.abort();
            assert_eq!(task.await, Ok(5));
            Ok(())
        });
        outcome.await.unwrap();
    });
}

#[test]
fn an_abort_tells_a_running_closure_and_is_no_failure() {
    on_both(|| async {
        let outcome = Group::scope(async |group| {
            let (started, has_started) = oneshot::channel();
            let alive = Alive::default();
            let token = alive.clone();
            let task: Task<()> = group.spawn_blocking(move |cx| {
                let _token = token;
                started.send(()).unwrap();
                wait_for_cancellation(cx);
                cx.checkpoint()?;
                unreachable!("it was cancelled")
            });
            has_started.await?;
            task.abort();
            assert!(matches!(task.await, Err(TaskError::Cancelled(_))));
            assert_eq!(alive.count(), 0);
            let now = group.statistics();
            assert_eq!((now.failed, now.cancelled), (0, 1));
            Ok("the body goes on")
        });
        assert_eq!(outcome.await.unwrap(), "the body goes on");
    });
}

#[test]
fn block_on_in_a_cancelled_child_ends_it_without_a_panic() {
    on_both(|| async {
        for on_panic in [OnPanic::Propagate, OnPanic::Capture] {
            let builder = Group::builder().on_panic(on_panic);
            let outcome = builder.scope(async |group| {
                let (started, has_started) = oneshot::channel();
                let task: Task<()> = group.spawn_blocking(move |cx| {
                    started.send(()).unwrap();
                    cx.block_on(std::future::pending())
                });
                has_started.await?;
                task.abort();
                assert!(matches!(task.await, Err(TaskError::Cancelled(_))));
                assert_eq!(group.statistics().panicked, 0);
                Ok(())
            });
            outcome.await.unwrap();
        }
    });
}

#[test]
fn a_closure_that_cancels_itself_ends_cancelled() {
    on_both(|| async {
        let outcome = Group::scope(async |group| {
            let task: Task<()> = group.spawn_blocking(|cx| {
                current_scope().unwrap().cancel("myself");
                cx.block_on(std::future::pending())
            });
            assert_eq!(task.await, Err(TaskError::Cancelled("myself".into())));
            Ok(())
        });
        outcome.await.unwrap();
    });
}

#[test]
fn an_interruption_that_is_caught_is_told_apart() {
    on_both(|| async {
        let outcome = Group::scope(async |group| {
            let (started, has_started) = oneshot::channel();
            let task = group.spawn_blocking(move |cx| {
                started.send(()).unwrap();
                let wait = || cx.block_on(std::future::pending::<()>());
                let caught = catch_unwind(AssertUnwindSafe(wait)).unwrap_err();
                let other = catch_unwind(|| resume_unwind(Box::new("other"))).unwrap_err();
                Ok((JobCx::is_interruption(&*caught), JobCx::is_interruption(&*other)))
            });
            has_started.await?;
            task.abort();
            assert_eq!(task.await, Ok((true, false)));
            Ok(())
        });
        outcome.await.unwrap();
    });
}
