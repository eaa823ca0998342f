// How it works
//
// An `ErrorGroup<E>` prints its errors, follows their sources and looks into boxes, and does so for boxed errors
// (which are not `Error` themselves), for every `E: Error` and for plain text. No one bound covers the three, and
// two blanket implementations of one trait would overlap. So the trait carries a parameter that names the kind;
// the compiler finds the one kind that fits, and callers never see it.
//
// What the kind knows is written down in `Facts` when the first error of a group arrives. From then on the group
// needs no bound: it shows an error to the facts as `&dyn Any`.

use std::any::Any;
use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::ops::DerefMut;
use std::sync::Arc;

use tidegate_timeout::Cancelled;

use crate::error_group::ErrorGroup;
use crate::panicked::Panicked;
use crate::report::Report;

/// What a child may fail with: any error type, a boxed error, or text.
///
/// Implemented for every [`Error`] type, for everything that dereferences to one (`Box<dyn Error + Send + Sync>`,
/// `anyhow::Error`, `eyre::Report`), and for strings, numbers and `()`. There is nothing to implement by hand:
/// implement [`Error`], and this follows. The parameter tells these three kinds apart and is always inferred.
///
/// # Examples
///
/// ```
/// use tidegate_task_group::{BoxError, Failure};
///
/// fn may_fail_with<E: Failure<Kind>, Kind>() {}
///
/// may_fail_with::<BoxError, _>();
/// may_fail_with::<std::io::Error, _>();
/// may_fail_with::<anyhow::Error, _>();
/// may_fail_with::<&'static str, _>();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error type of a group",
    label = "neither an error, nor a boxed error, nor text",
    note = "implement `std::error::Error` for `{Self}`"
)]
pub trait Failure<Kind>: Sized + 'static {
    /// How errors of this type are shown.
    #[doc(hidden)]
    const FACTS: &'static Facts;

    /// Gives out the group inside, when there is nothing else.
    #[doc(hidden)]
    fn into_group(self) -> Result<ErrorGroup<Self>, Self> {
        Err(self)
    }

    /// Makes an error of a report, where the type can hold one.
    #[doc(hidden)]
    fn from_report(report: Report) -> Result<Self, Report> {
        Err(report)
    }
}

/// The kinds. They are empty: only their names are of use.
pub(crate) mod kind {
    /// A [`Failure`] that is an `Error`.
    #[derive(Debug)]
    pub enum Typed {}
    /// A [`Failure`] that holds an `Error`.
    #[derive(Debug)]
    pub enum Boxed {}
    /// A [`Failure`] that holds an `Error` which is not for other threads.
    #[derive(Debug)]
    pub enum Local {}
    /// A [`Failure`] that is shown as it is.
    #[derive(Debug)]
    pub enum Text {}
}

type AsError = fn(&dyn Any) -> Option<&(dyn Error + 'static)>;

/// How a [`Failure`] is shown whose type is no longer known.
#[derive(Debug)]
pub struct Facts {
    as_error: AsError,
    show: fn(&dyn Any, &mut fmt::Formatter<'_>) -> fmt::Result,
}

impl Facts {
    pub(crate) fn as_error<'e>(&self, error: &'e dyn Any) -> Option<&'e (dyn Error + 'static)> {
        (self.as_error)(error)
    }

    const fn of_error(as_error: AsError) -> Self {
        Self { as_error, show: |_, _| Ok(()) }
    }
}

/// An error, for `format!`.
pub(crate) struct Shown<'e>(pub(crate) &'static Facts, pub(crate) &'e dyn Any);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_error(self.1) {
            Some(error) => fmt::Display::fmt(error, f),
            None => (self.0.show)(self.1, f),
        }
    }
}

impl<E: Error + 'static> Failure<kind::Typed> for E {
    const FACTS: &'static Facts =
        &Facts::of_error(|error| error.downcast_ref::<E>().map(|error| error as _));
}

impl<E> Failure<kind::Boxed> for E
where
    E: DerefMut<Target = dyn Error + Send + Sync> + From<Panicked> + From<Cancelled> + 'static,
{
    const FACTS: &'static Facts =
        &Facts::of_error(|error| error.downcast_ref::<E>().map(|error| &**error as _));

    fn into_group(mut self) -> Result<ErrorGroup<Self>, Self> {
        match self.downcast_mut::<ErrorGroup<Self>>() {
            Some(group) => Ok(std::mem::replace(group, ErrorGroup::new(""))),
            None => Err(self),
        }
    }

    fn from_report(report: Report) -> Result<Self, Report> {
        Ok(match report {
            Report::Panicked(panicked) => panicked.into(),
            Report::Cancelled(cancelled) => cancelled.into(),
        })
    }
}

impl Failure<kind::Local> for Box<dyn Error + Send> {
    const FACTS: &'static Facts =
        &Facts::of_error(|error| error.downcast_ref::<Self>().map(|error| &**error as _));
}

impl Failure<kind::Local> for Box<dyn Error> {
    const FACTS: &'static Facts =
        &Facts::of_error(|error| error.downcast_ref::<Self>().map(|error| &**error));
}

macro_rules! text {
    ($($format:literal: $($type:ty),*;)*) => {$($(
        impl Failure<kind::Text> for $type {
            const FACTS: &'static Facts = &Facts {
                as_error: |_| None,
                show: |error, f| match error.downcast_ref::<Self>() {
                    Some(error) => write!(f, $format, error),
                    None => Ok(()),
                },
            };
        }
    )*)*};
}

text! {
    "{}": String, &'static str, Cow<'static, str>, Box<str>, Arc<str>, bool, char,
        u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64;
    "{:?}": ();
}
