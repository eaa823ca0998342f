//! What a group resolves to: asyncio's outcomes (2.5), row by row, and the same for every policy.
//!
//! The table for users is in the guide: crates/tidegate/src/guide/cancellation.md.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use tidegate_task_group::{BoxError, OnPanic, Policy, Task, TaskError};
use tidegate_timeout::scope::{Ended, Scope};
use tidegate_timeout::{CancelReason, cancelled, checkpoint, shield};
use tokio::runtime::RuntimeFlavor;
use tokio::sync::Barrier;
use tokio::task::yield_now;

use crate::support::*;

/// What a child does once everybody has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Child {
    /// Ends with a value after a while.
    Succeeds,
    /// Spawns, when the body has ended, a child that spawns a child.
    Spawns,
    /// Pending for ever.
    Waits,
    Fails,
    Panics,
    /// Cancels the group when the body has ended, and has a value.
    CancelsTheGroup,
    /// Learns of the cancellation, cleans up for a while, and would go on.
    CleansUp,
    /// Learns of it, and fails after those before it.
    FailsInCleanUp,
    /// Learns of it, and never ends.
    NeverEnds,
}
use Child::{CancelsTheGroup, CleansUp, FailsInCleanUp, NeverEnds, Spawns, Succeeds};

/// What the body does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    /// Ends with a value.
    Ends,
    /// Ends with an error.
    Fails,
    /// The same before its first await.
    FailsAtOnce,
    /// Ends with an error when all children have ended, or it is cancelled.
    FailsLast,
    /// Pending for ever.
    Waits,
    Panics,
    /// Aborts the first child, and sees why that has no value.
    AbortsAndLooks,
    /// Aborts the first child, and passes on why that has no value.
    AbortsAndPassesOn,
    /// Cancels the group, and has a value.
    Cancels,
    /// Cancels the group, and would go on.
    CancelsAndWaits,
}

/// When the scope around is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Around {
    Never,
    /// When everybody has begun.
    Early,
    /// When a child cleans up.
    WhileCleaningUp,
}

/// Errors are in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Out {
    Value,
    Errors(Vec<String>),
    /// It never came back: the scope around reports.
    Around,
    /// These, and then the scope around.
    ErrorsThenAround(Vec<String>),
    Panic(String),
}

#[derive(Clone)]
struct Row {
    /// Body, children, and what happens outside.
    case: &'static str,
    body: Body,
    children: &'static [Child],
    around: Around,
    policy: Policy,
    on_panic: OnPanic,
    grace: Option<Duration>,
    ours: Out,
    /// What asyncio does, where that is something else, and why it is not done here.
    differs: &'static str,
}

fn row(case: &'static str, body: Body, children: &'static [Child], ours: Out) -> Row {
    Row {
        case,
        body,
        children,
        around: Around::Never,
        policy: Policy::FailFast,
        on_panic: OnPanic::Propagate,
        grace: None,
        ours,
        differs: "",
    }
}

impl Row {
    fn around(self, around: Around) -> Self {
        Self { around, ..self }
    }

    fn grace(self, grace: Duration) -> Self {
        Self { grace: Some(grace), ..self }
    }

    fn capture(self) -> Self {
        Self { on_panic: OnPanic::Capture, ..self }
    }

    fn differs(self, differs: &'static str) -> Self {
        Self { differs, ..self }
    }
}

fn errors(messages: &[&str]) -> Out {
    Out::Errors(messages.iter().map(ToString::to_string).collect())
}

fn errors_then_around(messages: &[&str]) -> Out {
    Out::ErrorsThenAround(messages.iter().map(ToString::to_string).collect())
}

fn panic(message: &str) -> Out {
    Out::Panic(message.to_owned())
}

/// Part 2.5, in its order; `KeyboardInterrupt` and the like are panics here.
fn asyncio() -> Vec<Row> {
    use Body::*;
    use Child::{Fails as ChildFails, Panics as ChildPanics, Waits as ChildWaits};

    vec![
        row("ok, ok", Ends, &[Succeeds, Succeeds], Out::Value),
        row("ok, children add children while the exit waits", Ends, &[Spawns], Out::Value),
        row(
            "ok, one is cancelled by itself; the siblings go on",
            AbortsAndLooks,
            &[ChildWaits, Succeeds],
            Out::Value,
        ),
        row("ok and awaiting, one raises", Waits, &[ChildFails, CleansUp], errors(&["child 0"])),
        row(
            "ok, one raises while the exit waits",
            Ends,
            &[ChildFails, CleansUp],
            errors(&["child 0"]),
        ),
        row("raises, ok", Fails, &[ChildWaits, CleansUp], errors(&["body"])),
        row(
            "raises, raise in clean-up: in the order of their ends, the body's last",
            Fails,
            &[FailsInCleanUp, FailsInCleanUp],
            errors(&["child 0", "child 1", "body"]),
        ),
        row(
            "raises after it was cancelled by the group, raised",
            FailsLast,
            &[ChildFails],
            errors(&["child 0", "body"]),
        ),
        row("ok, -, cancelled outside", Ends, &[ChildWaits, CleansUp], Out::Around)
            .around(Around::Early),
        row("awaiting, -, cancelled outside", Waits, &[ChildWaits, CleansUp], Out::Around)
            .around(Around::Early),
        row("awaiting, nobody, cancelled outside", Waits, &[], Out::Around).around(Around::Early),
        row(
            "any, raises in clean-up, cancelled outside",
            Waits,
            &[FailsInCleanUp, CleansUp],
            errors_then_around(&["child 0"]),
        )
        .around(Around::Early),
        row(
            "raises, raises in clean-up, cancelled outside",
            FailsLast,
            &[FailsInCleanUp],
            errors_then_around(&["child 0", "body"]),
        )
        .around(Around::Early),
        row("awaits a child that was cancelled", AbortsAndLooks, &[ChildWaits], Out::Value)
            .differs(
                "the parent ends as cancelled: nobody can tell the two; here the `Task` says so",
            ),
        row(
            "awaits a child that was cancelled, and passes that on",
            AbortsAndPassesOn,
            &[ChildWaits, CleansUp],
            errors(&["the task was cancelled: the task was aborted"]),
        )
        .differs("the parent ends as cancelled, although nobody cancelled it"),
        row("interrupted, errors", Panics, &[FailsInCleanUp, CleansUp], panic("body")),
        row(
            "interrupted, errors; nothing is lost",
            Panics,
            &[FailsInCleanUp, CleansUp],
            errors(&["child 0", "panicked: body"]),
        )
        .capture()
        .differs("the errors are dropped, or given to the loop's handler"),
        row("ok, interrupted", Ends, &[ChildPanics, CleansUp], panic("child 0"))
            .differs("it crashes out of the event loop as well"),
        row("awaiting, interrupted", Waits, &[ChildPanics, CleansUp], panic("child 0"))
            .differs("it crashes out of the event loop as well"),
        row(
            "ok, another `BaseException`",
            Ends,
            &[ChildPanics, CleansUp],
            errors(&["panicked: child 0"]),
        )
        .capture(),
        row("cancels the group, ok", Cancels, &[ChildWaits, CleansUp], Out::Value),
        row(
            "cancels the group and awaits, ok",
            CancelsAndWaits,
            &[ChildWaits, CleansUp],
            errors(&["cancelled: enough"]),
        )
        .differs("the body is left where it is; here it has a value, which there is none of then"),
        row(
            "cancels the group, error in clean-up",
            Cancels,
            &[FailsInCleanUp],
            errors(&["child 0"]),
        ),
        row(
            "cancels the group and awaits, error in clean-up",
            CancelsAndWaits,
            &[FailsInCleanUp],
            errors(&["child 0"]),
        ),
        row(
            "cancels the group and awaits, slow clean-up, cancelled outside meanwhile",
            CancelsAndWaits,
            &[CleansUp],
            Out::Around,
        )
        .around(Around::WhileCleaningUp),
        row(
            "cancels the group, slow clean-up, cancelled outside meanwhile",
            Cancels,
            &[CleansUp],
            Out::Around,
        )
        .around(Around::WhileCleaningUp),
        row("ok, a child cancels the group and has a value", Ends, &[CancelsTheGroup], Out::Value)
            .differs("the child's value is lost"),
        row("a child ignores the cancellation", Fails, &[NeverEnds], errors(&["body"]))
            .grace(Duration::from_millis(1))
            .differs("the exit waits for ever; a grace is the bound"),
        row(
            "raises before its first await, is not started",
            FailsAtOnce,
            &[Succeeds],
            errors(&["body"]),
        ),
    ]
}

/// The same for each policy: fail fast, collect all, supervise, first success.
fn policies() -> Vec<(Row, [Out; 4])> {
    use Body::*;
    use Child::{Fails as ChildFails, Panics as ChildPanics, Waits as ChildWaits};

    let same = |out: Out| [out.clone(), out.clone(), out.clone(), out];
    let rows = [
        ("ok, ok", Ends, &[Succeeds, Succeeds] as &[_], same(Out::Value)),
        (
            "ok, one raises",
            Ends,
            &[ChildFails],
            [errors(&["child 0"]), errors(&["child 0"]), Out::Value, errors(&["child 0"])],
        ),
        (
            "raises at the end, one raises",
            FailsLast,
            &[ChildFails],
            [
                errors(&["child 0", "body"]),
                errors(&["child 0", "body"]),
                errors(&["body"]),
                errors(&["child 0", "body"]),
            ],
        ),
        ("raises at the end, ok", FailsLast, &[Succeeds], same(errors(&["body"]))),
        (
            "ok, one is cancelled by itself",
            AbortsAndLooks,
            &[ChildWaits, Succeeds],
            same(Out::Value),
        ),
        (
            "ok, the only one is cancelled by itself",
            AbortsAndLooks,
            &[ChildWaits],
            same(Out::Value),
        ),
        (
            "cancels the group and awaits, ok",
            CancelsAndWaits,
            &[CleansUp],
            same(errors(&["cancelled: enough"])),
        ),
        ("cancels the group, ok", Cancels, &[CleansUp], same(Out::Value)),
        (
            "cancels the group, error in clean-up",
            Cancels,
            &[FailsInCleanUp],
            [errors(&["child 0"]), errors(&["child 0"]), Out::Value, errors(&["child 0"])],
        ),
        ("ok, panics", Ends, &[ChildPanics, CleansUp], same(panic("child 0"))),
        ("panics, ok", Panics, &[CleansUp], same(panic("body"))),
    ];
    let rows =
        rows.map(|(case, body, children, ours)| (row(case, body, children, Out::Value), ours));
    let around = [
        ("ok, -, cancelled outside", Ends, &[CleansUp] as &[_], same(Out::Around)),
        ("awaiting, -, cancelled outside", Waits, &[CleansUp], same(Out::Around)),
        (
            "awaiting, raises in clean-up, cancelled outside",
            Waits,
            &[FailsInCleanUp],
            [
                errors_then_around(&["child 0"]),
                errors_then_around(&["child 0"]),
                Out::Around,
                errors_then_around(&["child 0"]),
            ],
        ),
    ];
    let around = around.map(|(case, body, children, ours)| {
        (row(case, body, children, Out::Value).around(Around::Early), ours)
    });
    let captured = [
        (
            "ok, panics, and that is an error",
            Ends,
            &[ChildPanics] as &[_],
            [
                errors(&["panicked: child 0"]),
                errors(&["panicked: child 0"]),
                Out::Value,
                errors(&["panicked: child 0"]),
            ],
        ),
        (
            "panics, ok, and that is an error",
            Panics,
            &[Succeeds],
            same(errors(&["panicked: body"])),
        ),
    ];
    let captured = captured.map(|(case, body, children, ours)| {
        (row(case, body, children, Out::Value).capture(), ours)
    });
    rows.into_iter().chain(around).chain(captured).collect()
}

/// Where a row happens.
struct World {
    row: Row,
    /// Opens when everybody has begun.
    begun: Barrier,
    /// Futures of the body and the children that are not dropped.
    alive: Alive,
    /// How many children were polled.
    started: Counter,
    /// How many children clean up, and how many have done so.
    cleaning: Counter,
    cleaned: Counter,
    /// How many children of children have ended.
    grandchildren: Counter,
    cancelled_around: AtomicBool,
}

impl World {
    fn new(row: &Row) -> Arc<Self> {
        let parties = row.children.len() + 1 + usize::from(row.around != Around::Never);
        Arc::new(Self {
            row: row.clone(),
            begun: Barrier::new(parties),
            alive: Alive::default(),
            started: Counter::default(),
            cleaning: Counter::default(),
            cleaned: Counter::default(),
            grandchildren: Counter::default(),
            cancelled_around: AtomicBool::new(false),
        })
    }

    async fn child(self: Arc<Self>, index: usize, group: Group) -> Result<u32, BoxError> {
        let _alive = self.alive.clone();
        self.started.add();
        // Those who clean up must have said so before anybody is cancelled.
        match self.row.children[index] {
            CleansUp => {
                let cleanup = with_cleanup(async {
                    self.cleaning.add();
                    while self.row.around == Around::WhileCleaningUp
                        && !self.cancelled_around.load(Ordering::SeqCst)
                    {
                        yield_now().await;
                    }
                    breathe().await;
                    self.cleaned.add();
                });
                tokio::join!(cleanup, self.begun.wait()).0?;
                unreachable!("clean-up is the end of it");
            }
            NeverEnds => {
                tokio::join!(with_cleanup(std::future::pending()), self.begun.wait()).0?;
                unreachable!("it never ends");
            }
            FailsInCleanUp => {
                tokio::join!(cancelled(), self.begun.wait());
                let before_me = self.row.children.len() - index;
                shield(async {
                    while group.len() > before_me {
                        yield_now().await;
                    }
                })
                .await;
                return Err(format!("child {index}").into());
            }
            _ => self.begun.wait().await,
        };
        match self.row.children[index] {
            Succeeds => breathe().await,
            Spawns => {
                self.body_has_ended().await;
                let (world, again) = (self.clone(), group.clone());
                drop(group.spawn(async move {
                    breathe().await;
                    let counter = world.grandchildren.clone();
                    drop(again.spawn(async move {
                        breathe().await;
                        counter.add();
                        Ok(())
                    }));
                    world.grandchildren.add();
                    Ok(())
                }));
            }
            Child::Waits => return forever().await,
            Child::Fails => return Err(format!("child {index}").into()),
            Child::Panics => resume_unwind(Box::new(format!("child {index}"))),
            CancelsTheGroup => {
                self.body_has_ended().await;
                group.cancel("a child has had enough");
            }
            CleansUp | FailsInCleanUp | NeverEnds => unreachable!("see above"),
        }
        Ok(index as u32)
    }

    /// For an only child: of those that are not dropped, it is the last.
    async fn body_has_ended(&self) {
        while self.alive.count() > 1 {
            yield_now().await;
        }
    }

    async fn body(self: Arc<Self>, group: Group) -> Result<Vec<Task<u32>>, BoxError> {
        let _alive = self.alive.clone();
        let tasks: Vec<_> = (0..self.row.children.len())
            .map(|index| group.spawn(Arc::clone(&self).child(index, group.clone())))
            .collect();
        if self.row.body == Body::FailsAtOnce {
            return Err("body".into());
        }
        if self.row.body == Body::FailsLast {
            let all_have_ended = async {
                self.begun.wait().await;
                while tasks.iter().any(|task| !task.is_finished()) {
                    yield_now().await;
                }
            };
            tokio::select! {
                _ = cancelled() => {}
                () = all_have_ended => {}
            }
            return Err("body".into());
        }
        self.begun.wait().await;
        match self.row.body {
            Body::Ends => {}
            Body::Fails => return Err("body".into()),
            Body::Waits => return forever().await,
            Body::Panics => resume_unwind(Box::new("body".to_owned())),
            Body::AbortsAndLooks | Body::AbortsAndPassesOn => {
                let mut tasks = tasks;
                let first = tasks.remove(0);
                first.abort();
                let ended = first.await;
                assert!(matches!(ended, Err(TaskError::Cancelled(CancelReason::Explicit(_)))));
                assert!(checkpoint().is_ok(), "that was the child, and not I");
                if self.row.body == Body::AbortsAndPassesOn {
                    ended?;
                }
                return Ok(tasks);
            }
            Body::Cancels => group.cancel("enough"),
            Body::CancelsAndWaits => {
                group.cancel("enough");
                return forever().await;
            }
            Body::FailsAtOnce | Body::FailsLast => unreachable!("see above"),
        }
        Ok(tasks)
    }
}

/// Runs a row; what comes out.
async fn seen(row: Row) -> Out {
    let world = World::new(&row);
    let mut builder = Group::builder().policy(row.policy).on_panic(row.on_panic);
    if let Some(grace) = row.grace {
        builder = builder.grace(grace);
    }
    let body = Arc::clone(&world);
    let group = AssertUnwindSafe(builder.scope(move |group| body.body(group)));
    let group = group.catch_unwind();
    let returned = Mutex::new(None);
    let come_back = async {
        let out = match group.await {
            Ok(Ok(tasks)) => {
                for (index, task) in tasks.into_iter().enumerate() {
                    assert!(task.is_finished());
                    if row.children[index] == CancelsTheGroup {
                        assert_eq!(task.await, Ok(index as u32));
                    }
                }
                Out::Value
            }
            Ok(Err(errors)) => Out::Errors(errors.leaves().map(ToString::to_string).collect()),
            Err(payload) => Out::Panic(*payload.downcast().unwrap()),
        };
        world.everybody_has_ended();
        *returned.lock().unwrap() = Some(out);
    };
    if row.around == Around::Never {
        come_back.await;
        // Nothing of a cancellation is left over for what comes next.
        breathe().await;
        assert!(checkpoint().is_ok());
        return returned.into_inner().unwrap().unwrap();
    }

    let scope = Scope::new();
    let inside = scope.run(async {
        come_back.await;
        std::future::pending::<()>().await;
    });
    let cancel = async {
        world.begun.wait().await;
        while row.around == Around::WhileCleaningUp && world.cleaning.get() == 0 {
            yield_now().await;
        }
        scope.handle().cancel("from around");
        world.cancelled_around.store(true, Ordering::SeqCst);
    };
    let (ended, ()) = tokio::join!(inside, cancel);
    let Ended::Cancelled(reason) = ended else { panic!("it is cancelled at the next await") };
    assert_eq!(reason, CancelReason::from("from around"));
    world.everybody_has_ended();
    match returned.into_inner().unwrap() {
        None => Out::Around,
        Some(Out::Errors(errors)) => Out::ErrorsThenAround(errors),
        Some(out) => panic!("{out:?} although it was cancelled"),
    }
}

impl World {
    fn everybody_has_ended(&self) {
        let count = |child| self.row.children.iter().filter(|it| **it == child).count();
        assert_eq!(self.alive.count(), 0);
        assert_eq!(self.cleaned.get(), count(CleansUp));
        assert_eq!(self.grandchildren.get(), 2 * count(Spawns));
        let flavor = tokio::runtime::Handle::current().runtime_flavor();
        if self.row.body == Body::FailsAtOnce && flavor == RuntimeFlavor::CurrentThread {
            assert_eq!(self.started.get(), 0);
        }
    }
}

fn check(row: Row, ours: Out) {
    let case = format!("{}, {:?} (asyncio: {})", row.case, row.policy, row.differs);
    on_both(move || {
        let (row, ours, case) = (row.clone(), ours.clone(), case.clone());
        async move { assert_eq!(seen(row).await, ours, "{case}") }
    });
}

#[test]
fn the_outcome_of_a_group_is_as_in_the_table() {
    for row in asyncio() {
        check(row.clone(), row.ours);
    }
}

#[test]
fn the_outcome_is_as_the_policy_says() {
    let all = [Policy::FailFast, Policy::CollectAll, Policy::Supervise, Policy::FirstSuccess];
    for (row, ours) in policies() {
        for (policy, ours) in all.into_iter().zip(ours) {
            check(Row { policy, ..row.clone() }, ours);
        }
    }
}
