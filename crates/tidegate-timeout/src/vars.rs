// How it works
//
// The variables that are set where code runs now are kept in this thread, as an immutable list that many may share:
// whoever sets one more makes a new list, of as many entries as there are variables, so that setting one again and
// again, deeper and deeper, makes nothing grow. As with the current scope, whoever polls a future puts its list in before
// the poll and takes it out after, also when the poll panics, and the `Arc` itself moves from the future into the
// thread and back.
//
// No user code runs while the list is out of its cell: whoever wants a value clones its `Arc` and looks at that.
//
// A future's destructor sees what its code saw: it is dropped with its list put in.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::mem::{self, ManuallyDrop};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::context_var::Key;

/// The [context variables](crate::ContextVar) that are set in some place, to take them to another.
///
/// A task or a thread that is started by something that does not know of them begins without any; this is how they get
/// there. It is asyncio's `copy_context`, and as cheap as one [`Arc`]. What tidegate starts needs none of it: the
/// children of a task group, the jobs of a thread pool, what is [protected](crate::protect()) and what is
/// [left behind](crate::with()) have the variables of the place where they were asked for.
///
/// # Examples
///
/// ```
/// use tidegate_timeout::{ContextVar, Vars};
///
/// static USER: ContextVar<&str> = ContextVar::new("user");
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (task, thread) = USER.sync_scope("ada", || {
///     let vars = Vars::current();
///     let task = tokio::spawn(vars.run(async { USER.get() }));
///     let thread = std::thread::spawn(move || vars.enter(|| USER.get()));
///     (task, thread)
/// });
/// assert_eq!(task.await.unwrap(), Some("ada"));
/// assert_eq!(thread.join().unwrap(), Some("ada"));
/// # })
/// ```
#[derive(Clone, Default)]
pub struct Vars(Option<Arc<Vec<Entry>>>);

/// A variable and its value.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key: &'static Key,
    pub(crate) value: Value,
}

pub(crate) type Value = Arc<dyn Any + Send + Sync>;

tidegate_shim::thread_local! {
    // Whoever puts a list in takes it out again, so there is nothing to drop when the thread ends; and so the
    // destructors of other thread-locals may still ask for a variable.
    static CURRENT: ManuallyDrop<Cell<Vars>> = const { ManuallyDrop::new(Cell::new(Vars(None))) };
}

impl Vars {
    /// Those that are set here and now.
    ///
    /// # Examples
    ///
    /// See [`Vars`].
    pub fn current() -> Self {
        Self::look(Self::clone)
    }

    /// Looks at the list that stands in the thread.
    #[inline]
    pub(crate) fn look<R>(look: impl FnOnce(&Self) -> R) -> R {
        CURRENT.with(|current| {
            let vars = current.take();
            let seen = look(&vars);
            current.set(vars);
            seen
        })
    }

    /// Runs `f` with these variables and no others.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_timeout::{ContextVar, Vars};
    ///
    /// static USER: ContextVar<&str> = ContextVar::new("user");
    ///
    /// let nobody = Vars::current();
    /// USER.sync_scope("ada", || assert_eq!(nobody.enter(|| USER.get()), None));
    /// ```
    pub fn enter<R>(&self, f: impl FnOnce() -> R) -> R {
        let mut slot = self.clone();
        let _inside = slot.put_in();
        f()
    }

    /// Polls `future` with these variables and no others, wherever that is; it is also dropped so.
    ///
    /// # Examples
    ///
    /// See [`Vars`].
    pub fn run<F: Future>(&self, future: F) -> InVars<F> {
        InVars::new(future, self.clone())
    }

    /// Whether no variable is set.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(tidegate_timeout::Vars::current().is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn find(&self, key: &'static Key) -> Option<&Value> {
        let entry = self.entries().iter().find(|entry| entry.key.is(key))?;
        Some(&entry.value)
    }

    /// These, with one set anew.
    pub(crate) fn with(&self, new: Entry) -> Self {
        let others = self.entries().iter().filter(|entry| !entry.key.is(new.key));
        let mut entries = Vec::with_capacity(self.entries().len() + 1);
        entries.extend(others.cloned());
        entries.push(new);
        Self(Some(Arc::new(entries)))
    }

    /// Whether it is the same list.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }

    /// Moves the list into the thread until what is returned is dropped.
    pub(crate) fn put_in(&mut self) -> Inside<'_> {
        let before = CURRENT.with(|current| current.replace(mem::take(self)));
        Inside { slot: self, before }
    }

    /// Whether there is nothing to move: no variable is set, neither in this list nor in the thread.
    #[inline]
    fn is_idle(&self) -> bool {
        self.is_empty() && Self::look(Self::is_empty)
    }

    fn entries(&self) -> &[Entry] {
        self.0.as_ref().map_or(&[], |entries| entries)
    }
}

impl fmt::Debug for Vars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.entries().iter().map(|entry| entry.key.name);
        f.write_str("Vars ")?;
        f.debug_set().entries(names).finish()
    }
}

/// While a list is in the thread.
pub(crate) struct Inside<'a> {
    slot: &'a mut Vars,
    before: Vars,
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let before = mem::take(&mut self.before);
        *self.slot = CURRENT.with(|current| current.replace(before));
    }
}

pin_project! {
    /// The future of [`Vars::run`].
    ///
    /// # Cancel safety
    ///
    /// That of the future inside.
    ///
    /// # Examples
    ///
    /// See [`Vars`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct InVars<F> {
        #[pin]
        future: Option<F>,
        vars: Vars,
    }

    impl<F> PinnedDrop for InVars<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut me = this.project();
            if !me.vars.is_idle() {
                let _inside = me.vars.put_in();
                me.future.set(None);
            }
        }
    }
}

impl<F> InVars<F> {
    pub(crate) fn new(future: F, vars: Vars) -> Self {
        Self { future: Some(future), vars }
    }
}

impl<F: Future> Future for InVars<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let me = self.project();
        let future = me.future.as_pin_mut().expect("there is a future until this is dropped");
        if me.vars.is_idle() {
            return future.poll(cx);
        }
        let _inside = me.vars.put_in();
        future.poll(cx)
    }
}

impl<F> fmt::Debug for InVars<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InVars").field("vars", &self.vars).finish_non_exhaustive()
    }
}
