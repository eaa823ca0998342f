use std::any::Any;
use std::error::Error;

use super::BoxError;
use crate::report::Report;

/// Takes a `T` out of an error: the error itself, or what is in its box, or in a box in that.
///
/// The second box is there when a `Box<T>` was turned into a [`BoxError`]: it is an error itself.
pub(super) fn downcast<T: Error + 'static, E: 'static>(error: E) -> Result<T, E> {
    let error = match cast::<BoxError, E>(error) {
        Ok(boxed) => match boxed.downcast::<T>() {
            Ok(error) => return Ok(*error),
            Err(boxed) => match boxed.downcast::<Box<T>>() {
                Ok(error) => return Ok(**error),
                Err(boxed) => cast(boxed).unwrap_or_else(|_| unreachable!("it was an `E` before")),
            },
        },
        Err(error) => error,
    };
    cast(error)
}

/// Whether an error is a `T`, or one in a box that hides it.
pub(super) fn is<T: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    error.is::<T>() || error.is::<Box<T>>()
}

/// A copy of a report, if it is a `T`.
pub(super) fn report_as<T: 'static>(report: &Report) -> Option<T> {
    match report.clone() {
        Report::Panicked(panicked) => cast(panicked).ok(),
        Report::Cancelled(cancelled) => cast(cancelled).ok(),
    }
}

/// The same value under its other name, if the two types are one.
fn cast<T: 'static, E: 'static>(value: E) -> Result<T, E> {
    let mut value = Some(value);
    match (&mut value as &mut dyn Any).downcast_mut::<Option<T>>().and_then(Option::take) {
        Some(value) => Ok(value),
        None => Err(value.expect("nobody took it")),
    }
}
