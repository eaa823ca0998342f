use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task::{Context, Poll};

use crate::panicked::drop_quietly;
use crate::siblings::{Allowance, Siblings};

/// The futures of a combinator: those that run, and those that wait for their turn.
pub(crate) struct Lineup<F: Future> {
    siblings: Siblings<F>,
}

impl<F: Future> Lineup<F> {
    /// Takes all futures out of `futures`, at once.
    pub(crate) fn new(futures: impl IntoIterator<Item = F>) -> Self {
        Self { siblings: Siblings::of(futures.into_iter()) }
    }

    #[track_caller]
    pub(crate) fn limit(&mut self, limit: usize) {
        assert!(limit > 0, "with a limit of zero nothing would ever run");
        self.siblings.limit(limit);
    }

    pub(crate) fn len(&self) -> usize {
        self.siblings.len()
    }

    /// The next output, with the position of its future; `None` when there is none left.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<(usize, F::Output)>> {
        self.poll_each(cx, |at, output| ControlFlow::Break((at, output)))
    }

    /// Gives the outputs that there are to `take`, with the positions of their futures, until that breaks; `None` when
    /// there is none left.
    pub(crate) fn poll_each<R>(
        &mut self,
        cx: &mut Context<'_>,
        take: impl FnMut(usize, F::Output) -> ControlFlow<R>,
    ) -> Poll<Option<R>> {
        let mut allowance = Allowance::for_each(self.len());
        self.siblings.poll_each(cx, &mut allowance, take)
    }

    /// Drops what is left.
    pub(crate) fn clear(&mut self) {
        self.siblings.clear();
    }
}

/// Polls, and if that panics, drops everything before the panic goes on.
pub(crate) fn or_clear<T, R>(
    it: &mut T,
    clear: impl FnOnce(&mut T),
    poll: impl FnOnce(&mut T) -> R,
) -> R {
    catch_unwind(AssertUnwindSafe(|| poll(it))).unwrap_or_else(|payload| {
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| clear(it))) {
            drop_quietly(second);
        }
        resume_unwind(payload)
    })
}
