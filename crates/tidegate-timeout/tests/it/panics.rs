//! Panics pass through and leave the thread as it was.

use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::Poll;

use tidegate_test::{CountingWaker, poll_once};
use tidegate_timeout::scope::{Ended, Scope};
use tidegate_timeout::{
    Deadline, ScopeExt, cancel_scope, current_scope, move_on_after, shield, shield_for, timeout,
};

use crate::support::{OnDrop, ms, paused};

type Wrap = fn(Pin<Box<dyn Future<Output = ()>>>) -> Pin<Box<dyn Future<Output = ()>>>;

const WRAPS: [(&str, Wrap); 7] = [
    ("timeout", |body| Box::pin(async { drop(timeout(ms(100), body).await) })),
    ("timeout, known", |body| {
        let work = timeout(ms(100), body);
        let _handle = work.handle();
        Box::pin(async { drop(work.await) })
    }),
    ("deadline_first", |body| {
        Box::pin(async { drop(timeout(ms(100), body).deadline_first().await) })
    }),
    ("move_on_after", |body| {
        Box::pin(async {
            let _ = move_on_after(ms(100), body).await;
        })
    }),
    ("cancel_scope", |body| Box::pin(async { drop(cancel_scope(async |_| body.await).await) })),
    ("shield_for", |body| Box::pin(async { drop(shield_for(ms(100), body).await) })),
    ("in_current_scope", |body| Box::pin(body.in_current_scope())),
];

#[test]
fn a_panic_in_the_body_passes_through_and_the_current_scope_is_as_before() {
    for (name, wrap) in WRAPS {
        for asks in [false, true] {
            paused(async {
                let outer = timeout(ms(50), async {
                    let before = Deadline::ambient();
                    let body = Box::pin(async move {
                        if asks {
                            let _ = current_scope();
                        }
                        tokio::task::yield_now().await;
                        panic!("on purpose");
                    });
                    let mut wrapped = wrap(body);
                    assert!(poll_once(wrapped.as_mut()).is_pending(), "{name}");
                    assert_eq!(Deadline::ambient(), before, "{name}");
                    let panic = catch_unwind(AssertUnwindSafe(|| poll_once(wrapped.as_mut())))
                        .expect_err(name);
                    assert_eq!(panic.downcast_ref(), Some(&"on purpose"), "{name}");
                    assert_eq!(Deadline::ambient(), before, "{name}");
                    drop(wrapped);
                    tokio::task::yield_now().await;
                    assert_eq!(Deadline::ambient(), before, "{name}");
                });
                outer.await.unwrap();
                assert!(current_scope().is_none(), "{name}");
            });
        }
    }
}

#[test]
fn a_panic_in_the_first_poll_passes_through() {
    for (name, wrap) in WRAPS {
        paused(async {
            let mut wrapped = wrap(Box::pin(async { panic!("on purpose") }));
            assert!(
                catch_unwind(AssertUnwindSafe(|| poll_once(wrapped.as_mut()))).is_err(),
                "{name}"
            );
            assert!(current_scope().is_none(), "{name}");
        });
    }
}

#[test]
fn a_panic_in_a_destructor_at_the_deadline_passes_through() {
    paused(async {
        let body = || async {
            let _on_drop = OnDrop(|| panic!("on purpose"));
            pending::<()>().await;
        };
        let mut work = Box::pin(timeout(ms(0), body()));
        assert!(catch_unwind(AssertUnwindSafe(|| poll_once(work.as_mut()))).is_err());
        assert!(current_scope().is_none());

        let scope = Scope::new();
        scope.handle().cancel("enough");
        let ended = poll_once(pin!(scope.run(body())));
        assert!(matches!(ended, Poll::Ready(Ended::Panicked(_))));
        assert!(current_scope().is_none());
    });
}

/// A panic's payload whose destructor panics.
struct Nasty;

impl Drop for Nasty {
    fn drop(&mut self) {
        panic!("in the destructor of a payload");
    }
}

#[test]
fn a_future_that_panics_nastily_again_when_dropped_has_panicked_once() {
    // Held by a future that is no `async` block, it is not dropped by the unwinding of the poll.
    let on_drop = OnDrop(|| std::panic::panic_any(Nasty));
    let body = poll_fn(move |_| -> Poll<()> {
        let _held = &on_drop;
        panic!("on purpose")
    });
    let mut run = pin!(Scope::new().run(body));
    let Poll::Ready(Ended::Panicked(panic)) = poll_once(run.as_mut()) else {
        panic!("the panic is reported")
    };
    assert_eq!(panic.downcast_ref(), Some(&"on purpose"));
}

#[test]
fn wakers_that_panic_nastily_keep_nobody_from_being_woken() {
    struct Panics;
    impl std::task::Wake for Panics {
        fn wake(self: std::sync::Arc<Self>) {
            std::panic::panic_any(Nasty);
        }
    }
    let scope = Scope::new();
    let nasty = std::task::Waker::from(std::sync::Arc::new(Panics));
    let (woken, quiet) = CountingWaker::new();
    let mut guards = [scope.guard(), scope.guard(), scope.guard()];
    let (last, first) = guards.split_last_mut().unwrap();
    for guard in first {
        let _ = guard.poll_cancelled(&mut std::task::Context::from_waker(&nasty));
    }
    let _ = last.poll_cancelled(&mut std::task::Context::from_waker(&quiet));
    let panic = catch_unwind(AssertUnwindSafe(|| scope.handle().cancel("enough"))).unwrap_err();
    std::mem::forget(panic);
    assert_eq!(woken.count(), 1);
}

#[test]
fn a_panic_in_a_shield_lets_the_scopes_around_go() {
    paused(async {
        let scope = Scope::new();
        let mut shielded = Box::pin(shield(poll_fn(|_| -> Poll<()> { panic!("on purpose") })));
        scope.enter(|| {
            assert!(catch_unwind(AssertUnwindSafe(|| poll_once(shielded.as_mut()))).is_err());
        });
        drop(shielded);
        scope.handle().cancel("enough");
        assert!(poll_once(pin!(scope.run(pending::<()>()))).is_ready());
    });
}

#[test]
fn a_scope_polled_again_after_it_was_ready_says_so() {
    let mut work = pin!(timeout(ms(1), async {}));
    assert!(poll_once(work.as_mut()).is_ready());
    let panic = catch_unwind(AssertUnwindSafe(|| poll_once(work.as_mut()))).unwrap_err();
    let message = panic.downcast_ref::<&str>().copied().map(String::from);
    let message = message.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap();
    assert!(message.contains("not polled again after it was ready"), "{message}");
}

// B-T5
#[test]
fn misuse_leaves_the_handle_and_the_thread_as_they_were() {
    paused(async {
        let mut work = pin!(timeout(ms(10), std::future::ready(5)));
        let handle = work.handle();
        assert_eq!(work.as_mut().await, Ok(5));
        let shown = format!("{handle:?}");
        for _ in 0..2 {
            assert!(catch_unwind(AssertUnwindSafe(|| poll_once(work.as_mut()))).is_err());
        }
        handle.cancel("too late");
        assert_eq!(format!("{handle:?}"), shown);
        assert!(current_scope().is_none());

        // What needs a timer and has no runtime says so, and does its work in one that has.
        let mut work = Box::pin(timeout(ms(10), pending::<()>()));
        let mut there = std::thread::spawn(move || {
            let polled = catch_unwind(AssertUnwindSafe(|| poll_once(work.as_mut())));
            assert!(polled.is_err() && current_scope().is_none());
            work
        })
        .join()
        .unwrap();
        assert!(there.as_mut().await.is_err());
    });
}
