//! Panics pass through and leave the thread as it was.

use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::Poll;

use tidegate_test::poll_once;
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
