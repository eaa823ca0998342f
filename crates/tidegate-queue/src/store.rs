// How it works
//
// A store is an order of going. It is asked for the next item, and given new ones; and now and then it is given one
// *back*: an item that was handed to a getter in line, past the store, and whose getter was dropped before it looked.
// Such an item is to stand where it would stand had it never left.
//
// For a priority queue that is a matter of comparing. The other two need to know only this: an item is handed over
// only while the store is empty, so all that is in it now came later than all that was ever handed over. What comes
// back stands before everything in a `Fifo`, and below everything in a `Lifo`, and among each other by age.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::heap::{Entry, Heap, Rank};

/// The order in which the items of a [`Queue`](crate::Queue) go, or of another.
pub trait Store<T>: Sized {
    /// A store with nothing in it.
    const EMPTY: Self;

    /// How many items there are.
    fn len(&self) -> usize;

    /// Takes the new item that is in `item`; if a comparison panics, it is still there and nothing has changed.
    fn push(&mut self, item: &mut Option<T>);

    /// As [`push`](Self::push), for a store that compares nothing; one that does gives the item back.
    fn push_simply(&mut self, item: T) -> Result<(), T>;

    /// The next item; if a comparison panics, nothing has changed.
    fn pop(&mut self) -> Option<T>;

    /// Counts a new item that goes to a getter, past the store, which is empty: its age.
    fn pass(&mut self) -> u64;

    /// Takes back what went to a getter.
    ///
    /// If a comparison panics, the item is here all the same, and its turn is undefined.
    fn restore(&mut self, item: T, age: u64);
}

/// The order of a [`Queue`](crate::Queue): the oldest item first.
#[expect(missing_debug_implementations, reason = "shown by the queue")]
pub struct Fifo<T> {
    items: VecDeque<T>,
    /// What came back, if anything did: it is rare enough to be apart.
    back: Option<Box<Heap<T, Oldest>>>,
    passed: u64,
}

impl<T> Fifo<T> {
    #[cold]
    #[inline(never)]
    fn pop_back(&mut self) -> Option<T> {
        pop_back(&mut self.back)
    }
}

impl<T> Store<T> for Fifo<T> {
    const EMPTY: Self = Self { items: VecDeque::new(), back: None, passed: 0 };

    #[inline]
    fn len(&self) -> usize {
        self.items.len() + self.back.as_ref().map_or(0, |it| it.len())
    }

    #[inline]
    fn push(&mut self, item: &mut Option<T>) {
        if let Some(item) = item.take() {
            self.items.push_back(item);
        }
    }

    #[inline]
    fn push_simply(&mut self, item: T) -> Result<(), T> {
        self.items.push_back(item);
        Ok(())
    }

    #[inline]
    fn pop(&mut self) -> Option<T> {
        if self.back.is_some() {
            return self.pop_back();
        }
        self.items.pop_front()
    }

    #[inline]
    fn pass(&mut self) -> u64 {
        self.passed += 1;
        self.passed
    }

    #[cold]
    fn restore(&mut self, item: T, age: u64) {
        self.back.get_or_insert_default().push(&mut Some(Entry { item, age }));
    }
}

/// The order of a [`LifoQueue`](crate::LifoQueue): the youngest item first.
#[expect(missing_debug_implementations, reason = "shown by the queue")]
pub struct Lifo<T> {
    items: Vec<T>,
    /// What came back, if anything did: it is rare enough to be apart.
    back: Option<Box<Heap<T, Youngest>>>,
    passed: u64,
}

impl<T> Lifo<T> {
    #[cold]
    #[inline(never)]
    fn pop_back(&mut self) -> Option<T> {
        pop_back(&mut self.back)
    }
}

impl<T> Store<T> for Lifo<T> {
    const EMPTY: Self = Self { items: Vec::new(), back: None, passed: 0 };

    #[inline]
    fn len(&self) -> usize {
        self.items.len() + self.back.as_ref().map_or(0, |it| it.len())
    }

    #[inline]
    fn push(&mut self, item: &mut Option<T>) {
        self.items.extend(item.take());
    }

    #[inline]
    fn push_simply(&mut self, item: T) -> Result<(), T> {
        self.items.push(item);
        Ok(())
    }

    #[inline]
    fn pop(&mut self) -> Option<T> {
        self.items.pop().or_else(|| self.pop_back())
    }

    #[inline]
    fn pass(&mut self) -> u64 {
        self.passed += 1;
        self.passed
    }

    #[cold]
    fn restore(&mut self, item: T, age: u64) {
        self.back.get_or_insert_default().push(&mut Some(Entry { item, age }));
    }
}

/// The next of what came back; the last one takes its place along.
fn pop_back<T, R: Rank<T>>(back: &mut Option<Box<Heap<T, R>>>) -> Option<T> {
    let heap = back.as_mut()?;
    let entry = heap.pop();
    if heap.is_empty() {
        *back = None;
    }
    entry.map(|it| it.item)
}

/// The order of a [`PriorityQueue`](crate::PriorityQueue): the smallest item first, equal ones as they came.
#[expect(missing_debug_implementations, reason = "shown by the queue")]
pub struct Priority<T> {
    items: Heap<T, Smallest>,
    arrived: u64,
}

impl<T> Priority<T> {
    /// The next item.
    pub(crate) fn first(&self) -> Option<&T> {
        self.items.first()
    }
}

impl<T: Ord> Store<T> for Priority<T> {
    const EMPTY: Self = Self { items: Heap::EMPTY, arrived: 0 };

    #[inline]
    fn len(&self) -> usize {
        self.items.len()
    }

    #[inline]
    fn push(&mut self, item: &mut Option<T>) {
        let Some(new) = item.take() else { return };
        let mut lent = Lent { entry: Some(Entry { item: new, age: self.arrived }), owner: item };
        self.items.push(&mut lent.entry);
        self.arrived += 1;
    }

    #[inline]
    fn push_simply(&mut self, item: T) -> Result<(), T> {
        Err(item)
    }

    #[inline]
    fn pop(&mut self) -> Option<T> {
        self.items.pop().map(|it| it.item)
    }

    #[inline]
    fn pass(&mut self) -> u64 {
        self.arrived += 1;
        self.arrived - 1
    }

    #[cold]
    fn restore(&mut self, item: T, age: u64) {
        let mut entry = Some(Entry { item, age });
        let outcome = catch_unwind(AssertUnwindSafe(|| self.items.push(&mut entry)));
        if let Some(entry) = entry {
            self.items.keep(entry);
        }
        match outcome {
            // This runs where a getter is dropped. A panic on top of another would abort.
            Err(panic) if std::thread::panicking() => std::mem::forget(panic),
            Err(panic) => resume_unwind(panic),
            Ok(()) => {}
        }
    }
}

/// An item on its way into the heap, which goes back to its owner if it does not arrive.
struct Lent<'a, T> {
    entry: Option<Entry<T>>,
    owner: &'a mut Option<T>,
}

impl<T> Drop for Lent<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            *self.owner = Some(entry.item);
        }
    }
}

struct Oldest;
impl<T> Rank<T> for Oldest {
    fn before(one: &Entry<T>, other: &Entry<T>) -> bool {
        one.age < other.age
    }
}

struct Youngest;
impl<T> Rank<T> for Youngest {
    fn before(one: &Entry<T>, other: &Entry<T>) -> bool {
        one.age > other.age
    }
}

struct Smallest;
impl<T: Ord> Rank<T> for Smallest {
    #[inline]
    fn before(one: &Entry<T>, other: &Entry<T>) -> bool {
        match one.item.cmp(&other.item) {
            Ordering::Less => true,
            Ordering::Equal => one.age < other.age,
            Ordering::Greater => false,
        }
    }
}
