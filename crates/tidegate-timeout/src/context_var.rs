// How it works
//
// What a variable is, among others, is its address: it is only ever used through a `&'static`, so no other comes to
// stand there. (That of a `const` would be another one at each mention. So it must not compile: the atomic in the key,
// which nobody reads, keeps the compiler from making a `static` of it.) `vars.rs` has where the values are.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::vars::{Entry, Vars};

/// A value that code sees without having been handed it: who asks, for which request, on whose behalf.
///
/// It is set for a future, or a call, and seen by everything that runs inside, however deep. That is asyncio's
/// `ContextVar`, and tokio's `task_local!` with the difference that children see it, too: those of a task group, the
/// jobs of a thread pool, what is [protected](crate::protect()) or [left behind](crate::with()), and what takes
/// its [scope along](crate::ScopeExt::in_current_scope). They see what was set where they were asked for, also when it is
/// over there. [`Vars`] takes variables elsewhere.
///
/// There is no `set`. A value ends where its scope does, so nothing leaks into other requests on the same thread; and
/// to change a value for others it holds a lock or an atomic.
///
/// # Examples
///
/// ```
/// use tidegate_timeout::ContextVar;
///
/// static REQUEST: ContextVar<u64> = ContextVar::new("request");
///
/// fn log(line: &str) -> String {
///     match REQUEST.get() {
///         Some(number) => format!("[{number}] {line}"),
///         None => line.to_owned(),
///     }
/// }
///
/// async fn handle() -> String {
///     log("begins")
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// assert_eq!(REQUEST.scope(7, handle()).await, "[7] begins");
/// assert_eq!(handle().await, "begins");
/// # })
/// ```
///
/// A variable is a `static`. A `const`, which would be another variable at each mention, does not compile:
///
/// ```compile_fail,E0716
/// use tidegate_timeout::ContextVar;
///
/// const REQUEST: ContextVar<u64> = ContextVar::new("request");
/// REQUEST.sync_scope(7, || ());
/// ```
///
/// # A variable or an argument?
///
/// An argument, as long as there is one: it is checked by the compiler, and a value that is missing is found when it is
/// compiled. A variable is for what concerns everybody and is the business of few: request ids, tenants, locales.
///
/// # Scaling
///
/// Who sets no variable pays for none: one thread-local is read when a task is spawned. To set one takes two allocations and
/// copies a list of all that are set; to look one up compares at most so many addresses. Setting the same one ever deeper
/// replaces it and makes nothing grow.
pub struct ContextVar<T> {
    key: Key,
    value: PhantomData<fn() -> T>,
}

/// Which variable it is.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    /// Never read.
    _no_const: AtomicBool,
}

impl Key {
    pub(crate) fn is(&'static self, other: &'static Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl<T> ContextVar<T> {
    /// A variable without a value. The name is for whoever looks at a list of them.
    ///
    /// # Examples
    ///
    /// See [`ContextVar`].
    pub const fn new(name: &'static str) -> Self {
        Self { key: Key { name, _no_const: AtomicBool::new(false) }, value: PhantomData }
    }

    /// The name it was given.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_timeout::ContextVar;
    ///
    /// static USER: ContextVar<String> = ContextVar::new("user");
    ///
    /// assert_eq!(USER.name(), "user");
    /// ```
    pub const fn name(&self) -> &'static str {
        self.key.name
    }
}

impl<T: Send + Sync + 'static> ContextVar<T> {
    /// Polls `future` with `value` in this variable, wherever that is; it is also dropped so.
    ///
    /// Other variables have the values that they have around.
    ///
    /// # Cancel safety
    ///
    /// That of `future`.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_timeout::ContextVar;
    ///
    /// static USER: ContextVar<&str> = ContextVar::new("user");
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let seen = USER.scope("ada", async {
    ///     let as_somebody_else = USER.scope("grace", async { USER.get() });
    ///     (as_somebody_else.await, USER.get())
    /// });
    /// assert_eq!(seen.await, (Some("grace"), Some("ada")));
    /// # })
    /// ```
    pub fn scope<F: Future>(&'static self, value: T, future: F) -> VarScope<F> {
        let around = Vars::default();
        let inside = Vars::default();
        VarScope { future: Some(future), entry: self.entry(value), around, inside }
    }

    /// Runs `f` with `value` in this variable.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_timeout::ContextVar;
    ///
    /// static USER: ContextVar<&str> = ContextVar::new("user");
    ///
    /// assert_eq!(USER.sync_scope("ada", || USER.get()), Some("ada"));
    /// assert_eq!(USER.get(), None);
    /// ```
    pub fn sync_scope<R>(&'static self, value: T, f: impl FnOnce() -> R) -> R {
        let entry = self.entry(value);
        let mut vars = Vars::look(|around| around.with(entry));
        let _inside = vars.put_in();
        f()
    }

    /// A clone of the value; `None` where none is set.
    ///
    /// For a value that is expensive to clone, [`with`](Self::with), or a variable of an [`Arc`].
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_timeout::ContextVar;
    ///
    /// static LOCALE: ContextVar<String> = ContextVar::new("locale");
    ///
    /// assert_eq!(LOCALE.get().unwrap_or_else(|| "en".to_owned()), "en");
    /// ```
    pub fn get(&'static self) -> Option<T>
    where
        T: Clone,
    {
        self.with(T::clone)
    }

    /// Lends the value to `f`, if one is set.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_timeout::ContextVar;
    ///
    /// static USER: ContextVar<String> = ContextVar::new("user");
    ///
    /// let is_root = || USER.with(|user| user == "root").unwrap_or(false);
    /// assert!(USER.sync_scope("root".to_owned(), is_root));
    /// assert!(!is_root());
    /// ```
    pub fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> Option<R> {
        let value = Vars::look(|vars| vars.find(&self.key).cloned())?;
        Some(f(value.downcast_ref().expect("a variable has values of one type")))
    }

    fn entry(&'static self, value: T) -> Entry {
        Entry { key: &self.key, value: Arc::new(value) }
    }
}

impl<T> fmt::Debug for ContextVar<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextVar").field("name", &self.key.name).finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`ContextVar::scope`].
    ///
    /// # Cancel safety
    ///
    /// That of the future inside.
    ///
    /// # Examples
    ///
    /// See [`ContextVar::scope`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct VarScope<F> {
        #[pin]
        future: Option<F>,
        entry: Entry,
        // What was set around when this was last polled, and the same with the entry.
        around: Vars,
        inside: Vars,
    }

    impl<F> PinnedDrop for VarScope<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut me = this.project();
            renew(me.inside, me.around, me.entry);
            let _inside = me.inside.put_in();
            me.future.set(None);
        }
    }
}

/// Makes the list for what is around now, if it is not the one that there is.
fn renew(inside: &mut Vars, around: &mut Vars, entry: &Entry) {
    let is_old = |now: &Vars| inside.is_empty() || !now.is(around);
    if let Some(now) = Vars::look(|now| is_old(now).then(|| now.clone())) {
        *inside = now.with(entry.clone());
        *around = now;
    }
}

impl<F: Future> Future for VarScope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let me = self.project();
        renew(me.inside, me.around, me.entry);
        let _inside = me.inside.put_in();
        me.future.as_pin_mut().expect("there is a future until this is dropped").poll(cx)
    }
}

impl<F> fmt::Debug for VarScope<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VarScope").field("var", &self.entry.key.name).finish_non_exhaustive()
    }
}
