use std::cell::Cell;
use std::cmp::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::{Entry, Heap, Rank};

/// Smaller first, then older.
struct Smallest;

impl<T: Ord> Rank<T> for Smallest {
    fn before(one: &Entry<T>, other: &Entry<T>) -> bool {
        one.item.cmp(&other.item).then(one.age.cmp(&other.age)) == Ordering::Less
    }
}

/// An item that counts how often items are compared, and panics when the count comes to nought.
#[derive(Clone)]
struct Fragile {
    key: u64,
    left: Rc<Cell<usize>>,
}

impl Ord for Fragile {
    fn cmp(&self, other: &Self) -> Ordering {
        match self.left.get() {
            0 => panic!("a comparison's own panic"),
            left => self.left.set(left - 1),
        }
        self.key.cmp(&other.key)
    }
}

impl PartialOrd for Fragile {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Fragile {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Fragile {}

/// Numbers that are as good as random.
fn numbers() -> impl Iterator<Item = u64> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    })
}

#[test]
fn what_went_in_comes_out_in_order_and_equal_ones_by_age() {
    for n in (0..70).chain([1000]) {
        let mut heap = Heap::<u64, Smallest>::EMPTY;
        let mut expected: Vec<_> = numbers().take(n).map(|it| it % 16).zip(0..).collect();
        for &(item, age) in &expected {
            heap.push(&mut Some(Entry { item, age }));
        }
        expected.sort_unstable();
        assert_eq!(heap.len(), n);
        assert_eq!(heap.first(), expected.first().map(|it| &it.0));
        let out: Vec<_> = std::iter::from_fn(|| heap.pop()).map(|it| (it.item, it.age)).collect();
        assert_eq!(out, expected);
    }
}

#[test]
fn pushing_and_popping_in_turn_keeps_the_order() {
    let mut heap = Heap::<u64, Smallest>::EMPTY;
    let mut model = std::collections::BTreeSet::new();
    for (age, number) in (0..).zip(numbers().take(5000)) {
        if number % 5 < 3 {
            let item = number >> 60;
            heap.push(&mut Some(Entry { item, age }));
            model.insert((item, age));
        } else {
            assert_eq!(heap.pop().map(|it| (it.item, it.age)), model.pop_first());
        }
    }
}

// Every size up to a few levels, every comparison that there is.
#[test]
fn a_comparison_that_panics_changes_nothing_at_all() {
    let places = |heap: &Heap<Fragile, Smallest>| {
        let entries = heap.front.iter().chain(&heap.entries);
        entries.map(|it| (it.item.key, it.age)).collect::<Vec<_>>()
    };
    let mut panics = 0;
    for size in 0..40 {
        let left = Rc::new(Cell::new(usize::MAX));
        let fragile = |key| Fragile { key, left: Rc::clone(&left) };
        let mut heap = Heap::<Fragile, Smallest>::EMPTY;
        for (age, number) in (0..).zip(numbers().take(size)) {
            heap.push(&mut Some(Entry { item: fragile(number % 20), age }));
        }
        let before = places(&heap);
        for key in [0, 10, 30] {
            for last in 0.. {
                let mut entry = Some(Entry { item: fragile(key), age: 1000 });
                left.set(last);
                let outcome = catch_unwind(AssertUnwindSafe(|| heap.push(&mut entry)));
                left.set(usize::MAX);
                if outcome.is_ok() {
                    assert!(entry.is_none());
                    while heap.pop().is_some_and(|it| it.age != 1000) {}
                    break;
                }
                panics += 1;
                assert!(entry.is_some_and(|it| it.item.key == key), "it is still its owner's");
                assert_eq!(places(&heap), before);
            }
            heap = Heap::EMPTY;
            for (age, number) in (0..).zip(numbers().take(size)) {
                heap.push(&mut Some(Entry { item: fragile(number % 20), age }));
            }
        }
        for last in 0.. {
            left.set(last);
            let outcome = catch_unwind(AssertUnwindSafe(|| heap.pop()));
            left.set(usize::MAX);
            match outcome {
                Ok(first) => {
                    assert_eq!(first.map(|it| (it.item.key, it.age)), before.iter().min().copied());
                    break;
                }
                Err(_) => assert_eq!(places(&heap), before),
            }
            panics += 1;
        }
    }
    assert!(panics > 200, "{panics}");
}

#[test]
fn an_entry_that_cannot_be_compared_is_kept() {
    let mut heap = Heap::<u64, Smallest>::EMPTY;
    heap.push(&mut Some(Entry { item: 2, age: 0 }));
    heap.keep(Entry { item: 1, age: 1 });
    let mut out = [heap.pop(), heap.pop()].map(|it| it.unwrap().item);
    out.sort_unstable();
    assert_eq!((out, heap.len()), ([1, 2], 0));
}
