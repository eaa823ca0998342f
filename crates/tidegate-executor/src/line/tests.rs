use std::collections::VecDeque;

use proptest::prelude::*;

use super::{KEEP, Line, Place};

#[test]
fn a_place_that_was_left_finds_nobody_who_came_later() {
    let mut line = Line::new();
    let first = line.push('a');
    assert_eq!(line.pop(), Some('a'));
    let second = line.push('b');
    assert_eq!(line.remove(first), None);
    assert_eq!(line.remove(Place::NOWHERE), None);
    assert_eq!(line.get_mut(first), None);
    assert_eq!(line.get_mut(second), Some(&mut 'b'));
    assert_eq!(line.remove(Place::from_bits(second.to_bits())), Some('b'));
    assert!(line.is_empty());
}

#[test]
fn a_long_line_gives_its_memory_back_when_it_is_empty() {
    let mut line = Line::new();
    let stale = line.push(0);
    for i in 1..=2 * KEEP {
        line.push(i);
    }
    assert_eq!(line.drain(), (0..=2 * KEEP).collect::<Vec<_>>());
    assert_eq!(line.slots.capacity(), 0);
    line.push(7);
    assert_eq!(line.remove(stale), None);
    assert_eq!(line.pop(), Some(7));
}

#[test]
fn a_line_that_stands_elsewhere_keeps_its_places_and_gives_none_twice() {
    let (mut front, mut back) = (Line::new(), Line::new());
    let (a, b) = (back.push('a'), back.push('b'));
    front.replace_with(&mut back);
    let c = back.push('c');
    assert_eq!((front.len(), back.len()), (2, 1));
    for (place, value) in [(a, 'a'), (b, 'b'), (c, 'c')] {
        let gone = [front.remove(place), back.remove(place)].into_iter().flatten();
        assert_eq!(gone.collect::<Vec<_>>(), [value]);
    }
    let d = back.push('d');
    assert!(![a, b, c].contains(&d));
}

proptest! {
    /// The oracle is a `VecDeque`; an operation is push, pop, or leave from the middle.
    #[test]
    fn a_line_does_what_a_deque_does(ops in prop::collection::vec((0..3_u8, any::<prop::sample::Index>()), 0..200)) {
        let (mut line, mut deque) = (Line::new(), VecDeque::new());
        for (number, (op, at)) in ops.into_iter().enumerate() {
            match op {
                0 => deque.push_back((line.push(number), number)),
                1 => prop_assert_eq!(line.pop(), deque.pop_front().map(|(_, value)| value)),
                _ if deque.is_empty() => {}
                _ => {
                    let (place, value) = deque.remove(at.index(deque.len())).expect("in range");
                    prop_assert_eq!(line.remove(place), Some(value));
                    prop_assert_eq!(line.remove(place), None);
                }
            }
            prop_assert_eq!(line.len(), deque.len());
        }
        prop_assert_eq!(line.drain(), deque.into_iter().map(|(_, value)| value).collect::<Vec<_>>());
    }
}
