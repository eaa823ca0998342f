//! Stopping groups that are dropped, wakers that do what they like, crowds.

use super::*;

#[test]
fn a_stopping_group_that_is_dropped_anywhere_leaves_nothing_behind() {
    let runs = cut_everywhere(|cut| {
        paused(async {
            let alive = Alive::default();
            let group = Group::builder().grace(SECOND).scope(async |group| {
                for _ in 0..3 {
                    let alive = alive.clone();
                    drop(group.spawn(async move {
                        let _alive = alive;
                        stop_requested().await;
                        breathe().await;
                        Ok(())
                    }));
                }
                let kept = alive.clone();
                drop(group.spawn(async move {
                    let _kept = kept;
                    forever::<()>().await
                }));
                tokio::task::yield_now().await;
                group.request_stop();
                stop_requested().await;
                Ok("kept")
            });
            let around = cancel_scope(async |_| cut.short(group).await);
            if let Some(result) = around.await.unwrap() {
                assert_eq!(result.unwrap(), "kept");
            }
            assert_eq!(alive.count(), 0, "the scope around has waited");
        });
    });
    assert!(runs > 3, "{runs}");
}

struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn a_runtime_that_goes_takes_a_stopping_group_along() {
    let asked = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&asked);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    drop(runtime.spawn(Group::builder().grace(SECOND).scope(async move |group| {
        let asks = group.clone();
        drop(group.spawn(async move {
            let _asks = OnDrop(move || {
                asks.request_stop();
                flag.store(asks.is_stopping(), Ordering::Relaxed);
            });
            forever::<()>().await
        }));
        forever::<()>().await
    })));
    runtime.block_on(breathe());
    drop(runtime);
    assert!(asked.load(Ordering::Relaxed));
}

#[test]
fn whoever_is_woken_by_a_request_may_use_the_group() {
    struct Uses(Group);
    impl std::task::Wake for Uses {
        fn wake(self: Arc<Self>) {
            self.0.request_stop();
            let _ = (self.0.tree(), self.0.statistics(), self.0.is_stopping());
            self.0.cancel("from a waker");
        }
    }
    paused(async {
        let group = Group::builder().grace(SECOND).scope(async |group| {
            drop(group.spawn(forever::<()>()));
            breathe().await;
            let waker = std::task::Waker::from(Arc::new(Uses(group.clone())));
            let mut stop = pin!(stop_requested());
            assert!(tidegate_test::poll_with(stop.as_mut(), &waker).is_pending());
            group.request_stop();
            Ok("kept")
        });
        assert_eq!(group.await.unwrap(), "kept");
    });
}

#[test]
fn a_waker_that_panics_keeps_nobody_from_being_asked() {
    struct Panics;
    impl std::task::Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("on purpose");
        }
    }
    paused(async {
        let start = Instant::now();
        let told = Counter::default();
        let group = Group::builder().grace(SECOND).scope(async |group| {
            let mut stop = pin!(stop_requested());
            let waker = std::task::Waker::from(Arc::new(Panics));
            assert!(tidegate_test::poll_with(stop.as_mut(), &waker).is_pending());
            let counter = told.clone();
            drop(group.spawn(async move {
                stop_requested().await;
                counter.add();
                forever::<()>().await
            }));
            breathe().await;
            let asks = group.clone();
            let asked =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| asks.request_stop()));
            assert!(asked.is_err());
            Ok(())
        });
        group.await.unwrap();
        assert_eq!((told.get(), start.elapsed()), (1, SECOND));
    });
}

#[test]
fn a_deep_tree_of_groups_is_asked_without_a_deep_stack() {
    fn chain(
        levels: usize,
        told: Counter,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<(), tidegate_task_group::BoxError>> + Send>>
    {
        Box::pin(async move {
            Group::scope(async |group| {
                if levels > 0 {
                    drop(group.spawn(chain(levels - 1, told.clone())));
                }
                stop_requested().await;
                told.add();
                Ok(())
            })
            .await?;
            Ok(())
        })
    }
    paused(async {
        let told = Counter::default();
        Group::scope(async |group| {
            drop(group.spawn(chain(5_000, told.clone())));
            sleep(SECOND).await;
            group.request_stop();
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(told.get(), 5_001);
    });
}

#[test]
fn ten_thousand_who_wait_for_a_request_are_all_told() {
    on_two_workers(async {
        let told = Counter::default();
        Group::builder()
            .grace(HOUR)
            .scope(async |group| {
                for i in 0..10_000 {
                    let told = told.clone();
                    drop(group.spawn(async move {
                        if i % 2 == 0 {
                            stop_requested().await;
                        } else {
                            timeout(HOUR, stop_requested()).await?;
                        }
                        told.add();
                        Ok(())
                    }));
                }
                // Some have not been polled by then.
                group.request_stop();
                Ok(())
            })
            .await
            .unwrap();
        assert_eq!(told.get(), 10_000);
    });
}
