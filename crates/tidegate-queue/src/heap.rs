// How it works
//
//     front: at most `FRONT`, sorted, the next one last          entries: a binary heap of all the others
//
// Each in `front` comes before each in the heap. What is more urgent than the whole heap goes there, and comes out
// again without a comparison; when there are too many, the last of them becomes the top of the heap, which takes none
// either. In the heap, an entry comes no later than its two children, which stand at twice its place.
//
// What is special is the order of the work. Comparing is the user's code and may panic; moving is ours and does not.
// So `push` and `pop` first walk the way that the entry is going to take, comparing and moving nothing, and then move
// along it, comparing nothing. A panic therefore leaves everything exactly as it was.
//
// `pop` looks for the place of the heap's last entry from below: down along the smaller children to the end, one
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

/// How many entries are kept sorted: few enough to be moved along.
const FRONT: usize = 16;

/// Entries, of which the one that comes before all others is at hand.
pub(crate) struct Heap<T, R> {
    front: Vec<Entry<T>>,
    entries: Vec<Entry<T>>,
    rank: PhantomData<fn() -> R>,
}

impl<T, R> Heap<T, R> {
    pub(crate) const EMPTY: Self =
        Self { front: Vec::new(), entries: Vec::new(), rank: PhantomData };

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.front.len() + self.entries.len()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.front.is_empty() && self.entries.is_empty()
    }

    #[inline]
    pub(crate) fn first(&self) -> Option<&T> {
        self.front.last().or(self.entries.first()).map(|it| &it.item)
    }

    /// Keeps an entry that cannot be compared: it stands last, and comes out at some time.
    #[cold]
    pub(crate) fn keep(&mut self, entry: Entry<T>) {
        self.entries.push(entry);
    }

    /// Puts `entry` at the end of the heap and moves it up to the place `to`, which is on the way.
    #[inline]
    fn rise(&mut self, entry: Entry<T>, to: usize) {
        let mut at = self.entries.len();
        self.entries.push(entry);
        while at > to {
            let parent = (at - 1) / 2;
            self.entries.swap(at, parent);
            at = parent;
        }
    }
}

impl<T, R> Default for Heap<T, R> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<T, R: Rank<T>> Heap<T, R> {
    /// Takes what is in `entry`; if a comparison panics, it is still there.
    #[inline]
    pub(crate) fn push(&mut self, entry: &mut Option<Entry<T>>) {
        let Some(new) = entry.as_ref() else { return };
        if self.belongs_in_front(new) {
            let place = self.front.partition_point(|it| R::before(new, it));
            // From here on nothing is compared.
            if let Some(new) = entry.take() {
                self.insert_in_front(new, place);
            }
            return;
        }
        let mut to = self.entries.len();
        while to > 0 {
            let parent = (to - 1) / 2;
            if !R::before(new, &self.entries[parent]) {
                break;
            }
            to = parent;
        }
        // From here on nothing is compared.
        if let Some(new) = entry.take() {
            self.rise(new, to);
        }
    }

    /// Whether it comes before the whole heap, as far as it is worth knowing.
    #[inline]
    fn belongs_in_front(&self, new: &Entry<T>) -> bool {
        match (self.entries.first(), self.front.first()) {
            (Some(first), _) => R::before(new, first),
            // The front is not to be filled from behind: what comes in order costs nothing in the heap.
            (None, Some(last)) => R::before(new, last),
            (None, None) => true,
        }
    }

    /// Comparing nothing: `place` is where it belongs, counted from the one that comes last.
    #[inline]
    fn insert_in_front(&mut self, new: Entry<T>, place: usize) {
        if self.front.len() < FRONT {
            return self.front.insert(place, new);
        }
        // The one that comes last of them comes before the whole heap.
        match place.checked_sub(1) {
            None => self.rise(new, 0),
            Some(place) => {
                let last = self.front.remove(0);
                self.front.insert(place, new);
                self.rise(last, 0);
            }
        }
    }

    /// Takes the first; if a comparison panics, nothing has changed.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Entry<T>> {
        self.front.pop().or_else(|| self.pop_top())
    }

    /// As `pop`, when nothing is in front.
    fn pop_top(&mut self) -> Option<Entry<T>> {
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
