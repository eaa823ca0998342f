use std::iter::Enumerate;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task::{Context, Poll};
use std::vec;

use crate::panicked::drop_quietly;
use crate::siblings::{Allowance, Siblings};

/// The futures of a combinator: those that run, and those that wait for their turn.
pub(crate) struct Lineup<F: Future> {
    siblings: Siblings<F>,
    waiting: Enumerate<vec::IntoIter<F>>,
    limit: usize,
}

impl<F: Future> Lineup<F> {
    /// Takes all futures out of `futures`, at once.
    pub(crate) fn new(futures: impl IntoIterator<Item = F>) -> Self {
        let waiting = Vec::from_iter(futures).into_iter().enumerate();
        Self { siblings: Siblings::new(), waiting, limit: usize::MAX }
    }

    #[track_caller]
    pub(crate) fn limit(&mut self, limit: usize) {
        assert!(limit > 0, "with a limit of zero nothing would ever run");
        self.limit = limit;
    }

    pub(crate) fn len(&self) -> usize {
        self.siblings.len() + self.waiting.len()
    }

    /// As many polls as one call may make.
    pub(crate) fn allowance(&self) -> Allowance {
        Allowance::for_each(self.len())
    }

    /// The next output, with the position of its future; `None` when there is none left.
    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        allowance: &mut Allowance,
    ) -> Poll<Option<(usize, F::Output)>> {
        while self.siblings.len() < self.limit {
            let Some((position, future)) = self.waiting.next() else { break };
            self.siblings.push(position, future);
        }
        self.siblings.poll_next(cx, allowance)
    }

    /// Drops what is left.
    pub(crate) fn clear(&mut self) {
        let waiting = std::mem::replace(&mut self.waiting, Vec::new().into_iter().enumerate());
        self.siblings.clear();
        drop(waiting);
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
