// How it works
//
// A tree of errors is one vector in post-order: the members of a group stand before the group, and the group says
// how many entries belong to it.
//
//     a  b  c  [inner: 2]  d  [outer: 5]          outer = { a, inner = { b, c }, d }
//
// Leaves are in the order in which they came, a subtree is a slice, and nothing here or in a destructor calls
// itself, however deep the tree is. Taking leaves out is one pass (`Sieve`).

use std::ops::Range;

use crate::origin::Origin;
use crate::report::Report;

pub(crate) enum Entry<E> {
    Error(E, Origin),
    /// What could not be made an `E`.
    Other(Report, Origin),
    /// The last `span` entries before this one are this group's.
    Group {
        message: String,
        origin: Origin,
        span: usize,
    },
}

impl<E> Entry<E> {
    /// How many entries there are under this one.
    fn span(&self) -> usize {
        match self {
            Self::Group { span, .. } => *span,
            _ => 0,
        }
    }
}

/// The direct members among `entries[range]`, in order: where each ends and what it spans.
pub(super) fn members<E>(entries: &[Entry<E>], range: Range<usize>) -> Vec<usize> {
    let mut members = Vec::new();
    let mut end = range.end;
    while end > range.start {
        members.push(end - 1);
        end -= 1 + entries[end - 1].span();
    }
    members.reverse();
    members
}

/// The entries under `entries[at]`.
pub(super) fn under<E>(entries: &[Entry<E>], at: usize) -> Range<usize> {
    at - entries[at].span()..at
}

/// Keeps the first `room` leaves and the groups that are complete by then; the second part is the surplus.
pub(super) fn part<E>(mut entries: Vec<Entry<E>>, room: usize) -> (Vec<Entry<E>>, Vec<Entry<E>>) {
    let mut leaves =
        entries.iter().enumerate().filter(|(_, entry)| !matches!(entry, Entry::Group { .. }));
    let surplus = match leaves.nth(room) {
        Some((first, _)) => entries.split_off(first),
        None => Vec::new(),
    };
    (entries, surplus)
}

/// Collects some of the leaves of a tree and such of its groups as still have members.
///
/// For every entry of the tree, in order: `mark`, then hand it in or not. Groups are always handed in.
pub(super) struct Sieve<E> {
    entries: Vec<Entry<E>>,
    leaves: usize,
    /// How long `entries` was before each entry of the tree.
    marks: Vec<usize>,
}

impl<E> Sieve<E> {
    pub(super) fn new() -> Self {
        Self { entries: Vec::new(), leaves: 0, marks: Vec::new() }
    }

    pub(super) fn mark(&mut self) {
        self.marks.push(self.entries.len());
    }

    pub(super) fn error(&mut self, error: E, origin: Origin) {
        self.leaf(Entry::Error(error, origin));
    }

    pub(super) fn leaf(&mut self, leaf: Entry<E>) {
        self.leaves += 1;
        self.entries.push(leaf);
    }

    pub(super) fn group(&mut self, message: &str, origin: &Origin, span: usize) {
        let first = self.marks[self.marks.len() - 1 - span];
        let span = self.entries.len() - first;
        if span > 0 {
            let (message, origin) = (message.to_owned(), origin.clone());
            self.entries.push(Entry::Group { message, origin, span });
        }
    }

    /// The new tree and the number of its leaves.
    pub(super) fn into_entries(self) -> (Vec<Entry<E>>, usize) {
        (self.entries, self.leaves)
    }
}
