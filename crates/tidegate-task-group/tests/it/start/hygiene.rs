//! What is kept, what panics when it is dropped, wakers that do what they like.

use super::*;

#[test]
fn a_ready_that_is_forgotten_or_kept_for_ever_does_not_matter() {
    on_both(|| async {
        Group::scope(async |group| {
            let started: Started<u32> = group
                .start(async |ready| {
                    std::mem::forget(ready);
                    breathe().await;
                    Ok(())
                })
                .await;
            assert!(matches!(started, Err(StartError::NeverReady)));

            let (keep, kept) = oneshot::channel();
            let started: Started<u32> = group
                .start(async |ready| {
                    let _ = keep.send(ready);
                    Ok(())
                })
                .await;
            assert!(matches!(started, Err(StartError::NeverReady)));
            let ready: Ready<u32> = kept.await?;
            assert_eq!(ready.set(5), Err(5));
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// Panics when it is dropped.
#[derive(Debug)]
struct Fuse;

impl Drop for Fuse {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            std::panic::resume_unwind(Box::new("fuse"));
        }
    }
}

#[test]
fn values_that_panic_when_dropped_do_not_hold_up_anybody() {
    on_both(|| async {
        Group::scope(async |group| {
            // The child's value, before it is ready.
            let started: Started<u32, Fuse> = group.start(async |_ready| Ok(Fuse)).await;
            assert!(matches!(started, Err(StartError::NeverReady)));
            // The value that nobody takes.
            let mut started = Box::pin(group.start(async |ready| {
                if let Err(fuse) = ready.set(Fuse) {
                    std::mem::forget(fuse);
                }
                Ok(())
            }));
            while group.statistics().spawned < 2 {
                let _ = tidegate_test::poll_once(started.as_mut());
            }
            until(|| group.is_empty()).await;
            drop(started);
            Ok(())
        })
        .await
        .unwrap();
    });
}

/// Panics when it wakes.
struct Alarm(AtomicBool);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        if !self.0.swap(true, Ordering::SeqCst) {
            std::panic::resume_unwind(Box::new("alarm"));
        }
    }
}

#[test]
fn a_waker_that_panics_leaves_the_answer_where_it_is() {
    paused(async {
        let builder = Group::builder().on_panic(OnPanic::Capture);
        let builder = builder.policy(Policy::Supervise);
        let result = builder.scope(async |group| {
            let waker = Waker::from(Arc::new(Alarm(AtomicBool::new(false))));
            let mut started = Box::pin(group.start(serves));
            assert!(tidegate_test::poll_with(started.as_mut(), &waker).is_pending());
            breathe().await;
            let (five, server) = started.await?;
            assert_eq!((five, server.await), (5, Err(TaskError::Panicked("alarm".into()))));

            let waker = Waker::from(Arc::new(Alarm(AtomicBool::new(false))));
            let mut started =
                Box::pin(group.start(async |_ready: Ready<u32>| fails::<()>("no").await));
            assert!(tidegate_test::poll_with(started.as_mut(), &waker).is_pending());
            breathe().await;
            assert!(group.is_empty(), "it is counted out");
            assert!(matches!(started.await, Err(StartError::Failed(_))));
            Ok(())
        });
        result.await.unwrap();
    });
}

/// Looks how many children the group has when it wakes.
struct Looks(Group, Mutex<Option<usize>>);

impl Wake for Looks {
    fn wake(self: Arc<Self>) {
        *self.1.lock().unwrap() = Some(self.0.len());
    }
}

#[test]
fn when_a_starter_is_woken_by_a_failure_the_child_is_gone() {
    paused(async {
        Group::scope(async |group| {
            let looks = Arc::new(Looks(group.clone(), Mutex::new(None)));
            let waker = Waker::from(looks.clone());
            let mut started =
                Box::pin(group.start(async |_ready: Ready<u32>| fails::<()>("boom").await));
            assert!(tidegate_test::poll_with(started.as_mut(), &waker).is_pending());
            assert_eq!(group.len(), 1);
            breathe().await;
            assert_eq!(*looks.1.lock().unwrap(), Some(0));
            assert!(matches!(started.await, Err(StartError::Failed(_))));
            Ok(())
        })
        .await
        .unwrap();
    });
}
