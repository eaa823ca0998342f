//! Panics: of children, of the body, in destructors, and who is blamed.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, panic_any, resume_unwind};
use std::task::Poll;

use futures_util::FutureExt;
use tidegate_task_group::{
    BoxError, Cause, ErrorGroup, OnPanic, Panicked, Policy, TaskError, TaskGroup,
};

use crate::support::*;

/// Panics without the noise of the panic hook.
fn quietly(message: &'static str) -> ! {
    resume_unwind(Box::new(message))
}

async fn panics<T>(message: &'static str) -> Result<T, BoxError> {
    quietly(message)
}

fn text(payload: &(dyn std::any::Any + Send)) -> &str {
    payload.downcast_ref::<&str>().copied().unwrap_or("?")
}

#[test]
fn a_childs_panic_ends_the_group_and_goes_on_after_everybody_has_ended() {
    // B-G12
    on_both(|| async {
        let alive = Alive::default();
        let (body, sibling) = (alive.clone(), alive.clone());
        let group = Group::scope(async move |group| {
            let _body = body;
            drop(group.spawn(async move {
                let _sibling = sibling;
                forever::<()>().await
            }));
            drop(group.spawn(panics::<()>("boom")));
            forever::<()>().await
        });
        let panic = AssertUnwindSafe(group).catch_unwind().await.unwrap_err();
        assert_eq!(text(&*panic), "boom");
        assert_eq!(alive.count(), 0);
    });
}

#[test]
fn a_panic_of_the_body_waits_for_the_children() {
    on_both(|| async {
        let alive = Alive::default();
        let child = alive.clone();
        let group = Group::scope(async move |group| {
            drop(group.spawn(async move {
                let _child = child;
                forever::<()>().await
            }));
            breathe().await;
            panics::<()>("body").await
        });
        let panic = AssertUnwindSafe(group).catch_unwind().await.unwrap_err();
        assert_eq!(text(&*panic), "body");
        assert_eq!(alive.count(), 0);
    });
}

#[test]
fn a_panic_before_the_bodys_future_exists_is_a_panic_of_the_body() {
    on_both(|| async {
        let alive = Alive::default();
        let child = alive.clone();
        #[expect(unreachable_code, reason = "the closure panics")]
        let group = Group::scope(move |group| {
            drop(group.spawn(async move {
                let _child = child;
                forever::<()>().await
            }));
            quietly("closure");
            async { Ok(()) }
        });
        let panic = AssertUnwindSafe(group).catch_unwind().await.unwrap_err();
        assert_eq!(text(&*panic), "closure");
        assert_eq!(alive.count(), 0);
    });
}

#[test]
fn of_several_panics_the_first_goes_on() {
    paused(async {
        let group = Group::scope(async |group| {
            drop(group.spawn(panics::<()>("first")));
            drop(group.spawn(async {
                tidegate_timeout::cancelled().await;
                panics::<()>("second").await
            }));
            tidegate_timeout::cancelled().await;
            panics::<()>("body").await
        });
        let panic = AssertUnwindSafe(group).catch_unwind().await.unwrap_err();
        assert_eq!(text(&*panic), "first");
    });
}

#[test]
fn a_captured_panic_is_an_error_with_message_name_and_place() {
    on_both(|| async {
        let alive = Alive::default();
        let sibling = alive.clone();
        let errors = Group::builder()
            .on_panic(OnPanic::Capture)
            .scope(async |group| {
                drop(group.spawn(async move {
                    let _sibling = sibling;
                    forever::<()>().await
                }));
                drop(group.task("printer").spawn(panics::<()>("out of cheese")));
                forever::<()>().await
            })
            .await
            .unwrap_err();
        assert_eq!(messages(&errors), ["panicked: out of cheese"]);
        assert!(format!("{errors:?}").contains("[printer] panicked: out of cheese (at "));
        let panicked = errors.leaves().next().unwrap().downcast_ref::<Panicked>().unwrap();
        assert_eq!(panicked.message(), "out of cheese");
        assert_eq!(alive.count(), 0);
    });
}

#[test]
fn a_captured_panic_of_the_body_is_an_error_too() {
    on_both(|| async {
        let errors = Group::builder()
            .on_panic(OnPanic::Capture)
            .scope(async |_| panics::<()>("body").await)
            .await
            .unwrap_err();
        assert_eq!(messages(&errors), ["panicked: body"]);
    });
}

#[test]
fn a_typed_group_shows_a_captured_panic_beside_its_errors() {
    paused(async {
        let errors: ErrorGroup<std::fmt::Error> = TaskGroup::builder()
            .on_panic(OnPanic::Capture)
            .policy(Policy::CollectAll)
            .scope(async |group| {
                drop(group.spawn(async { Err::<(), _>(std::fmt::Error) }));
                drop(group.spawn(async { if true { quietly("boom") } else { Ok(()) } }));
                Ok(())
            })
            .await
            .unwrap_err();
        assert_eq!((errors.len(), errors.leaves().count()), (2, 1));
        assert!(errors.contains::<Panicked>());
        assert!(errors.to_string().ends_with("; panicked: boom"));
        assert!(errors.details().any(|detail| matches!(detail.cause, Cause::Other(_))));
        let rest = errors.except::<Panicked>(|panics| assert_eq!(panics[0].message(), "boom"));
        assert_eq!(rest.unwrap_err().len(), 1);
    });
}

#[test]
fn the_task_of_a_child_that_panicked_says_so() {
    on_both(|| async {
        let result = Group::builder()
            .on_panic(OnPanic::Capture)
            .policy(Policy::CollectAll)
            .scope(async |group| {
                let literal = group.spawn(panics::<()>("boom"));
                assert_eq!(literal.await, Err(TaskError::Panicked("boom".into())));
                let formatted = group.spawn(async {
                    let message = format!("boom {}", 2);
                    if true { resume_unwind(Box::new(message)) } else { Ok(()) }
                });
                assert_eq!(formatted.await, Err(TaskError::Panicked("boom 2".into())));
                let odd = group.spawn(async { if true { panic_any(5) } else { Ok(()) } });
                assert_eq!(odd.await, Err(TaskError::Panicked("a value that is not text".into())));
                Ok(())
            })
            .await;
        assert_eq!(result.unwrap_err().len(), 3);
    });
}

/// Panics when it is dropped, with another one of its kind.
struct Bomb(u32);

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            resume_unwind(Box::new(Bomb(self.0 + 1)));
        }
    }
}

#[test]
fn a_panic_whose_payload_panics_when_dropped_is_survived() {
    on_both(|| async {
        for (on_panic, policy) in [
            (OnPanic::Capture, Policy::FailFast),
            (OnPanic::Capture, Policy::CollectAll),
            (OnPanic::Capture, Policy::Supervise),
            (OnPanic::Propagate, Policy::FailFast),
        ] {
            let group = Group::builder().on_panic(on_panic).policy(policy).scope(async |group| {
                let mut waiting = Vec::new();
                let started = Counter::default();
                for _ in 0..2 {
                    let started = started.clone();
                    waiting.push(group.spawn(async move {
                        started.add();
                        tidegate_timeout::cancelled().await;
                        if true { resume_unwind(Box::new(Bomb(0))) } else { Ok(()) }
                    }));
                }
                until(|| started.get() >= 2).await;
                let first = group
                    .spawn(async { if true { resume_unwind(Box::new(Bomb(0))) } else { Ok(()) } });
                tidegate_timeout::shield(async {
                    assert!(matches!(first.await, Err(TaskError::Panicked(_))));
                    if policy != Policy::FailFast {
                        group.cancel("enough");
                    }
                    for task in waiting {
                        assert!(matches!(task.await, Err(TaskError::Panicked(_))));
                    }
                })
                .await;
                Ok(())
            });
            match AssertUnwindSafe(group).catch_unwind().await {
                Ok(result) => {
                    assert_eq!(on_panic, OnPanic::Capture);
                    assert_eq!(result.is_ok(), policy == Policy::Supervise);
                }
                Err(payload) => {
                    assert_eq!(on_panic, OnPanic::Propagate);
                    assert!(payload.is::<Bomb>());
                    std::mem::forget(payload);
                }
            }
        }
    });
}

#[test]
fn a_future_that_panics_when_dropped_ends_the_group_like_any_panic() {
    struct Fuse;
    impl Drop for Fuse {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                quietly("fuse");
            }
        }
    }
    on_both(|| async {
        let alive = Alive::default();
        let sibling = alive.clone();
        let group = Group::scope(async |group| {
            // Also if it has not begun yet.
            let fuse = Fuse;
            let child = group.spawn(async move {
                let _fuse = fuse;
                forever::<()>().await
            });
            drop(group.spawn(async {
                let _sibling = sibling;
                forever::<()>().await
            }));
            breathe().await;
            child.abort();
            forever::<()>().await
        });
        let panic = AssertUnwindSafe(group).catch_unwind().await.unwrap_err();
        assert_eq!(text(&*panic), "fuse");
        assert_eq!(alive.count(), 0);
    });
}

#[test]
fn a_future_that_panics_and_panics_again_when_dropped_ends_the_group() {
    on_both(|| async {
        let group = Group::scope(async |group| {
            let bomb = Bomb(0);
            drop(group.spawn(poll_fn(move |_| -> Poll<Result<(), BoxError>> {
                let _bomb = &bomb;
                quietly("first")
            })));
            drop(group.spawn(forever::<()>()));
            Ok(())
        });
        let panic = AssertUnwindSafe(group).catch_unwind().await.unwrap_err();
        assert_eq!(text(&*panic), "first");
    });
}

#[test]
fn a_value_that_panics_when_dropped_does_not_hold_up_the_group() {
    on_both(|| async {
        let group = Group::scope(async |group| {
            drop(group.spawn(async { Ok(Bomb(0)) }));
            Ok(())
        });
        group.await.unwrap();
    });
}

#[test]
fn an_error_that_panics_when_dropped_does_not_hold_up_the_group() {
    #[derive(Debug)]
    struct Explosive(#[expect(dead_code, reason = "only ever dropped")] Option<BombError>);
    #[derive(Debug)]
    struct BombError;
    impl Drop for BombError {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                quietly("dropped");
            }
        }
    }
    impl std::fmt::Display for Explosive {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("explosive")
        }
    }
    impl std::error::Error for Explosive {}

    on_both(|| async {
        let builder = TaskGroup::<Explosive>::builder().policy(Policy::Supervise);
        let result = builder.scope(async |group| {
            let task = group.spawn(async { Err::<(), _>(Explosive(Some(BombError))) });
            assert_eq!(task.await, Err(TaskError::Failed));
            Ok(5)
        });
        assert!(matches!(result.await, Ok(5)));
    });
}

#[test]
fn a_zero_limit_blames_its_caller() {
    let at = blamed("limit is zero", || Group::builder().limit(0));
    assert_eq!(at, (file!().to_owned(), line!() - 1));
}
