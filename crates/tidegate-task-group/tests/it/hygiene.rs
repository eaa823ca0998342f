//! Wakers that call back in, and wakers that panic.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};

use tidegate_task_group::ErrorGroup;
use tidegate_test::poll_with;
use tidegate_timeout::cancel_scope;
use tidegate_timeout::scope::Scope;

use crate::support::*;

type Running = Pin<Box<dyn Future<Output = Result<u32, ErrorGroup>> + Send>>;

/// A group whose only child ends in a moment.
fn group() -> Running {
    Box::pin(Group::scope(async |group| {
        group.spawn(async {
            breathe().await;
            Ok(())
        });
        Ok(5)
    }))
}

/// A waker that does this when it is woken.
struct Calls<F: Fn() + Send + Sync>(F);

impl<F: Fn() + Send + Sync> Wake for Calls<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

fn calls(call: impl Fn() + Send + Sync + 'static) -> Waker {
    Waker::from(Arc::new(Calls(call)))
}

#[test]
fn a_waker_that_panics_does_not_keep_the_group_from_ending() {
    paused(async {
        let mut group = group();
        let waker = calls(|| resume_unwind(Box::new("a waker")));
        assert!(poll_with(group.as_mut(), &waker).is_pending());
        breathe().await;
        breathe().await;
        assert_eq!(group.await.unwrap(), 5);
    });
}

#[test]
fn a_waker_that_panics_does_not_keep_the_scope_around_waiting() {
    paused(async {
        let mut handle = None;
        let around = cancel_scope(async |_| {
            let mut group = Box::pin(Group::scope(async |group| {
                handle = Some(group.clone());
                group.spawn(forever::<()>());
                Ok(())
            }));
            let waker = calls(|| resume_unwind(Box::new("a waker")));
            assert!(poll_with(group.as_mut(), &waker).is_pending());
            // The child sees to the rest.
        });
        let ended = tokio::time::timeout(HOUR, around).await;
        assert_eq!(ended.expect("within the hour"), Ok(()));
    });
}

#[test]
fn a_waker_that_panics_does_not_panic_in_who_drops_the_group() {
    paused(async {
        let mut group = Box::pin(Group::scope(async |group| {
            group.spawn(forever::<()>()).await?;
            Ok(())
        }));
        let waker = calls(|| resume_unwind(Box::new("a waker")));
        assert!(poll_with(group.as_mut(), &waker).is_pending());
        catch_unwind(AssertUnwindSafe(|| drop(group))).expect("quiet");
    });
}

#[test]
fn a_waker_that_panics_does_not_panic_in_who_drops_a_group_that_is_over() {
    paused(async {
        let inside = Mutex::new(None);
        let mut around = Box::pin(cancel_scope(async |_| {
            let mut group = group();
            assert!(poll_with(group.as_mut(), Waker::noop()).is_pending());
            *inside.lock().unwrap() = Some(group);
            forever::<()>().await
        }));
        let waker = calls(|| resume_unwind(Box::new("a waker")));
        assert!(poll_with(around.as_mut(), &waker).is_pending());
        breathe().await;
        breathe().await;
        let group = inside.lock().unwrap().take();
        catch_unwind(AssertUnwindSafe(|| drop(group))).expect("quiet");
    });
}

#[test]
fn a_waker_may_poll_what_it_wakes() {
    on_both(|| async {
        let (group, ended) = (Arc::new(Mutex::new(Some(group()))), Counter::default());
        let (inside, counter) = (group.clone(), ended.clone());
        let waker = calls(move || {
            let Some(mut group) = inside.lock().unwrap().take() else { return };
            if poll_with(group.as_mut(), Waker::noop()).is_ready() {
                counter.add();
            }
        });
        let mut polled = group.lock().unwrap().take().unwrap();
        let pending = poll_with(polled.as_mut(), &waker).is_pending();
        *group.lock().unwrap() = Some(polled);
        // On two workers it may have been woken before it was put back.
        while ended.get() == 0 && group.lock().unwrap().is_some() {
            waker.wake_by_ref();
            breathe().await;
        }
        assert!(pending);
    });
}

#[test]
fn a_waker_may_drop_what_it_wakes() {
    paused(async {
        let around = Scope::new();
        let group = Arc::new(Mutex::new(Some(around.enter(group))));
        let inside = group.clone();
        let waker = calls(move || drop(inside.lock().unwrap().take()));
        let mut polled = group.lock().unwrap().take().unwrap();
        assert!(around.enter(|| poll_with(polled.as_mut(), &waker)).is_pending());
        *group.lock().unwrap() = Some(polled);
        breathe().await;
        breathe().await;
        assert!(group.lock().unwrap().is_none(), "it was woken");
        let around = around.run(async {});
        assert!(tokio::time::timeout(HOUR, around).await.is_ok(), "nobody is left");
    });
}

/// A waker that uses the group when it is cloned, dropped and woken.
struct Busy(Group);

impl Busy {
    fn waker(self) -> Waker {
        Waker::from(Arc::new(self))
    }

    fn meddle(&self) {
        drop(self.0.spawn(async { Ok(()) }));
        assert!(self.0.statistics().spawned > 0);
        let _ = format!("{:?}", self.0);
        self.0.cancel("by the waker");
        self.0.request_stop();
    }
}

impl Wake for Busy {
    fn wake(self: Arc<Self>) {
        self.meddle();
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.meddle();
    }
}

#[test]
fn a_waker_may_use_the_group_when_it_is_woken_or_dropped() {
    paused(async {
        let handle = Arc::new(Mutex::new(None));
        let inside = handle.clone();
        let mut group: Running = Box::pin(Group::scope(async move |group| {
            *inside.lock().unwrap() = Some(group.clone());
            group.spawn(forever::<()>());
            forever::<u32>().await
        }));
        assert!(poll_with(group.as_mut(), Waker::noop()).is_pending());
        let handle: Group = handle.lock().unwrap().take().unwrap();
        // Replaced, and dropped with that; then woken.
        assert!(poll_with(group.as_mut(), &Busy(handle.clone()).waker()).is_pending());
        assert!(poll_with(group.as_mut(), &Busy(handle.clone()).waker()).is_pending());
        breathe().await;
        let errors = group.await.unwrap_err();
        assert_eq!(messages(&errors), ["cancelled: by the waker"]);
    });
}
