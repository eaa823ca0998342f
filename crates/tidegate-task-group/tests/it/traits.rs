//! What other code may rely on: auto traits, and where a group can be awaited.

use std::future::Future;
use std::io;
use std::rc::Rc;

use tidegate_task_group::{
    BoxError, Builder, ErrorGroup, GroupStatistics, OnPanic, Origin, Panicked, Policy, Ready,
    StartError, StartFut, Task, TaskBuilder, TaskError, TaskGroup, TrySpawnError,
};
use tidegate_timeout::{move_on_after, shield, shield_for, timeout};

use crate::support::*;

fn send<T: Send>() {}
fn send_sync<T: Send + Sync>() {}
fn unpin<T: Unpin>() {}

#[test]
fn auto_traits() {
    send_sync::<TaskGroup>();
    send_sync::<TaskGroup<io::Error>>();
    send_sync::<TaskGroup<anyhow::Error>>();
    send_sync::<Builder>();
    send::<Task<String>>();
    send::<Task<std::cell::Cell<u8>>>();
    unpin::<Task<std::marker::PhantomPinned>>();
    send_sync::<TaskError>();
    send_sync::<Ready<std::cell::Cell<u8>>>();
    send_sync::<StartError<BoxError>>();
    send::<StartFut<std::cell::Cell<u8>, std::cell::Cell<u8>, BoxError, std::cell::Cell<u8>>>();
    unpin::<StartFut<u8, u8, BoxError, std::marker::PhantomPinned>>();
    send_sync::<TaskBuilder<'_>>();
    send_sync::<TrySpawnError<String>>();
    send_sync::<ErrorGroup>();
    send_sync::<Origin>();
    send_sync::<Panicked>();
    send_sync::<(Policy, OnPanic, GroupStatistics)>();
}

#[test]
fn a_scope_with_any_error_type_runs_in_a_spawned_task_and_in_a_child() {
    fn spawnable<T>(future: impl Future<Output = T> + Send + 'static) -> impl Future<Output = T> {
        future
    }
    paused(async {
        spawnable(async {
            let word = String::from("word");
            let outer = TaskGroup::<BoxError>::scope(async |group| {
                let inner = group.spawn(async {
                    let length = TaskGroup::<BoxError>::scope(async |group| {
                        Ok(group.spawn(async { Ok(4) }).await?)
                    });
                    Ok(length.await?)
                });
                Ok(inner.await? == word.len())
            });
            assert!(outer.await.unwrap());
        })
        .await;
        spawnable(async {
            let outer = TaskGroup::<anyhow::Error>::scope(|group| async move {
                let inner = group.spawn(async {
                    let inner = TaskGroup::<anyhow::Error>::scope(async |group| {
                        anyhow::Ok(group.spawn(async { anyhow::bail!("deep") }).await?)
                    });
                    inner.await?;
                    Ok(())
                });
                inner.await?;
                Ok(())
            });
            let errors = outer.await.unwrap_err();
            assert_eq!(messages(&errors), ["deep"]);
        })
        .await;
        spawnable(async {
            let outer = TaskGroup::<io::Error>::scope(async |group| {
                drop(group.spawn(async { Err::<(), _>(io::Error::other("disk")) }));
                Ok(())
            });
            assert_eq!(outer.await.unwrap_err().into_first().to_string(), "disk");
        })
        .await;
        spawnable(async {
            let outer = TaskGroup::<&'static str>::scope(async |group| {
                drop(group.spawn(async { Err::<(), _>("text") }));
                Ok(())
            });
            assert_eq!(outer.await.unwrap_err().into_first(), "text");
        })
        .await;
    });
}

#[test]
fn a_body_need_not_be_send_nor_static() {
    paused(async {
        let words = vec![String::from("tide"), String::from("gate")];
        let shared = Rc::new(5);
        let total = Group::scope(async |group| {
            let mut total = *shared;
            for word in &words {
                let length = word.len();
                total += group.spawn(async move { Ok(length) }).await?;
            }
            Ok(total)
        });
        assert_eq!(total.await.unwrap(), 13);
        assert_eq!(words.len(), 2);
    });
}

#[test]
fn a_group_is_an_error_for_the_question_mark() {
    async fn fails_boxed() -> Result<(), BoxError> {
        Group::scope(async |_| fails::<()>("body").await).await?;
        Ok(())
    }
    async fn fails_anyhow() -> anyhow::Result<()> {
        Group::scope(async |_| fails::<()>("body").await).await?;
        Ok(())
    }
    paused(async {
        assert!(fails_boxed().await.unwrap_err().is::<ErrorGroup>());
        assert!(fails_anyhow().await.unwrap_err().is::<ErrorGroup>());
    });
}

#[test]
fn a_group_in_a_timeout_in_a_shield_runs_in_a_spawned_task() {
    on_both(|| async {
        let word = String::from("word");
        let length = shield(timeout(
            HOUR,
            shield_for(
                HOUR,
                move_on_after(HOUR, async {
                    let inner = Group::scope(async |group| {
                        let length = word.len();
                        Ok(group.spawn(async move { Ok(length) }).await?)
                    });
                    shield(timeout(HOUR, inner)).await
                }),
            ),
        ));
        assert_eq!(length.await.unwrap().unwrap().unwrap().unwrap().unwrap(), 4);
    });
}
