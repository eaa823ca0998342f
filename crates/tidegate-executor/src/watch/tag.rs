use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// The names of tasks that were polled while somebody watched.
static NAMES: Mutex<Option<HashMap<u64, Cow<'static, str>>>> = Mutex::new(None);

static NEXT: AtomicU64 = AtomicU64::new(1);

/// The name of a task, which a watch on another thread can find.
///
/// For crates that poll tasks themselves. It is a string that is listed, once it was polled while somebody
/// watched, until it is dropped.
///
/// # Examples
///
/// ```
/// use std::panic::Location;
/// use tidegate_executor::watch::{Tag, in_poll};
///
/// let name = Tag::new("indexer");
/// assert_eq!(&*name, "indexer");
/// in_poll(Location::caller(), None, Some(&name), || ());
/// ```
pub struct Tag {
    name: Cow<'static, str>,
    /// Zero until it is listed.
    key: AtomicU64,
}

impl Tag {
    /// A tag with this name.
    ///
    /// # Examples
    ///
    /// ```
    /// let name = tidegate_executor::watch::Tag::new(format!("worker {}", 3));
    /// assert_eq!(&*name, "worker 3");
    /// ```
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), key: AtomicU64::new(0) }
    }

    #[inline]
    pub(super) fn key(&self) -> u64 {
        match self.key.load(Ordering::Relaxed) {
            0 => self.list(),
            key => key,
        }
    }

    #[cold]
    fn list(&self) -> u64 {
        let mut names = NAMES.lock();
        // Relaxed: it is set with the lock held.
        match self.key.load(Ordering::Relaxed) {
            0 => {
                let key = NEXT.fetch_add(1, Ordering::Relaxed);
                names.get_or_insert_default().insert(key, self.name.clone());
                self.key.store(key, Ordering::Relaxed);
                key
            }
            key => key,
        }
    }

    /// The name that is listed under this number.
    pub(super) fn find(key: u64) -> Option<String> {
        Some(NAMES.lock().as_ref()?.get(&key)?.to_string())
    }
}

impl Drop for Tag {
    fn drop(&mut self) {
        let key = *self.key.get_mut();
        if key != 0 {
            let gone = NAMES.lock().as_mut().and_then(|names| names.remove(&key));
            drop(gone);
        }
    }
}

impl Deref for Tag {
    type Target = str;

    fn deref(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.name, f)
    }
}
