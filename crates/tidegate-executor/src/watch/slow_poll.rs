use std::fmt;
use std::panic::Location;
use std::time::Duration;

/// A task that blocks its thread, as a [`SlowPollWatch`](crate::SlowPollWatch) reports it.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// # use tidegate_executor::SlowPollWatch;
/// # fn main() -> std::io::Result<()> {
/// let watch = SlowPollWatch::start(Duration::from_millis(100), |stall| {
///     // task `resize` (src/main.rs:12:9) has blocked thread main for 100.3ms
///     eprintln!("{stall}");
/// })?;
/// # drop(watch);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SlowPoll {
    /// The name of the task.
    pub name: Option<String>,
    /// The number of the task in its group.
    pub id: Option<u64>,
    /// Where the task was spawned.
    pub location: &'static Location<'static>,
    /// The name of the thread that it blocks.
    pub thread: String,
    /// How long the poll has lasted, or took in all.
    pub running_for: Duration,
    /// Whether the poll is over.
    pub over: bool,
}

impl fmt::Display for SlowPoll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("task ")?;
        match (&self.name, self.id) {
            (Some(name), _) => write!(f, "`{name}` ")?,
            (None, Some(id)) => write!(f, "{id} ")?,
            (None, None) => {}
        }
        let Self { location, thread, running_for, .. } = self;
        if self.over {
            write!(f, "({location}) blocked thread {thread} for {running_for:.1?} in all")
        } else {
            write!(f, "({location}) has blocked thread {thread} for {running_for:.1?}")
        }
    }
}
