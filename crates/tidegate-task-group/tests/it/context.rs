//! Contexts in groups, and groups in contexts.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidegate_task_group::BoxError;
use tidegate_timeout::{AsyncContext, Exit, exit_stack, protect, timeout, with};

use crate::support::*;

type Log = Arc<Mutex<Vec<String>>>;

struct Door(&'static str, Log);

#[derive(Debug)]
struct Stuck;

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stuck")
    }
}

impl std::error::Error for Stuck {}

impl AsyncContext for Door {
    type Guard = Self;
    type Error = Stuck;

    async fn enter(self) -> Result<Self, Stuck> {
        breathe().await;
        Ok(self)
    }

    async fn exit(Self(name, log): Self, why: Exit) -> Result<(), Stuck> {
        breathe().await;
        let why = match why {
            Exit::Ok => "ok",
            Exit::Err(_) => "err",
            Exit::Panic(_) => "panic",
            Exit::Cancelled(_) => "cancelled",
            Exit::Dropped => "dropped",
        };
        log.lock().unwrap().push(format!("{name} {why}"));
        Ok(())
    }
}

#[test]
fn children_and_the_body_leave_their_contexts_before_the_group_returns() {
    on_both(|| async {
        let (log, open) = (Log::default(), Counter::default());
        let (one, other, stack, body) = (log.clone(), log.clone(), log.clone(), log.clone());
        let (opened, a, b, c) = (open.clone(), open.clone(), open.clone(), open);
        let outcome = Group::scope(async move |group| {
            drop(group.spawn(async move {
                with(Door("child", one), async |door| {
                    let inner = with(Door("inner", Arc::clone(&door.1)), async |inner| {
                        let _name = inner.0;
                        a.add();
                        forever::<()>().await
                    });
                    inner.await
                })
                .await
            }));
            drop(group.spawn(async move {
                exit_stack(async |exits| {
                    exits.enter(Door("stack", stack)).await?;
                    b.add();
                    forever::<()>().await
                })
                .await
            }));
            drop(group.spawn(async move {
                with(Door("failing", other), async |_| {
                    while opened.get() < 3 {
                        breathe().await;
                    }
                    fails::<()>("no").await
                })
                .await
            }));
            with(Door("body", body), async |_| {
                c.add();
                forever::<()>().await
            })
            .await
        });
        assert_eq!(messages(&outcome.await.unwrap_err()), ["no"]);
        let mut left = log.lock().unwrap().clone();
        let position = |name: &str| left.iter().position(|line| line.starts_with(name)).unwrap();
        assert!(position("inner") < position("child"), "{left:?}");
        left.sort();
        let all = ["body cancelled", "child cancelled", "failing err", "inner cancelled"];
        assert_eq!((&left[..4], &*left[4]), (&all.map(str::to_owned)[..], "stack cancelled"));
    });
}

#[test]
fn a_child_that_is_aborted_leaves_its_context() {
    on_both(|| async {
        let log = Log::default();
        let inside = log.clone();
        let outcome = Group::scope(async move |group| {
            let task = group.spawn(async move {
                with(Door("child", inside), async |_| forever::<()>().await).await
            });
            for _ in 0..5 {
                breathe().await;
            }
            task.abort();
            assert!(task.await.is_err());
            Ok(())
        });
        outcome.await.unwrap();
        let left = log.lock().unwrap().clone();
        // On two workers the abort may come before the door is open.
        assert!(left.is_empty() || left == ["child cancelled"], "{left:?}");
    });
}

#[test]
fn a_group_in_a_context_ends_before_the_context_is_left() {
    on_both(|| async {
        let log = Log::default();
        let (inside, ready) = (log.clone(), Counter::default());
        let open = ready.clone();
        let work = with(Door("outer", log.clone()), async |_| {
            Group::scope(async move |group| {
                drop(group.spawn(async move {
                    let child = with(Door("child", inside), async |_| {
                        open.add();
                        forever::<()>().await
                    });
                    child.await
                }));
                forever::<()>().await
            })
            .await?;
            Ok::<_, BoxError>(())
        });
        let around = timeout(HOUR, async {
            tokio::select! {
                biased;
                _ = work => unreachable!(),
                () = async { while ready.get() == 0 { breathe().await } } => {}
            }
        });
        assert!(around.await.is_ok());
        assert_eq!(*log.lock().unwrap(), ["child cancelled", "outer dropped"]);
    });
}

#[test]
fn a_child_waits_for_what_it_protects() {
    on_both(|| async {
        let done = Counter::default();
        let inside = done.clone();
        let outcome = Group::scope(async move |group| {
            drop(group.spawn(async move {
                drop(protect(async move {
                    breathe().await;
                    inside.add();
                }));
                Ok(())
            }));
            Ok(())
        });
        outcome.await.unwrap();
        assert_eq!(done.get(), 1);
    });
}

#[test]
fn a_group_waits_for_the_exit_of_a_child_that_was_aborted_and_had_its_time() {
    on_both(|| async {
        let log = Log::default();
        let (inside, open) = (log.clone(), Counter::default());
        let outcome = Group::builder().grace(Duration::ZERO).scope(async move |group| {
            let opened = open.clone();
            let task = group.spawn(async move {
                with(Door("child", inside), async |_| {
                    opened.add();
                    forever::<()>().await
                })
                .await
            });
            while open.get() == 0 {
                breathe().await;
            }
            task.abort();
            assert!(task.await.is_err());
            Ok(())
        });
        outcome.await.unwrap();
        assert_eq!(*log.lock().unwrap(), ["child cancelled"]);
    });
}
