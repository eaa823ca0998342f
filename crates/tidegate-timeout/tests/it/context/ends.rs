//! The ways to end.

use super::*;

#[test]
fn a_value_is_returned_after_the_exit() {
    on_both(|| async {
        let log = Log::default();
        let value = with(log.door("a"), async |open| {
            open.log.add("inside");
            breathe().await;
            open.log.add("still");
            Ok::<_, BoxError>(5)
        });
        assert_eq!(value.await.unwrap(), 5);
        assert_eq!(
            log.lines(),
            ["a opens", "a is open", "inside", "still", "a shuts: Ok", "a is shut"]
        );
    });
}

#[test]
fn an_error_is_returned_after_the_exit_which_was_told_of_it() {
    on_both(|| async {
        let log = Log::default();
        let failed = with(log.door("a"), async |_| Err::<(), BoxError>(Box::new(Stuck("body"))));
        assert_eq!(*failed.await.unwrap_err().downcast::<Stuck>().unwrap(), Stuck("body"));
        assert_eq!(log.lines()[2..], ["a shuts: Err(\"body is stuck\")", "a is shut"]);
    });
}

#[test]
fn a_panic_goes_on_after_the_exit_which_was_told_of_it() {
    on_both(|| async {
        for early in [true, false] {
            let log = Log::default();
            let panics = with(log.door("a"), async |_| {
                if !early {
                    breathe().await;
                }
                out_of_cheese();
                forever::<()>().await
            });
            assert_eq!(panic_of(panics).await, "out of cheese");
            assert_eq!(log.lines()[2..], ["a shuts: Panic(\"out of cheese\")", "a is shut"]);
        }
    });
}

#[test]
fn a_timeout_returns_after_the_exit() {
    on_both(|| async {
        let log = Log::default();
        // The deadline has passed when the body is entered.
        let late = timeout(Duration::ZERO, async {
            shield(async {}).await;
            with(log.door("a").enter(How::Slowly), async |_| forever::<()>().await).await
        });
        assert!(late.await.is_err());
        assert!(!log.has("a is open"), "the cancellation came while it was entered");
    });
    paused(async {
        let log = Log::default();
        let late = timeout(ms(10), with(log.door("a"), async |_| forever::<()>().await));
        assert!(late.await.is_err());
        assert_eq!(log.lines()[2..], ["a shuts: Cancelled(Deadline)", "a is shut"]);
    });
}

#[test]
fn a_cancellation_is_over_after_the_exit_and_nothing_runs_in_between() {
    on_both(|| async {
        let log = Log::default();
        let cancelled = cancel_scope(async |scope| {
            let _ = with(log.door("a"), async |open| {
                scope.cancel("enough");
                let swallowed = forever::<()>().await;
                open.log.add("swallowed");
                swallowed
            })
            .await;
            log.add("after");
        });
        assert_eq!(cancelled.await.unwrap_err().reason(), CancelReason::from("enough"));
        let reason = CancelReason::from("enough");
        assert_eq!(
            log.lines()[2..],
            [format!("a shuts: Cancelled({reason:?})"), "a is shut".into()]
        );
    });
}

#[test]
fn a_value_that_is_ready_when_it_is_cancelled_is_kept() {
    on_both(|| async {
        let log = Log::default();
        let kept = cancel_scope(async |scope| {
            with(log.door("a"), async |_| {
                scope.cancel("enough");
                Ok::<_, BoxError>(5)
            })
            .await
        });
        assert_eq!(kept.await.unwrap().unwrap(), 5);
        assert_eq!(log.lines()[2..], ["a shuts: Ok", "a is shut"]);
    });
}

#[test]
fn a_body_that_ends_when_it_hears_of_the_cancellation_is_heard() {
    on_both(|| async {
        let log = Log::default();
        let outcome = cancel_scope(async |scope| {
            with(log.door("a"), async |_| {
                scope.cancel("enough");
                let reason = tidegate_timeout::cancelled().await;
                Ok::<_, BoxError>(reason)
            })
            .await
        });
        assert_eq!(outcome.await.unwrap().unwrap(), CancelReason::from("enough"));
        assert_eq!(log.lines()[2..], ["a shuts: Ok", "a is shut"]);
    });
}

#[test]
fn a_future_that_is_dropped_leaves_its_exit_to_a_task() {
    on_both(|| async {
        let log = Log::default();
        {
            let mut dropped = pin!(with(log.door("a"), async |_| forever::<()>().await));
            poll_fn(|cx| {
                assert!(dropped.as_mut().poll(cx).is_pending());
                if log.has("a is open") { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }
        until(|| log.has("a is shut")).await;
        assert_eq!(log.lines()[2..], ["a shuts: Dropped", "a is shut"]);
    });
}

#[test]
fn an_aborted_task_leaves_its_exit_to_another_task() {
    on_both(|| async {
        let log = Log::default();
        let task = tokio::spawn({
            let log = log.clone();
            async move { with(log.door("a"), async |_| forever::<()>().await).await }
        });
        until(|| log.has("a is open")).await;
        task.abort();
        until(|| log.has("a is shut")).await;
        assert_eq!(log.lines()[2..], ["a shuts: Dropped", "a is shut"]);
    });
}

#[test]
fn an_exit_that_is_dropped_half_way_goes_on_where_it_was() {
    on_both(|| async {
        let log = Log::default();
        {
            let mut dropped = pin!(with(log.door("a"), async |_| Ok::<_, BoxError>(5)));
            poll_fn(|cx| {
                assert!(dropped.as_mut().poll(cx).is_pending());
                if log.has("a shuts: Ok") { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }
        until(|| log.has("a is shut")).await;
        assert_eq!(log.lines()[2..], ["a shuts: Ok", "a is shut"]);
    });
}
