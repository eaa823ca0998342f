use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use tidegate_shim::Mutex;

use crate::adopt::Home;
use crate::context::{AsyncContext, Exit};
use crate::exit_errors::BoxError;
use crate::exit_stack::entry::{Entry, Leaving, leave};
use crate::shield::shield;

/// Where the guard of a loan is.
pub(super) enum Slot<C: AsyncContext> {
    /// The [`Lent`] has it.
    Lent,
    Back(C::Guard),
    /// The stack is gone, and this is how it would have left the context.
    Over(Exit),
}

pub(super) struct Loan<C: AsyncContext> {
    pub(super) slot: Arc<Mutex<Slot<C>>>,
}

impl<C: AsyncContext<Error: Into<BoxError>>> Entry for Loan<C> {
    fn leave(self: Box<Self>, why: Exit) -> Leaving {
        Box::pin(async move {
            let slot = std::mem::replace(&mut *self.slot.lock(), Slot::Over(why.clone()));
            match slot {
                Slot::Back(guard) => leave::<C>(guard, why).await,
                Slot::Lent | Slot::Over(_) => Ok(()),
            }
        })
    }
}

/// The guard of a context on an [`ExitStack`](crate::ExitStack); made by [`ExitStack::enter_owned`](crate::ExitStack::enter_owned).
///
/// # Limitations
///
/// Leaked ([`std::mem::forget`]), its context is never left.
///
/// # Examples
///
/// See [`exit_stack`](crate::exit_stack()).
#[must_use = "dropping it gives it back to the stack, which leaves the context only at its end"]
pub struct Lent<C: AsyncContext> {
    pub(super) guard: Option<C::Guard>,
    pub(super) slot: Arc<Mutex<Slot<C>>>,
    pub(super) home: Home,
}

const LENT: &str = "the guard is there until this is dropped";

impl<C: AsyncContext> Deref for Lent<C> {
    type Target = C::Guard;

    fn deref(&self) -> &C::Guard {
        self.guard.as_ref().expect(LENT)
    }
}

impl<C: AsyncContext> DerefMut for Lent<C> {
    fn deref_mut(&mut self) -> &mut C::Guard {
        self.guard.as_mut().expect(LENT)
    }
}

impl<C: AsyncContext> Drop for Lent<C> {
    fn drop(&mut self) {
        let guard = self.guard.take().expect(LENT);
        let why = {
            let mut slot = self.slot.lock();
            match &*slot {
                Slot::Over(why) => why.clone(),
                Slot::Lent | Slot::Back(_) => {
                    *slot = Slot::Back(guard);
                    return;
                }
            }
        };
        self.home.adopt(Box::pin(shield(async move {
            if let Err(error) = C::exit(guard, why).await {
                C::unreported(error);
            }
        })));
    }
}

impl<C: AsyncContext<Guard: fmt::Debug>> fmt::Debug for Lent<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lent").field(&**self).finish()
    }
}
