// How it works
//
// A binary heap: an entry comes no later than its two children, which stand at twice its place. What is special is
// the order of the work. Comparing is the user's code and may panic; moving is ours and does not. So `push` and
// `pop` first walk the way that the entry is going to take, comparing and moving nothing, and then move along it,
// comparing nothing. A panic therefore leaves the heap exactly as it was.
//
// `pop` looks for the place of the last entry from below: down along the smaller children to the end, one
// comparison a level, and up again, which is rarely more than a level, for the last entry is large.

use std::marker::PhantomData;

/// An item, and when it came.
pub(crate) struct Entry<T> {
    pub(crate) item: T,
    pub(crate) age: u64,
}

/// Who comes first out of a heap.
pub(crate) trait Rank<T> {
    fn before(one: &Entry<T>, other: &Entry<T>) -> bool;
}

/// Entries, the one that comes before all others on top.
pub(crate) struct Heap<T, R> {
    entries: Vec<Entry<T>>,
    rank: PhantomData<fn() -> R>,
}

impl<T, R> Heap<T, R> {
    pub(crate) const EMPTY: Self = Self { entries: Vec::new(), rank: PhantomData };

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    #[inline]
    pub(crate) fn first(&self) -> Option<&T> {
        self.entries.first().map(|it| &it.item)
    }

    /// Keeps an entry that cannot be compared: it stands last, and comes out at some time.
    #[cold]
    pub(crate) fn keep(&mut self, entry: Entry<T>) {
        self.entries.push(entry);
    }
}

impl<T, R: Rank<T>> Heap<T, R> {
    /// Takes what is in `entry`; if a comparison panics, it is still there.
    #[inline]
    pub(crate) fn push(&mut self, entry: &mut Option<Entry<T>>) {
        let Some(new) = entry.as_ref() else { return };
        let end = self.entries.len();
        let mut to = end;
        while to > 0 {
            let parent = (to - 1) / 2;
            if !R::before(new, &self.entries[parent]) {
                break;
            }
            to = parent;
        }
        // From here on nothing is compared.
        self.entries.extend(entry.take());
        let mut at = end;
        while at > to {
            let parent = (at - 1) / 2;
            self.entries.swap(at, parent);
            at = parent;
        }
    }

    /// Takes the first; if a comparison panics, nothing has changed.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Entry<T>> {
        let (last, rest) = self.entries.split_last()?;
        let mut to = 0;
        loop {
            let left = 2 * to + 1;
            let Some(right) = rest.get(left + 1) else {
                if left < rest.len() {
                    to = left;
                }
                break;
            };
            to = left + usize::from(R::before(right, &rest[left]));
        }
        while to > 0 && R::before(last, &rest[to]) {
            to = (to - 1) / 2;
        }
        // From here on nothing is compared. Each on the way to `to` moves up by one.
        let mut carried = self.entries.pop()?;
        while let Some(place) = self.entries.get_mut(to) {
            carried = std::mem::replace(place, carried);
            if to == 0 {
                break;
            }
            to = (to - 1) / 2;
        }
        Some(carried)
    }
}

#[cfg(test)]
mod tests;
