//! Every public future, dropped after 0, 1, 2, … polls: nothing is left behind.

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;

use tidegate_test::{CountingWaker, Cut, cut_everywhere, poll_with};
use tidegate_timeout::scope::{Ended, Scope};
use tidegate_timeout::{
    Deadline, ScopeExt, cancel_scope, cancelled, current_scope, move_on_after, shield, shield_for,
    timeout, timeout_at,
};
use tokio::time::{Instant, sleep};

use crate::support::{ms, paused};

type Body = Pin<Box<dyn Future<Output = ()>>>;

/// Cuts what `make` makes, inside a scope, everywhere; afterwards the scope must be as if it had never been.
fn cut(name: &str, make: impl Fn(Body) -> Body) {
    let runs = cut_everywhere(|cut: &Cut| {
        paused(async {
            let scope = Scope::new();
            let token = Arc::new(());
            let held = Arc::clone(&token);
            let body = Box::pin(async move {
                let _held = held;
                sleep(ms(1)).await;
                shield(sleep(ms(1))).await;
                let inner = timeout(ms(10), sleep(ms(100)));
                let _handle = inner.handle();
                assert!(inner.await.is_err());
                tokio::select! {
                    _ = cancelled() => {}
                    () = sleep(ms(1)) => {}
                }
            });
            let made = scope.enter(|| make(body));
            // Not through `Scope::run`: what is cut must clean up by itself.
            let outcome = cut.short(InScope { scope: scope.clone(), future: made }).await;
            assert!(current_scope().is_none(), "{name}");
            assert_eq!(Arc::strong_count(&token), 1, "{name}: the body is gone ({outcome:?})");

            // No guard was left: the scope ends at once. No waker was left: nobody else is woken.
            let mut run = Box::pin(scope.run(pending::<()>()));
            let (woken, waker) = CountingWaker::new();
            assert!(poll_with(run.as_mut(), &waker).is_pending(), "{name}");
            scope.handle().cancel("enough");
            assert_eq!(woken.count(), 1, "{name}");
            assert!(
                matches!(
                    poll_with(run.as_mut(), &waker),
                    std::task::Poll::Ready(Ended::Cancelled(_))
                ),
                "{name}"
            );
            drop((run, waker));
            assert_eq!(Arc::strong_count(&woken), 1, "{name}");
        });
    });
    assert!(runs > 3, "{name}: it was cut nowhere");
}

struct InScope {
    scope: Scope,
    future: Body,
}

impl Future for InScope {
    type Output = ();
    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        let scope = self.scope.clone();
        scope.enter(|| self.future.as_mut().poll(cx))
    }
}

#[test]
fn a_timeout_dropped_at_any_poll_leaves_no_trace() {
    cut("timeout", |body| Box::pin(async { drop(timeout(ms(1000), body).await) }));
    cut("timeout that elapses", |body| {
        Box::pin(async {
            drop(
                timeout(ms(5), async {
                    body.await;
                    pending::<()>().await;
                })
                .await,
            );
        })
    });
    cut("timeout_at", |body| {
        Box::pin(async { drop(timeout_at(Instant::now() + ms(50), body).await) })
    });
    cut("timeout, known", |body| {
        Box::pin(async {
            let work = timeout(ms(1000), body);
            let handle = work.handle();
            drop(work.await);
            handle.cancel("too late");
        })
    });
    cut("deadline_first", |body| {
        Box::pin(async { drop(timeout(ms(1000), body).deadline_first().await) })
    });
    cut("grace", |body| {
        Box::pin(async {
            let body = async {
                tokio::join!(body, shield(sleep(ms(200))));
            };
            drop(timeout(ms(5), body).grace(ms(50)).await);
        })
    });
    cut("timeout as a method", |body| Box::pin(async { drop(body.timeout(ms(1000)).await) }));
}

#[test]
fn the_other_scopes_dropped_at_any_poll_leave_no_trace() {
    cut("move_on_after", |body| {
        Box::pin(async {
            let _ = move_on_after(ms(1000), body).await;
        })
    });
    cut("move_on_after that elapses", |body| {
        Box::pin(async {
            let _ = move_on_after(ms(5), async {
                body.await;
                pending::<()>().await;
            })
            .await;
        })
    });
    cut("cancel_scope", |body| Box::pin(async { drop(cancel_scope(async |_| body.await).await) }));
    cut("cancel_scope that is cancelled", |body| {
        Box::pin(async {
            drop(
                cancel_scope(async |scope| {
                    body.await;
                    scope.cancel("enough");
                    shield(sleep(ms(5))).await;
                    pending::<()>().await;
                })
                .await,
            );
        })
    });
    cut("run", |body| {
        Box::pin(async {
            drop(Scope::new().with_deadline(Deadline::after(ms(1000))).run(body).await);
        })
    });
}

#[test]
fn shields_and_waits_dropped_at_any_poll_leave_no_trace() {
    cut("shield", |body| Box::pin(shield(body)));
    cut("shield_for", |body| Box::pin(async { drop(shield_for(ms(1000), body).await) }));
    cut("shield_for that elapses", |body| {
        Box::pin(async {
            drop(
                shield_for(ms(5), async {
                    body.await;
                    pending::<()>().await;
                })
                .await,
            );
        })
    });
    cut("in_current_scope", |body| Box::pin(async { body.in_current_scope().await }));
    cut("cancelled", |body| {
        Box::pin(async {
            tokio::select! {
                biased;
                _ = cancelled() => panic!("nobody cancelled"),
                () = body => {}
            }
        })
    });
}

#[test]
fn a_handle_that_outlives_its_scope_keeps_no_waker() {
    paused(async {
        let (woken, waker) = CountingWaker::new();
        let mut work = Box::pin(timeout(ms(100), pending::<()>()));
        let handle = work.handle();
        assert!(poll_with(work.as_mut(), &waker).is_pending());
        drop(work);
        drop(waker);
        // The timer driver may hold on to nothing either.
        assert_eq!(Arc::strong_count(&woken), 1);
        handle.cancel("too late");
        assert!(!handle.is_cancelled());
    });
}
