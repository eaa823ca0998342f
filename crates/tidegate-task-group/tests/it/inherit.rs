//! What children have from where they are spawned.

use std::pin::pin;
use std::sync::{Arc, Mutex};

use tidegate_task_group::{BoxError, Policy, Task, TaskSet, local_scope};
use tidegate_test::poll_once;
use tidegate_timeout::{ContextVar, Vars, timeout};

use crate::support::*;

static USER: ContextVar<&str> = ContextVar::new("user");
static HELD: ContextVar<Alive> = ContextVar::new("held");

async fn user() -> Result<Option<&'static str>, BoxError> {
    breathe().await;
    Ok(USER.get())
}

#[test]
fn children_see_what_is_set_where_they_are_spawned_not_where_the_group_was_opened() {
    on_both(|| {
        USER.scope("opener", async {
            let seen = Group::scope(async |group| {
                let plain = group.spawn(user());
                let (in_call, named) = USER
                    .sync_scope("ada", || (group.spawn(user()), group.task("named").spawn(user())));
                let in_future =
                    USER.scope("grace", async { (group.spawn(user()), group.spawn(user())) });
                let (one, other) = in_future.await;
                // From a task that knows nothing of all this.
                let stranger = group.clone();
                let strange = async move { stranger.spawn(user()).await };
                let strange = tokio::spawn(strange).await??;
                let all = [plain, in_call, named, one, other];
                let mut seen = Vec::new();
                for task in all {
                    seen.push(task.await?.unwrap_or("nobody"));
                }
                seen.push(strange.unwrap_or("nobody"));
                Ok(seen)
            });
            assert_eq!(seen.await.unwrap(), ["opener", "ada", "ada", "grace", "grace", "nobody"]);
        })
    });
}

#[test]
fn a_child_passes_on_what_it_has_and_what_it_sets() {
    on_both(|| async {
        let seen = Group::scope(async |group| {
            let parent = group.clone();
            let child = USER.sync_scope("ada", || {
                group.spawn(async move {
                    let mine = parent.spawn(user());
                    breathe().await;
                    let set = USER.scope("grace", async { parent.spawn(user()).await }).await;
                    Ok((mine.await?, set?, user().await?))
                })
            });
            Ok(child.await?)
        });
        assert_eq!(seen.await.unwrap(), (Some("ada"), Some("grace"), Some("ada")));
    });
}

#[test]
fn a_child_that_waits_for_its_turn_has_what_was_set_when_it_was_spawned() {
    on_both(|| async {
        let group = Group::builder().limit(1);
        let seen = group.scope(async |group| {
            let waits: Task<_> = USER.sync_scope("ada", || {
                drop(group.spawn(async {
                    breathe().await;
                    Ok(())
                }));
                group.spawn(user())
            });
            let bounded = USER.scope("grace", group.spawn_bounded(user())).await;
            let tried = loop {
                breathe().await;
                if let Ok(task) = USER.sync_scope("joan", || group.try_spawn(user())) {
                    break task;
                }
            };
            Ok([waits.await?, bounded.await?, tried.await?])
        });
        assert_eq!(seen.await.unwrap(), ["ada", "grace", "joan"].map(Some));
    });
}

#[test]
fn a_child_without_variables_sees_none_even_where_its_runtime_runs_inside_of_some() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    USER.sync_scope("around", || {
        runtime.block_on(async {
            let seen = Group::scope(async |group| {
                let blank = Vars::default().enter(|| group.spawn(user()));
                let other = USER.sync_scope("ada", || group.spawn(user()));
                let same = group.spawn(user());
                Ok([blank.await?, other.await?, same.await?])
            });
            assert_eq!(seen.await.unwrap(), [None, Some("ada"), Some("around")]);
        });
    });
}

/// Says what it sees when it is dropped.
struct Asks(Arc<Mutex<Vec<Option<&'static str>>>>);

impl Drop for Asks {
    fn drop(&mut self) {
        self.0.lock().unwrap().push(USER.get());
    }
}

#[test]
fn a_childs_destructors_see_what_the_child_saw_however_it_ends() {
    on_both(|| async {
        let answers = Arc::default();
        let child = |wait: bool| {
            let asks = Asks(Arc::clone(&answers));
            async move {
                let _asks = asks;
                if wait { forever().await } else { Ok(()) }
            }
        };
        let outcome = Group::scope(async |group| {
            USER.sync_scope("ada", || {
                drop(group.spawn(child(false)));
                let early = group.spawn(child(true));
                early.abort();
                drop(group.spawn(child(true)));
                drop(group.spawn(child(true)));
            });
            breathe().await;
            group.cancel("enough");
            Ok(())
        });
        let _ = outcome.await;
        // Cut off by a scope around, and by its group's end without one.
        let _ = timeout(SECOND, async {
            let group = Group::scope(async |group| {
                drop(USER.sync_scope("ada", || group.spawn(child(true))));
                Ok(())
            });
            let mut group = Box::pin(group);
            assert!(poll_once(group.as_mut()).is_pending());
            breathe().await;
        })
        .await;
        assert_eq!(*answers.lock().unwrap(), [Some("ada"); 5]);
    });
}

#[test]
fn a_value_is_gone_when_the_last_child_that_sees_it_has_ended() {
    on_both(|| async {
        let alive = Alive::default();
        let inside = alive.clone();
        let outcome = Group::builder().policy(Policy::Supervise).scope(async |group| {
            HELD.scope(inside, async {
                for round in 0..100 {
                    let task = group.spawn(async move {
                        assert_eq!(HELD.with(Alive::count), Some(1));
                        if round % 2 == 0 { Ok(()) } else { fails("no").await }
                    });
                    let _ = task.await;
                }
            })
            .await;
            assert_eq!(alive.count(), 0);
            Ok(())
        });
        outcome.await.unwrap();
    });
}

#[test]
fn a_runtime_that_goes_away_takes_what_children_inherited_with_it() {
    let alive = Alive::default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let inside = alive.clone();
    runtime.spawn(HELD.scope(
        inside,
        Group::scope(async |group| {
            for _ in 0..100 {
                drop(group.spawn(forever::<()>()));
            }
            forever::<()>().await
        }),
    ));
    drop(runtime);
    assert_eq!(alive.count(), 0);
    assert!(poll_once(pin!(async { Vars::current().is_empty() })).is_ready());
}

#[test]
fn children_in_one_task_see_what_is_set_where_they_are_spawned() {
    on_both(|| async {
        let seen = local_scope(async |scope| {
            let plain = scope.spawn(user());
            let (one, other) = (scope.clone(), scope.clone());
            let ada = USER.sync_scope("ada", || {
                one.spawn(async move { (user().await, other.spawn(user()).await) })
            });
            let (ada, its_own) = ada.await;
            [plain.await, ada, its_own].map(Result::unwrap)
        });
        assert_eq!(seen.await, [None, Some("ada"), Some("ada")]);
    });
}

#[test]
fn tasks_of_a_set_and_children_that_are_started_inherit_too() {
    on_both(|| async {
        let mut set = TaskSet::new();
        USER.sync_scope("ada", || drop(set.spawn(user())));
        assert_eq!(set.next().await.unwrap().unwrap().unwrap(), Some("ada"));

        let outcome = Group::scope(async |group| {
            let start = group.start(|ready| async move {
                ready.set(USER.get()).unwrap();
                user().await
            });
            let (ready, task) = USER.scope("grace", start).await.unwrap();
            Ok((ready, task.await?))
        });
        assert_eq!(outcome.await.unwrap(), (Some("grace"), Some("grace")));
    });
}
