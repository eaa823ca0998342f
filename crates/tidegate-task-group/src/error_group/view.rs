use std::any::Any;
use std::error::Error;

use crate::failure::{Facts, Failure, Shown};

/// How to show an `E`, found out when the first of them came.
pub(crate) struct View<E> {
    pub(super) reveal: fn(&E) -> &dyn Any,
    pub(super) facts: &'static Facts,
}

impl<E> View<E> {
    pub(super) fn new<Kind>() -> Self
    where
        E: Failure<Kind>,
    {
        Self { reveal: |error| error, facts: E::FACTS }
    }

    pub(super) fn as_error<'e>(&self, error: &'e E) -> Option<&'e (dyn Error + 'static)> {
        self.facts.as_error((self.reveal)(error))
    }

    pub(super) fn shown<'e>(&self, error: &'e E) -> Shown<'e> {
        Shown(self.facts, (self.reveal)(error))
    }
}

impl<E> Clone for View<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for View<E> {}

/// An error, what caused it, what caused that, …
pub(super) fn chain<'e>(
    error: Option<&'e (dyn Error + 'static)>,
) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(error, |&error| error.source())
}

pub(super) fn reveal_borrowed<'e, E: 'static>(error: &'e &E) -> &'e dyn Any {
    *error
}
