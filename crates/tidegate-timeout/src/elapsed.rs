use std::error::Error;
use std::panic::Location;
use std::sync::{Arc, Weak};
use std::time::Duration;
use std::{fmt, io};

use crate::handle::ScopeHandle;
use crate::node::Node;

/// The deadline passed before the body was ready.
///
/// It says which timeout it was: its name, its time and the place in the source that made it, so that an error
/// that has come through several layers still tells where from.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_timeout::timeout;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
/// # .block_on(async {
/// let slow = timeout(Duration::from_millis(500), std::future::pending::<()>()).named("database");
/// let elapsed = slow.await.unwrap_err();
/// assert!(elapsed.to_string().starts_with("`database` timed out after 500ms ("));
/// # })
/// ```
#[derive(Clone)]
pub struct Elapsed {
    /// The scope, if anybody ever asked for it: only then can there be a handle to compare with.
    scope: Option<Weak<Node>>,
    name: Option<&'static str>,
    after: Duration,
    location: &'static Location<'static>,
}

impl Elapsed {
    pub(crate) fn new(
        scope: Option<&Arc<Node>>,
        name: Option<&'static str>,
        after: Duration,
        location: &'static Location<'static>,
    ) -> Self {
        Self { scope: scope.map(Arc::downgrade), name, after, location }
    }

    /// Whether it was the timeout of this handle.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_timeout::timeout;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
    /// # .block_on(async {
    /// let work = timeout(Duration::from_secs(1), std::future::pending::<()>());
    /// let handle = work.handle();
    /// assert!(work.await.unwrap_err().is_from(&handle));
    /// # })
    /// ```
    pub fn is_from(&self, handle: &ScopeHandle) -> bool {
        self.scope_ptr() == Arc::as_ptr(handle.node())
    }

    /// The name given with [`Timeout::named`](crate::Timeout::named).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_timeout::timeout;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
    /// # .block_on(async {
    /// let work = timeout(Duration::from_secs(1), std::future::pending::<()>()).named("work");
    /// assert_eq!(work.await.unwrap_err().name(), Some("work"));
    /// # })
    /// ```
    pub fn name(&self) -> Option<&'static str> {
        self.name
    }

    /// The time that the body had, from its first poll to the deadline.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_timeout::timeout;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
    /// # .block_on(async {
    /// let work = timeout(Duration::from_secs(1), std::future::pending::<()>());
    /// assert_eq!(work.await.unwrap_err().after(), Duration::from_secs(1));
    /// # })
    /// ```
    pub fn after(&self) -> Duration {
        self.after
    }

    /// Where in the source the timeout was made.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_timeout::timeout;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
    /// # .block_on(async {
    /// let work = timeout(Duration::ZERO, std::future::pending::<()>());
    /// assert_eq!(work.await.unwrap_err().location().file(), file!());
    /// # })
    /// ```
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }

    fn scope_ptr(&self) -> *const Node {
        self.scope.as_ref().map_or(std::ptr::null(), Weak::as_ptr)
    }
}

/// Equal when they come from the same timeout, as far as can be told from outside.
impl PartialEq for Elapsed {
    fn eq(&self, other: &Self) -> bool {
        self.scope_ptr() == other.scope_ptr()
            && self.name == other.name
            && self.after == other.after
            && self.location == other.location
    }
}

impl Eq for Elapsed {}

impl fmt::Debug for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Elapsed")
            .field("name", &self.name)
            .field("after", &self.after)
            .field("location", &format_args!("{}", self.location))
            .finish()
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.name {
            write!(f, "`{name}` ")?;
        }
        write!(f, "timed out after {:?} ({})", self.after, self.location)
    }
}

impl Error for Elapsed {}

/// An error of the kind [`TimedOut`](io::ErrorKind::TimedOut) that has the [`Elapsed`] inside, for code that
/// returns `io::Result`.
///
/// # Examples
///
/// ```
/// use std::io;
/// use std::time::Duration;
/// use tidegate_timeout::timeout;
///
/// async fn read() -> io::Result<u8> {
///     timeout(Duration::from_secs(1), std::future::pending()).await?
/// }
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
/// # .block_on(async {
/// assert_eq!(read().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
/// # })
/// ```
impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> Self {
        Self::new(io::ErrorKind::TimedOut, elapsed)
    }
}
