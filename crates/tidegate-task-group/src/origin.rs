use std::borrow::Cow;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use tidegate_executor::watch::Tag;

/// A task's name, in one word: few tasks have one, and all carry the place for it.
#[derive(Clone, Debug)]
pub(crate) struct Name(Arc<Tag>);

impl Name {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn tag(&self) -> &Tag {
        &self.0
    }
}

impl From<Cow<'static, str>> for Name {
    fn from(name: Cow<'static, str>) -> Self {
        Self(Arc::new(Tag::new(name)))
    }
}

/// Where an error of an [`ErrorGroup`](crate::ErrorGroup) came from.
///
/// # Examples
///
/// ```
/// # use tidegate_task_group::{BoxError, TaskGroup};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let errors = TaskGroup::<BoxError>::scope(async |group| {
///     group.task("reader").spawn(async { Err::<(), _>("no paper".into()) });
///     Ok(())
/// })
/// .await
/// .unwrap_err();
///
/// let origin = errors.details().next().unwrap().origin;
/// assert_eq!(origin.name(), Some("reader"));
/// assert!(origin.location().unwrap().file().ends_with(".rs"));
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Origin {
    pub(crate) name: Option<Name>,
    pub(crate) id: Option<u64>,
    pub(crate) location: Option<&'static Location<'static>>,
}

impl Origin {
    pub(crate) fn at(location: &'static Location<'static>) -> Self {
        Self { name: None, id: None, location: Some(location) }
    }

    /// The name of the task that failed.
    pub fn name(&self) -> Option<&str> {
        self.name.as_ref().map(Name::as_str)
    }

    /// The number of the task that failed, as [`Task::id`](crate::Task::id) gives it.
    pub fn id(&self) -> Option<u64> {
        self.id
    }

    /// Where the task was spawned, or the error was [pushed](crate::ErrorGroup::push).
    pub fn location(&self) -> Option<&'static Location<'static>> {
        self.location
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut origin = f.debug_struct("Origin");
        origin.field("name", &self.name()).field("id", &self.id);
        origin.field("location", &self.location.map(ToString::to_string)).finish()
    }
}
