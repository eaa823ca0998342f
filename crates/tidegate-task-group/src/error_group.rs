use std::error::Error;
use std::fmt;
use std::panic::Location;

use crate::failure::Failure;
use crate::origin::Origin;
use cast::{downcast, is, report_as};
use forest::{Entry, Sieve};
use view::{View, chain, reveal_borrowed};

pub(crate) use member::{Member, Surplus, Ways};

mod cast;
mod forest;
mod member;
mod show;
mod view;

/// Any error at all: what a group fails with unless it is told otherwise.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// How many errors a group keeps. Those that come later are counted and dropped.
const KEPT: usize = 1024;

/// Several errors in one: a tree, with the task and the place each came from.
///
/// What a [`TaskGroup`](crate::TaskGroup) fails with, and of use wherever more than one thing may go wrong. A group
/// pushed into a group stays a subtree. `Display` is one line and names the first three errors; `Debug` draws the
/// tree, so that is what `fn main() -> Result<(), ErrorGroup>` prints.
///
/// It is an [`Error`] whatever `E` is, so `?` takes it into `anyhow::Error`, into a box and through `#[from]`. Its
/// [`source`](Error::source) is its one error when there is just one, and nothing otherwise: a chain cannot tell
/// of a tree.
///
/// # Examples
///
/// ```
/// use tidegate_task_group::ErrorGroup;
///
/// let mut startup: ErrorGroup = ErrorGroup::new("startup failed");
/// startup.push(std::io::Error::other("disk full"));
/// startup.push("no configuration");
///
/// assert_eq!(startup.to_string(), "startup failed (2 errors): disk full; no configuration");
/// ```
///
/// Handle one kind, like Python's `except*`, and pass on the rest:
///
/// ```
/// # use tidegate_task_group::ErrorGroup;
/// use std::io;
///
/// fn handle(errors: ErrorGroup) -> Result<(), ErrorGroup> {
///     errors.except::<io::Error>(|errors| println!("{} of the disk", errors.len()))
/// }
///
/// let mut errors: ErrorGroup = ErrorGroup::new("startup failed");
/// errors.push(io::Error::other("disk full"));
/// errors.push("no configuration");
/// assert_eq!(handle(errors).unwrap_err().len(), 1);
/// ```
///
/// # Limitations
///
/// A group keeps the first 1,024 errors, so that ten thousand failing tasks do not hold ten thousand backtraces.
/// Later ones are dropped; [`len`](Self::len) counts them, [`omitted`](Self::omitted) says how many they are. In what a
/// task group fails with, the error of its body and that it missed its deadline come on top of these.
pub struct ErrorGroup<E = BoxError> {
    message: String,
    /// The tree, in post-order; see `forest`.
    entries: Vec<Entry<E>>,
    kept: usize,
    omitted: usize,
    /// How to show the errors. There when there is an error.
    view: Option<View<E>>,
}

/// What [`ErrorGroup::details`] gives: one error of a group and where it came from.
pub struct Detail<'e, E> {
    /// What went wrong.
    pub cause: Cause<'e, E>,
    /// Where.
    pub origin: &'e Origin,
}

/// What went wrong in one place; see [`ErrorGroup::details`].
#[non_exhaustive]
pub enum Cause<'e, E> {
    /// An error.
    Error(&'e E),
    /// A captured panic ([`Panicked`](crate::Panicked)) or the cancellation of the group
    /// ([`Cancelled`](tidegate_timeout::Cancelled)), where `E` cannot hold these.
    Other(&'e (dyn Error + 'static)),
}

impl<E> ErrorGroup<E> {
    /// Makes a group without errors.
    pub fn new(message: impl Into<String>) -> Self {
        let message = message.into();
        Self { message, entries: Vec::new(), kept: 0, omitted: 0, view: None }
    }

    /// What the errors have in common, in words.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::ErrorGroup;
    /// assert_eq!(ErrorGroup::<&str>::new("startup failed").message(), "startup failed");
    /// ```
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The number of errors in the whole tree, [omitted](Self::omitted) ones included.
    pub fn len(&self) -> usize {
        self.kept + self.omitted
    }

    /// Whether there is no error in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many errors were counted and dropped because there were too many.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::ErrorGroup;
    /// let mut errors = ErrorGroup::<&str>::new("startup failed");
    /// errors.push("no paper");
    /// assert_eq!((errors.len(), errors.omitted()), (1, 0));
    /// ```
    pub fn omitted(&self) -> usize {
        self.omitted
    }

    /// The errors of the whole tree, in the order in which they came.
    ///
    /// What is not a child's or the body's error, such as a captured panic, is among them where `E` can hold any
    /// error, and otherwise only in [`details`](Self::details).
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::ErrorGroup;
    /// let mut errors: ErrorGroup = ErrorGroup::new("startup failed");
    /// errors.push("no paper");
    /// errors.push("no ink");
    /// let said: Vec<_> = errors.leaves().map(ToString::to_string).collect();
    /// assert_eq!(said, ["no paper", "no ink"]);
    /// ```
    pub fn leaves(&self) -> impl DoubleEndedIterator<Item = &E> + Clone {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Error(error, _) => Some(error),
            _ => None,
        })
    }

    /// Everything that the tree reports, each with where it came from.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::{Cause, ErrorGroup};
    /// let mut errors = ErrorGroup::<&str>::new("startup failed");
    /// errors.push("no paper");
    /// let detail = errors.details().next().unwrap();
    /// assert!(matches!(detail.cause, Cause::Error(&"no paper")));
    /// assert!(detail.origin.location().is_some());
    /// ```
    pub fn details(&self) -> impl DoubleEndedIterator<Item = Detail<'_, E>> + Clone {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Error(error, origin) => Some(Detail { cause: Cause::Error(error), origin }),
            Entry::Other(report, origin) => {
                Some(Detail { cause: Cause::Other(report.as_error()), origin })
            }
            Entry::Group { .. } => None,
        })
    }

    /// Whether an error, or one it was caused by, is a `T`.
    ///
    /// Looks also into groups of boxed errors that are among the causes.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::ErrorGroup;
    /// let mut errors: ErrorGroup = ErrorGroup::new("startup failed");
    /// errors.push(std::io::Error::other("disk full"));
    /// assert!(errors.contains::<std::io::Error>());
    /// ```
    pub fn contains<T: Error + 'static>(&self) -> bool {
        self.details().any(|detail| match detail.cause {
            Cause::Other(error) => is::<T>(error),
            Cause::Error(error) => self.view.is_some_and(|view| {
                let mut causes = chain(view.as_error(error));
                let inside = |group: &ErrorGroup| group.contains::<T>();
                (view.reveal)(error).is::<T>()
                    || causes.any(|it| is::<T>(it) || it.downcast_ref().is_some_and(inside))
            }),
        })
    }

    /// Parts the tree in two: errors that fulfil `predicate`, and the rest.
    ///
    /// Both keep the shape of the tree; a part without errors is `None`. What `E` cannot hold (see
    /// [`leaves`](Self::leaves)) and [omitted](Self::omitted) errors belong to the rest.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::ErrorGroup;
    /// let mut errors: ErrorGroup = ErrorGroup::new("startup failed");
    /// errors.push(std::io::Error::other("disk full"));
    /// errors.push("no configuration");
    /// let (disk, rest) = errors.split(|error| error.is::<std::io::Error>());
    /// assert_eq!(disk.unwrap().len(), 1);
    /// assert_eq!(rest.unwrap().to_string(), "startup failed (1 error): no configuration");
    /// ```
    pub fn split(self, mut predicate: impl FnMut(&E) -> bool) -> (Option<Self>, Option<Self>) {
        let (mut yes, mut rest) = (Sieve::new(), Sieve::new());
        for entry in self.entries {
            yes.mark();
            rest.mark();
            match entry {
                Entry::Error(error, origin) if predicate(&error) => yes.error(error, origin),
                Entry::Group { message, origin, span } => {
                    yes.group(&message, &origin, span);
                    rest.group(&message, &origin, span);
                }
                leaf => rest.leaf(leaf),
            }
        }
        let part = |sieve, omitted| Self::sifted(&self.message, sieve, omitted, self.view);
        (part(yes, 0), part(rest, self.omitted))
    }

    /// The errors that fulfil `predicate`, borrowed, in the shape of the tree.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::ErrorGroup;
    /// let mut errors: ErrorGroup = ErrorGroup::new("startup failed");
    /// errors.push(std::io::Error::other("disk full"));
    /// errors.push("no configuration");
    /// assert_eq!(errors.subgroup(|error| error.is::<std::io::Error>()).unwrap().len(), 1);
    /// assert!(errors.subgroup(|_| false).is_none());
    /// ```
    pub fn subgroup(&self, mut predicate: impl FnMut(&E) -> bool) -> Option<ErrorGroup<&E>>
    where
        E: 'static,
    {
        let mut sieve = Sieve::new();
        for entry in &self.entries {
            sieve.mark();
            match entry {
                Entry::Error(error, origin) if predicate(error) => {
                    sieve.error(error, origin.clone());
                }
                Entry::Group { message, origin, span } => sieve.group(message, origin, *span),
                _ => {}
            }
        }
        let view = self.view.map(|view| View { reveal: reveal_borrowed, facts: view.facts });
        ErrorGroup::sifted(&self.message, sieve, 0, view)
    }

    /// Hands every error that is a `T` to `handler`, and returns the rest as an error.
    ///
    /// Python's `except*`. The handler is not called when there is no such error. It is given errors by value: out of
    /// their box where `E` is [`BoxError`], as they are where `E` is `T`. For another `E`, use
    /// [`split`](Self::split).
    ///
    /// # Errors
    ///
    /// With the rest, in the shape of the tree, when there is any.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::ErrorGroup;
    /// # use std::{fmt, io};
    /// # fn read() -> ErrorGroup {
    /// #     let mut errors: ErrorGroup = ErrorGroup::new("reading failed");
    /// #     errors.push(io::Error::other("disk full"));
    /// #     errors.push(fmt::Error);
    /// #     errors
    /// # }
    /// let left = read()
    ///     .except::<io::Error>(|errors| assert_eq!(errors.len(), 1))
    ///     .or_else(|errors| errors.except::<fmt::Error>(|errors| assert_eq!(errors.len(), 1)));
    /// assert!(left.is_ok());
    /// ```
    pub fn except<T: Error + 'static>(self, handler: impl FnOnce(Vec<T>)) -> Result<(), Self>
    where
        E: 'static,
    {
        let mut found = Vec::new();
        let mut rest = Sieve::new();
        for entry in self.entries {
            rest.mark();
            match entry {
                Entry::Error(error, origin) => match downcast(error) {
                    Ok(error) => found.push(error),
                    Err(error) => rest.error(error, origin),
                },
                Entry::Other(report, origin) => match report_as(&report) {
                    Some(error) => found.push(error),
                    None => rest.leaf(Entry::Other(report, origin)),
                },
                Entry::Group { message, origin, span } => rest.group(&message, &origin, span),
            }
        }
        let rest = Self::sifted(&self.message, rest, self.omitted, self.view);
        if !found.is_empty() {
            handler(found);
        }
        rest.map_or(Ok(()), Err)
    }

    /// The error that came first.
    ///
    /// # Panics
    ///
    /// When there is none: the group is empty, or holds only what `E` cannot hold (see [`leaves`](Self::leaves)).
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::ErrorGroup;
    /// let mut errors: ErrorGroup = ErrorGroup::new("startup failed");
    /// errors.push("no paper");
    /// errors.push("no ink");
    /// assert_eq!(errors.into_first().to_string(), "no paper");
    /// ```
    #[track_caller]
    pub fn into_first(mut self) -> E {
        let first = self.entries.iter().position(|entry| matches!(entry, Entry::Error(..)));
        match first.map(|first| self.entries.swap_remove(first)) {
            Some(Entry::Error(error, _)) => error,
            _ => panic!("no error to take out of: {self}"),
        }
    }

    /// The same errors without the groups in between.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::ErrorGroup;
    /// let mut printer: ErrorGroup = ErrorGroup::new("printing failed");
    /// printer.push("no paper");
    /// let mut office: ErrorGroup = ErrorGroup::new("the office failed");
    /// office.push(printer);
    /// office.push("no coffee");
    ///
    /// assert!(format!("{office:?}").contains("printing failed"));
    /// assert!(!format!("{:?}", office.flatten()).contains("printing failed"));
    /// ```
    #[must_use = "this returns the flat group"]
    pub fn flatten(mut self) -> Self {
        self.entries.retain(|entry| !matches!(entry, Entry::Group { .. }));
        self
    }

    /// `Ok(value)` when there is no error, and the group otherwise.
    ///
    /// # Errors
    ///
    /// With the group, unless it is [empty](Self::is_empty).
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::ErrorGroup;
    /// fn check(names: &[&str]) -> Result<usize, ErrorGroup> {
    ///     let mut errors = ErrorGroup::new("bad names");
    ///     for name in names.iter().filter(|name| name.is_empty()) {
    ///         errors.push(format!("{name:?} is empty"));
    ///     }
    ///     errors.into_result(names.len())
    /// }
    /// assert_eq!(check(&["a", "b"]).unwrap(), 2);
    /// assert_eq!(check(&["a", "", ""]).unwrap_err().len(), 2);
    /// ```
    pub fn into_result<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }

    /// Adds an error, or all of a group.
    ///
    /// Takes whatever turns into an `E`: for [`BoxError`] that is any error and any text. A group of the same `E`
    /// stays a subtree.
    ///
    /// There is no need to box an error for it. A `Box<T>` is an error of its own and goes into another box:
    /// [`contains`](Self::contains) and [`except`](Self::except) find the `T` in there, `error.is::<T>()` does not.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::ErrorGroup;
    /// let mut errors: ErrorGroup<std::num::ParseIntError> = ErrorGroup::new("not numbers");
    /// for word in ["1", "two", "three"] {
    ///     if let Err(error) = word.parse::<u32>() {
    ///         errors.push(error);
    ///     }
    /// }
    /// assert_eq!(errors.len(), 2);
    /// ```
    #[track_caller]
    pub fn push<Kind>(&mut self, error: impl Into<E>)
    where
        E: Failure<Kind>,
    {
        let origin = Origin::at(Location::caller());
        drop(self.add(Member::new(error.into(), origin, &Ways::new())));
    }

    /// Adds all of `group`, as a subtree.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::ErrorGroup;
    /// # use std::fmt;
    /// let mut inner: ErrorGroup<fmt::Error> = ErrorGroup::new("inner");
    /// inner.push(fmt::Error);
    /// let mut outer = ErrorGroup::new("outer");
    /// outer.push_group(inner);
    /// assert_eq!(outer.len(), 1);
    /// ```
    #[track_caller]
    pub fn push_group(&mut self, group: Self) {
        drop(self.add(Member::Group(group, Origin::at(Location::caller()))));
    }

    /// Adds an error or a subtree; gives back what there is no room for.
    pub(crate) fn add(&mut self, member: Member<E>) -> Option<Surplus<E>> {
        self.add_within(member, KEPT)
    }

    /// As [`add`](Self::add), with room for it however many there are already.
    pub(crate) fn add_last(&mut self, member: Member<E>) -> Option<Surplus<E>> {
        self.add_within(member, self.kept + KEPT)
    }

    /// Keeps `most` errors in all.
    fn add_within(&mut self, member: Member<E>, most: usize) -> Option<Surplus<E>> {
        match member {
            Member::Leaf(leaf, _) if self.kept >= most => {
                self.omitted += 1;
                Some(Surplus(vec![leaf]))
            }
            Member::Leaf(leaf, view) => {
                self.kept += 1;
                self.view = Some(view);
                self.entries.push(leaf);
                None
            }
            Member::Group(group, origin) => {
                let room = most.saturating_sub(self.kept);
                let kept = group.kept.min(room);
                let (fits, surplus) = if group.kept == kept {
                    (group.entries, Vec::new())
                } else {
                    forest::part(group.entries, room)
                };
                self.omitted += group.omitted + (group.kept - kept);
                self.kept += kept;
                self.view = self.view.or(group.view);
                let span = fits.len();
                if self.entries.is_empty() {
                    // A group in a group in a group is built in linear time.
                    self.entries = fits;
                } else {
                    self.entries.extend(fits);
                }
                // Of a group that does not fit at all its message would be left, and of many as many.
                if span > 0 {
                    self.entries.push(Entry::Group { message: group.message, origin, span });
                }
                Some(Surplus(surplus))
            }
        }
    }

    fn sifted(
        message: &str,
        sieve: Sieve<E>,
        omitted: usize,
        view: Option<View<E>>,
    ) -> Option<Self> {
        let (entries, kept) = sieve.into_entries();
        (kept + omitted > 0).then(|| Self {
            message: message.to_owned(),
            entries,
            kept,
            omitted,
            view,
        })
    }
}

impl<E> Error for ErrorGroup<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let mut details = self.details();
        match (details.next(), details.next(), self.omitted) {
            (Some(only), None, 0) => match only.cause {
                Cause::Error(error) => self.view?.as_error(error),
                Cause::Other(error) => Some(error),
            },
            _ => None,
        }
    }
}

impl<E> Clone for Detail<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Detail<'_, E> {}

impl<E> Clone for Cause<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Cause<'_, E> {}

impl<E> fmt::Debug for Detail<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Detail").field("cause", &self.cause).field("origin", self.origin).finish()
    }
}

impl<E> fmt::Debug for Cause<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(_) => f.write_str("Error(..)"),
            Self::Other(error) => f.debug_tuple("Other").field(error).finish(),
        }
    }
}

#[cfg(test)]
mod tests;
