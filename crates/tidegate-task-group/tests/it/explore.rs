//! Every public future of a group, polled by hand and dropped at every point of a scenario: nothing is left behind.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tidegate_task_group::{BoxError, OnPanic, Policy, Ready, TaskGroup, TaskSet};
use tidegate_test::{CountingWaker, Explorer, hold, poll_once};
use tidegate_timeout::scope::Scope;
use tidegate_timeout::{Deadline, ScopeExt, checkpoint, current_scope, timeout};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::time::{advance, sleep};

use crate::support::*;

type Boxed = Pin<Box<dyn Future<Output = ()>>>;
type Make = fn(&World) -> Boxed;

/// A runtime whose tasks the future under test is not one of, the scope around, and what must be gone in the end.
struct World {
    runtime: Runtime,
    around: Scope,
    counts: Counts,
    /// Clean-up may be cut short: there is a grace.
    cut_short: Cell<bool>,
    woken: Arc<CountingWaker>,
    waker: RefCell<Option<Waker>>,
}

#[derive(Clone, Default)]
struct Counts {
    /// What bodies, children and their values hold.
    alive: Alive,
    /// How many children owe a clean-up, and how many have done theirs.
    owed: Counter,
    cleaned: Counter,
    /// How many groups that run in a task have ended.
    ended: Counter,
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

impl Counts {
    /// Has a value, a while later.
    async fn succeeds(self) -> Result<Alive, BoxError> {
        sleep(ms(15)).await;
        Ok(self.alive)
    }

    async fn fails(self) -> Result<(), BoxError> {
        sleep(ms(25)).await;
        fails("child").await
    }

    async fn cleans_up(self) -> Result<(), BoxError> {
        let _alive = self.alive.clone();
        self.owed.add();
        let clean_up = async {
            sleep(ms(15)).await;
            self.cleaned.add();
        };
        with_cleanup(clean_up).await
    }

    async fn spawns(self, group: Group) -> Result<(), BoxError> {
        sleep(ms(5)).await;
        group.spawn(self.clone().cleans_up());
        sleep(ms(5)).await;
        group.spawn(self.succeeds());
        Ok(())
    }

    /// A body with children of each kind, which it waits for only in part.
    async fn body(self, group: Group) -> Result<(), BoxError> {
        let _alive = self.alive.clone();
        group.spawn(self.clone().cleans_up());
        let succeeds = group.spawn(self.clone().succeeds());
        group.spawn(self.clone().spawns(group.clone()));
        group.spawn(self.clone().fails());
        drop(succeeds.await?);
        sleep(ms(20)).await;
        Ok(())
    }

    /// A group with such a body in a child of another.
    async fn nested(self, group: Group) -> Result<(), BoxError> {
        let inner = self.clone();
        group.spawn(async move { Ok(Group::scope(|group| inner.body(group)).await?) });
        let _alive = self.alive;
        forever().await
    }

    /// A child that is started: its way to be ready takes a while, and wants to be cleaned up after.
    async fn becomes_ready(self, ready: Ready<Alive>) -> Result<(), BoxError> {
        let _alive = self.alive.clone();
        let opened = timeout(ms(15), self.clone().cleans_up()).await;
        assert!(opened.is_err(), "it cleans up until then");
        let _ = ready.set(self.alive.clone());
        sleep(ms(15)).await;
        Ok(())
    }

    /// A set with tasks of each kind, whose results are taken.
    async fn drain(self, mut set: TaskSet<Result<(), BoxError>>) {
        let _alive = self.alive.clone();
        set.spawn(self.clone().cleans_up());
        let succeeds = self.clone().succeeds();
        set.spawn(async { succeeds.await.map(drop) });
        set.spawn(self.clone().fails());
        let (spawner, fails) = (set.spawner(), self.clone().fails());
        set.spawn(async move {
            sleep(ms(5)).await;
            spawner.spawn(fails);
            spawner.spawn(self.cleans_up());
            Ok(())
        });
        while set.next().await.is_some() {}
    }

    /// A group that runs in a task; its body ends when there is room again for one child more.
    fn run(self, limit: usize, handle: oneshot::Sender<Group>) {
        tokio::spawn(async move {
            let group = Group::builder().limit(limit).scope(async |group| {
                let alive = self.alive.clone();
                group.spawn(async move {
                    let _alive = alive;
                    sleep(ms(25)).await;
                    Ok(())
                });
                let _ = handle.send(group.clone());
                sleep(ms(60)).await;
                group.spawn(async { Ok(()) }).await?;
                Ok(())
            });
            group.await.unwrap();
            self.ended.add();
        });
    }
}

impl World {
    fn new() -> Self {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let (woken, waker) = CountingWaker::new();
        Self {
            runtime: builder.enable_time().start_paused(true).build().unwrap(),
            around: Scope::new(),
            counts: Counts::default(),
            cut_short: Cell::new(false),
            woken,
            waker: RefCell::new(Some(waker)),
        }
    }

    fn pass(&self, n: u64) {
        self.runtime.block_on(async {
            breathe().await;
            advance(ms(n)).await;
        });
    }

    fn future(&self, make: Make, dropped_around: bool) -> Inside<'_> {
        let made = {
            let _inside = self.runtime.enter();
            self.around.enter(|| make(self))
        };
        Inside { world: self, made: Some(made), dropped_around }
    }

    fn nothing_is_left(&self, case: &str) {
        let Counts { alive, owed, cleaned, ended } = &self.counts;
        assert!(current_scope().is_none() && checkpoint().is_ok(), "{case}: the thread is clean");
        self.around.handle().cancel("enough");
        let mut run = Box::pin(self.around.run(std::future::pending::<()>()));
        let ready = poll_once(run.as_mut()).is_ready();
        // What runs in a task of its own is not the scope's.
        let nobody = alive.count() == 0 || ended.get() == 0 && owed.get() == 0;
        assert!(!ready || nobody || self.cut_short.get(), "{case}: the scope around waits");
        self.runtime.block_on(async { sleep(ms(1000)).await });
        assert!(ready || poll_once(run.as_mut()).is_ready(), "{case}: it waits no longer");
        assert_eq!(alive.count(), 0, "{case}: everybody has ended");
        let (owed, cleaned) = (owed.get(), cleaned.get());
        let as_it_should = cleaned == owed || cleaned < owed && self.cut_short.get();
        assert!(as_it_should, "{case}: {cleaned} of {owed} have cleaned up");
        drop(self.waker.take());
        assert_eq!(Arc::strong_count(&self.woken), 1, "{case}: nobody has the waker any more");
    }
}

/// What is made, polled in the world's runtime and scope, with the world's waker.
struct Inside<'w> {
    world: &'w World,
    made: Option<Boxed>,
    /// Dropped by code in the scope around, as `select!` does, or by somebody outside.
    dropped_around: bool,
}

impl Future for Inside<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let world = self.world;
        let waker = world.waker.borrow().clone().expect("the world is not over");
        let made = self.made.as_mut().expect("it is not dropped");
        let _inside = world.runtime.enter();
        world.around.enter(|| made.as_mut().poll(&mut Context::from_waker(&waker)))
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let made = self.made.take();
        let _inside = self.world.runtime.enter();
        if self.dropped_around {
            self.world.around.enter(|| drop(made));
        } else {
            drop(made);
        }
    }
}

fn with_policy(world: &World, policy: Policy) -> Boxed {
    let counts = world.counts.clone();
    Box::pin(async move {
        drop(Group::builder().policy(policy).scope(|group| counts.body(group)).await);
    })
}

/// Starts a child in a group elsewhere.
fn with_a_start(world: &World, limit: usize) -> Boxed {
    let (send, receive) = oneshot::channel();
    let counts = world.counts.clone();
    counts.clone().run(limit, send);
    Box::pin(async move {
        let group = receive.await.unwrap();
        let started = group.start(|ready| counts.becomes_ready(ready)).await;
        if let Ok((_, task)) = started {
            drop(task.await);
        }
    })
}

/// Each public future, and those of a set.
const FUTURES: &[(&str, Make)] = &[
    ("fail fast", |world| with_policy(world, Policy::FailFast)),
    ("collect all", |world| with_policy(world, Policy::CollectAll)),
    ("supervise", |world| with_policy(world, Policy::Supervise)),
    ("first success", |world| with_policy(world, Policy::FirstSuccess)),
    ("with a limit of one", |world| {
        let counts = world.counts.clone();
        let builder = TaskGroup::builder().limit(1).on_panic(OnPanic::Capture);
        Box::pin(async { drop(builder.scope(|group: Group| counts.body(group)).await) })
    }),
    ("with a limit of two, first success", |world| {
        let counts = world.counts.clone();
        let builder = TaskGroup::builder().limit(2).policy(Policy::FirstSuccess);
        Box::pin(async { drop(builder.scope(|group: Group| counts.body(group)).await) })
    }),
    ("with a grace", |world| {
        world.cut_short.set(true);
        let counts = world.counts.clone();
        let builder = TaskGroup::builder().grace(ms(5));
        Box::pin(async { drop(builder.scope(|group: Group| counts.body(group)).await) })
    }),
    ("with a deadline", |world| {
        let counts = world.counts.clone();
        let builder = TaskGroup::builder().deadline(Deadline::after(ms(20)));
        Box::pin(async { drop(builder.scope(|group: Group| counts.body(group)).await) })
    }),
    ("nested", |world| {
        let counts = world.counts.clone();
        Box::pin(async { drop(Group::scope(|group| counts.nested(group)).await) })
    }),
    ("nested, in the body", |world| {
        let counts = world.counts.clone();
        Box::pin(async {
            let outer = Group::scope(async |group| {
                group.spawn(counts.clone().cleans_up());
                timeout(ms(20), Group::scope(|group| counts.body(group))).await??;
                Ok(())
            });
            drop(outer.await);
        })
    }),
    ("nested, in a timeout", |world| {
        let counts = world.counts.clone();
        let group = Group::scope(|group| counts.nested(group));
        Box::pin(async { drop(timeout(ms(20), group).await) })
    }),
    ("in a timeout with a grace", |world| {
        world.cut_short.set(true);
        let counts = world.counts.clone();
        let group = Group::scope(|group| counts.nested(group));
        Box::pin(async { drop(timeout(ms(20), group).grace(ms(5)).await) })
    }),
    ("taken along", |world| {
        let counts = world.counts.clone();
        let group = Group::scope(|group| counts.body(group)).in_current_scope();
        Box::pin(async { drop(group.await) })
    }),
    ("a task", |world| {
        let (send, receive) = oneshot::channel();
        let counts = world.counts.clone();
        counts.clone().run(1, send);
        Box::pin(async {
            let group = receive.await.unwrap();
            drop(group.spawn(counts.succeeds()).await);
        })
    }),
    ("a task that is aborted", |world| {
        let (send, receive) = oneshot::channel();
        let counts = world.counts.clone();
        counts.clone().run(1, send);
        Box::pin(async {
            let task = receive.await.unwrap().spawn(counts.succeeds());
            sleep(ms(30)).await;
            task.abort();
            drop(task.await);
        })
    }),
    ("a start", |world| with_a_start(world, 2)),
    ("a start that waits for its turn", |world| with_a_start(world, 1)),
    ("a set", |world| Box::pin(world.counts.clone().drain(TaskSet::new()))),
    ("a set with a limit, in order", |world| {
        Box::pin(world.counts.clone().drain(TaskSet::new().limit(2).in_order()))
    }),
    ("a set with a grace", |world| {
        world.cut_short.set(true);
        Box::pin(world.counts.clone().drain(TaskSet::new().grace(ms(5))))
    }),
    ("spawn_bounded", |world| {
        let (send, receive) = oneshot::channel();
        let counts = world.counts.clone();
        counts.clone().run(1, send);
        Box::pin(async {
            let group = receive.await.unwrap();
            let task = group.spawn_bounded(counts.succeeds()).await;
            drop(task.await);
        })
    }),
];

/// Drops each future at every point between the steps.
fn explore(steps: [fn(&World); 4]) {
    for &(case, make) in FUTURES {
        for dropped_around in [true, false] {
            let case = format!("{case}, dropped inside: {dropped_around}");
            let explorer = Explorer::new(World::new).future(move |world| {
                let future = world.future(make, dropped_around);
                hold(future)
            });
            let explorer = steps.into_iter().fold(explorer, |explorer, step| explorer.step(step));
            let runs = explorer.check(move |world| world.nothing_is_left(&case)).run();
            assert_eq!(runs, 32 * 6);
        }
    }
}

#[test]
fn every_future_dropped_at_any_point_leaves_nothing() {
    explore([
        |world| world.pass(10),
        |world| world.pass(10),
        |world| world.pass(10),
        |world| world.pass(30),
    ]);
}

#[test]
fn every_future_dropped_at_any_point_of_a_cancelled_scope_leaves_nothing() {
    explore([
        |world| world.pass(12),
        |world| world.around.handle().cancel("enough"),
        |world| world.pass(10),
        |world| world.pass(10),
    ]);
}
