// How it works
//
// A snapshot is taken from the top down. The tasks of a group are those who have a seat, and the seat says who sits
// there. The groups that a task has opened are found through the tree of scopes: a group is the audience of its
// scope, which is somewhere below the task's. What is below a group's scope and below none of its tasks belongs to
// its body.
//
// Locks are held to copy a list, one at a time, and none while anything is drawn.

mod show;

use std::collections::HashSet;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use tidegate_semaphore::Semaphore;
use tidegate_timeout::{CancelReason, ScopeHandle};
use tokio::time::Instant;

use crate::core::Core;
use crate::origin::Name;
use crate::policy::Policy;
use crate::shared::Rules;
use crate::statistics::GroupStatistics;

/// How many groups, one in the other, are shown.
const DEPTH: usize = 64;

/// What runs where, and since when: a group, or a set, its tasks, and the groups inside, at one moment.
///
/// Made by [`TaskGroup::tree`](crate::TaskGroup::tree). `Display` draws it, one line for each task.
///
/// It is a copy, and not of a single instant: who begins or ends while it is made may be in one of its numbers and
/// not in another.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// # use tidegate_task_group::{BoxError, TaskGroup};
/// # use tokio::time::sleep;
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// TaskGroup::<BoxError>::builder()
///     .name("kitchen")
///     .scope(async |group| {
///         group.task("soup").spawn(async {
///             TaskGroup::<BoxError>::scope(async |group| {
///                 group.task("carrots").spawn(std::future::pending::<Result<(), BoxError>>());
///                 Ok(())
///             })
///             .await?;
///             Ok(())
///         });
///         sleep(Duration::from_secs(90)).await;
///
///         let tree = group.tree();
///         // group `kitchen` (fail fast): 1 live; at src/main.rs:7:10
///         // ├─ body: running
///         // └─ soup: running, 1m 30s old, at src/main.rs:8:28
///         //    └─ group (fail fast): 1 live; at src/main.rs:9:13
///         //       └─ carrots: running, 1m 30s old, at src/main.rs:10:39
///         println!("{tree}");
///
///         let soup = &tree.tasks[0];
///         assert_eq!(soup.name.as_deref(), Some("soup"));
///         assert_eq!(soup.age, Duration::from_secs(90));
///         assert_eq!(soup.groups[0].tasks[0].name.as_deref(), Some("carrots"));
///         group.cancel("that is enough");
///         Ok(())
///     })
///     .await
///     .unwrap();
/// # }
/// ```
///
/// # Limitations
///
/// A group inside a [shield](tidegate_timeout::shield()) is not shown, nor are groups that are more than 64 deep.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskTree {
    /// The group's [name](crate::Builder::name).
    pub name: Option<String>,
    /// Its policy; a [`TaskSet`](crate::TaskSet) has none.
    pub policy: Option<Policy>,
    /// Whether it has a [limit](crate::Builder::limit).
    pub limited: bool,
    /// Where it was opened.
    pub location: &'static Location<'static>,
    /// Whether it was asked to [stop](crate::TaskGroup::request_stop), or cancelled.
    pub stopping: bool,
    /// Why it was cancelled, if it was.
    pub cancelled: Option<CancelReason>,
    /// How its children have fared. Of a set it is known how many there are, not how the others have ended.
    pub statistics: GroupStatistics,
    /// Whether its body has not ended.
    pub body: bool,
    /// The groups that its body has opened, and those that were just opened by a child in its first poll.
    pub groups: Vec<TaskTree>,
    /// Its children that have had to wait for something, in the order in which they were spawned.
    ///
    /// One that was spawned and not polled yet, or that is in its first poll, is counted in the statistics alone.
    pub tasks: Vec<TaskNode>,
}

/// A child, in a [`TaskTree`].
///
/// # Examples
///
/// See [`TaskTree`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskNode {
    /// The name it was given with [`TaskGroup::task`](crate::TaskGroup::task).
    pub name: Option<String>,
    /// Its number among the children of its group, as [`Task::id`](crate::Task::id) gives it.
    pub id: u64,
    /// What it is doing.
    pub state: TaskState,
    /// Where it was spawned.
    pub location: &'static Location<'static>,
    /// How long ago it first had to wait: for its turn, or in its first poll.
    pub age: Duration,
    /// The groups that it has opened.
    pub groups: Vec<TaskTree>,
}

/// What a child is doing, in a [`TaskTree`].
///
/// # Examples
///
/// See [`TaskTree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskState {
    /// It waits until the group's [limit](crate::Builder::limit) lets it begin.
    Waiting,
    /// It has begun.
    Running,
    /// It was cancelled, and has not ended.
    Cancelling,
}

/// What the tree says of a group.
pub(crate) struct Card {
    pub(crate) name: Option<Name>,
    pub(crate) policy: Option<Policy>,
    pub(crate) limit: Option<Arc<Semaphore>>,
    pub(crate) location: &'static Location<'static>,
}

impl Card {
    pub(crate) fn of(rules: &Rules, limit: Option<Arc<Semaphore>>) -> Self {
        let (name, policy, location) = (rules.name.clone(), rules.policy, rules.location);
        Self { name, policy: Some(policy), limit, location }
    }

    /// Of a set, which has no name, and of which the limit may change.
    pub(crate) fn of_set(location: &'static Location<'static>) -> Self {
        Self { name: None, policy: None, limit: None, location }
    }
}

impl TaskTree {
    pub(crate) fn of(core: &Arc<Core>) -> Self {
        Self::within(core, Instant::now(), DEPTH)
    }

    fn within(core: &Arc<Core>, now: Instant, depth: usize) -> Self {
        let card = &core.card;
        let mut occupants = core.occupants();
        occupants.sort_unstable_by_key(|it| it.id);
        // What is inside of these is theirs.
        #[expect(clippy::mutable_key_type, reason = "a handle is hashed by which scope it is for")]
        let theirs: HashSet<_> = occupants.iter().filter_map(|it| it.scope.as_ref()).collect();
        let groups = groups_in(&core.handle, core, |scope| theirs.contains(scope), now, depth);
        let mut statistics = core.statistics();
        if card.policy.is_none() {
            statistics.succeeded = 0;
        }
        let cancelled = core.children.is_cancelled();
        let tasks = occupants.iter().map(|it| {
            let alone = it.scope.as_ref().is_some_and(ScopeHandle::is_cancelled);
            let inside = |scope| groups_in(scope, core, |_| false, now, depth);
            TaskNode {
                name: it.name.as_ref().map(|name| name.as_str().to_owned()),
                id: it.id,
                state: match it.waits {
                    _ if cancelled || alone || it.aborted => TaskState::Cancelling,
                    true => TaskState::Waiting,
                    false => TaskState::Running,
                },
                location: it.location,
                age: now.saturating_duration_since(it.since),
                groups: it.scope.as_ref().map(inside).unwrap_or_default(),
            }
        });
        let tasks = tasks.collect();
        Self {
            name: card.name.as_ref().map(|name| name.as_str().to_owned()),
            policy: card.policy,
            limited: card.limit.is_some(),
            location: card.location,
            stopping: core.handle.is_stopping(),
            cancelled: core.handle.reason(),
            statistics,
            body: core.has_body(),
            groups,
            tasks,
        }
    }
}

/// The outermost groups inside `scope`, except below those scopes that somebody else answers for.
fn groups_in(
    scope: &ScopeHandle,
    around: &Arc<Core>,
    is_theirs: impl Fn(&ScopeHandle) -> bool,
    now: Instant,
    depth: usize,
) -> Vec<TaskTree> {
    let Some(depth) = depth.checked_sub(1) else { return Vec::new() };
    let mut found = Vec::new();
    scope.walk(|scope, audience| {
        if is_theirs(scope) {
            return false;
        }
        match audience.and_then(|it| it.into_any()?.downcast::<Core>().ok()) {
            // The children of a group may live in a scope inside the group's own.
            Some(core) if Arc::ptr_eq(&core, around) => true,
            Some(core) => {
                found.push(core);
                false
            }
            None => true,
        }
    });
    found.retain(|core| !core.is_over());
    found.iter().map(|core| TaskTree::within(core, now, depth)).collect()
}
