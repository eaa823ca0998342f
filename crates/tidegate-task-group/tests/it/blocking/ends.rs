//! Groups that end, at their deadline or otherwise, while a thread is busy.

use super::*;

#[test]
fn a_deadline_cancels_a_blocking_child_and_waits_for_it() {
    paused(async {
        let (gate, closed, has_started) = Gate::new();
        let told = Counter::default();
        let inside = told.clone();
        let group = Group::builder().deadline(Deadline::after(SECOND));
        let work = tokio::spawn(group.scope(async move |group| {
            drop(group.spawn_blocking(move |cx| {
                closed.wait();
                inside.max(usize::from(cx.is_cancelled()));
                Ok(())
            }));
            Ok(())
        }));
        has_started.await.unwrap();
        advance(HOUR).await;
        breathe().await;
        assert!(!work.is_finished());
        gate.open();
        // The child had a value, and so had the body: nothing was cut off.
        work.await.unwrap().unwrap();
        assert_eq!(told.get(), 1);
    });
}

#[test]
fn a_grace_bounds_the_wait_of_the_group_and_the_scope_around_takes_over() {
    paused(async {
        let (gate, closed, has_started) = Gate::new();
        let alive = Alive::default();
        let token = alive.clone();
        let left = Arc::new(AtomicBool::new(false));
        let has_left = Arc::clone(&left);
        let around = tokio::spawn(timeout(10 * HOUR, async move {
            let outcome = Group::builder().grace(SECOND).scope(async move |group| {
                let task = group.spawn_blocking(move |_| {
                    let _token = token;
                    closed.wait();
                    Ok(())
                });
                has_started.await?;
                group.cancel("enough");
                let _ = task.await;
                Ok(())
            });
            let _ = outcome.await;
            has_left.store(true, Ordering::SeqCst);
        }));
        for _ in 0..10 {
            breathe().await;
            advance(SECOND / 2).await;
            // The closure may take its time to start.
            while !left.load(Ordering::SeqCst) && alive.count() == 0 {
                breathe().await;
            }
        }
        while !left.load(Ordering::SeqCst) {
            advance(SECOND).await;
            breathe().await;
        }
        for _ in 0..10 {
            breathe().await;
        }
        assert_eq!((alive.count(), around.is_finished()), (1, false), "the scope around waits");
        gate.open();
        assert_eq!(around.await.unwrap(), Ok(()));
        assert_eq!(alive.count(), 0);
    });
}

#[test]
fn a_group_that_is_dropped_tells_its_blocking_children_and_the_scope_around_waits() {
    on_both(|| async {
        let alive = Alive::default();
        let token = alive.clone();
        let outcome = cancel_scope(async move |_| {
            let (started, has_started) = oneshot::channel();
            let group = Group::scope(async move |group| {
                drop(group.spawn_blocking(move |cx| {
                    let _token = token;
                    started.send(()).unwrap();
                    wait_for_cancellation(cx);
                    Ok(())
                }));
                forever::<()>().await
            });
            tokio::select! {
                biased;
                _ = group => unreachable!(),
                it = has_started => it.unwrap(),
            }
        });
        assert!(outcome.await.is_ok());
        assert_eq!(alive.count(), 0);
    });
}

#[test]
fn a_runtime_that_goes_away_tells_its_blocking_children_and_does_not_wait() {
    for workers in [None, Some(2)] {
        let runtime = match workers {
            None => tokio::runtime::Builder::new_current_thread().enable_time().build(),
            Some(n) => {
                tokio::runtime::Builder::new_multi_thread().worker_threads(n).enable_time().build()
            }
        };
        let runtime = runtime.unwrap();
        let (gate, mut closed, has_started) = Gate::new();
        let (told, is_told) = channel();
        let alive = Alive::default();
        let token = alive.clone();
        runtime.spawn(Group::builder().limit(1).scope(async move |group| {
            drop(group.spawn_blocking(move |cx| {
                closed.started();
                wait_for_cancellation(cx);
                told.send(()).unwrap();
                closed.wait();
                Ok(())
            }));
            drop(group.spawn_blocking(move |_| {
                drop(token);
                unreachable!("it never has its turn")
            }) as Task<()>);
            forever::<()>().await
        }));
        runtime.block_on(has_started).unwrap();
        // The closure runs on meanwhile.
        drop(runtime);
        is_told.recv().unwrap();
        assert_eq!(alive.count(), 0);
        gate.open();
    }
}

#[test]
fn a_scope_that_only_carries_a_group_reports_for_its_blocking_child() {
    on_both(|| async {
        // Where nothing around drops the group, it reports the cancellation itself.
        let scope = Scope::new();
        let handle = scope.handle();
        let (started, has_started) = oneshot::channel();
        let group = scope.enter(|| {
            Group::scope(async move |group| {
                drop(group.spawn_blocking(move |cx| {
                    let _ = started.send(());
                    wait_for_cancellation(cx);
                    Ok(())
                }));
                forever::<()>().await
            })
        });
        let work = tokio::spawn(scope.run(group));
        has_started.await.unwrap();
        handle.cancel(CancelReason::Shutdown);
        assert!(matches!(work.await.unwrap(), tidegate_timeout::scope::Ended::Cancelled(_)));
    });
}

#[test]
fn a_group_waits_for_what_an_aborted_child_left_when_its_grace_was_over() {
    on_both(|| async {
        let (gate, closed, has_started) = Gate::new();
        let alive = Alive::default();
        let token = alive.clone();
        let watch = alive.clone();
        let outcome = Group::builder().grace(Duration::ZERO).scope(async move |group| {
            let task: Task<()> = group.spawn_blocking(move |_| {
                let _token = token;
                closed.wait();
                (0..100).for_each(|_| thread::yield_now());
                Ok(())
            });
            has_started.await?;
            task.abort();
            assert!(matches!(task.await, Err(TaskError::Cancelled(_))));
            assert_eq!((watch.count(), group.len()), (2, 0), "the closure and this one");
            gate.open();
            Ok("body")
        });
        assert_eq!(outcome.await.unwrap(), "body");
        assert_eq!(alive.count(), 0);
    });
}

#[test]
fn a_cancelled_group_with_a_grace_does_not_wait_twice() {
    paused(async {
        let (gate, closed, has_started) = Gate::new();
        let group = Group::builder().grace(Duration::ZERO).deadline(Deadline::after(SECOND));
        let outcome = group.scope(async move |group| {
            let task: Task<()> = group.spawn_blocking(move |_| {
                closed.wait();
                Ok(())
            });
            has_started.await?;
            task.abort();
            assert!(matches!(task.await, Err(TaskError::Cancelled(_))));
            Ok("body")
        });
        // The job is nobody's any more, so the clock runs, and the deadline ends the wait.
        assert_eq!(outcome.await.unwrap(), "body");
        gate.open();
    });
}
