//! Random programs, checked step by step against an oracle that is too simple to be wrong.

use std::pin::Pin;

use proptest::prelude::*;
use tidegate_event::{AutoResetEvent, Event, Latch, Signal, WaitFut};
use tidegate_test::poll_once;

/// What may be done to the one who waits.
#[derive(Clone, Copy, Debug)]
enum Op<R> {
    Raise(R),
    Lower,
    Join,
    // Looking is a step of its own, so that all sorts of things may happen between a release and the look at it.
    Look(usize),
    Leave(usize),
}

fn op<R: Clone + std::fmt::Debug + 'static>(
    raise: impl Strategy<Value = R> + 'static,
) -> impl Strategy<Value = Op<R>> {
    prop_oneof![
        2 => raise.prop_map(Op::Raise),
        1 => Just(Op::Lower),
        3 => Just(Op::Join),
        3 => any::<usize>().prop_map(Op::Look),
        2 => any::<usize>().prop_map(Op::Leave),
    ]
}

/// Those who wait, or have been released and have not looked yet.
struct Line<'a, S: Signal>(Vec<(Pin<Box<WaitFut<'a, S>>>, bool)>);

impl<'a, S: Signal> Line<'a, S> {
    /// Somebody comes; answers whether it passed at once.
    fn join(&mut self, wait: WaitFut<'a, S>) -> bool {
        let mut wait = Box::pin(wait);
        let passed = poll_once(wait.as_mut()).is_ready();
        if !passed {
            self.0.push((wait, false));
        }
        passed
    }

    /// One of them looks; it must pass if and only if it was released.
    fn look(&mut self, i: usize) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let i = i % self.0.len();
        let (wait, released) = &mut self.0[i];
        let as_expected = poll_once(wait.as_mut()).is_ready() == *released;
        if *released {
            drop(self.0.remove(i));
        }
        as_expected
    }

    /// One of them goes; answers whether it had been released.
    fn leave(&mut self, i: usize) -> bool {
        !self.0.is_empty() && self.0.remove(i % self.0.len()).1
    }

    /// Marks the first who waits as released; answers whether there was one.
    fn release_one(&mut self) -> bool {
        let first = self.0.iter_mut().find(|it| !it.1);
        first.map(|it| it.1 = true).is_some()
    }

    fn waiting(&self) -> usize {
        self.0.iter().filter(|it| !it.1).count()
    }
}

proptest! {
    #[test]
    fn an_event_behaves_as_the_oracle(ops in prop::collection::vec(op(Just(())), 0..64)) {
        let event = Event::new();
        let mut set = false;
        let mut line = Line(Vec::new());
        for op in ops {
            match op {
                Op::Raise(()) => {
                    prop_assert_eq!(event.set(), !set);
                    set = true;
                    while line.release_one() {}
                }
                Op::Lower => {
                    prop_assert_eq!(event.clear(), set);
                    set = false;
                }
                Op::Join => prop_assert_eq!(line.join(event.wait()), set),
                Op::Look(i) => prop_assert!(line.look(i)),
                Op::Leave(i) => _ = line.leave(i),
            }
            prop_assert_eq!((event.is_set(), event.try_wait()), (set, set));
            prop_assert_eq!(event.waiters(), line.waiting());
        }
    }

    #[test]
    fn an_auto_reset_event_behaves_as_the_oracle(ops in prop::collection::vec(op(Just(())), 0..96)) {
        let event = AutoResetEvent::new();
        let mut set = false;
        let mut line = Line(Vec::new());
        for op in ops {
            match op {
                Op::Raise(()) => {
                    let merged = !line.release_one() && std::mem::replace(&mut set, true);
                    prop_assert_eq!(event.set(), !merged);
                }
                Op::Lower => prop_assert_eq!(event.try_wait(), std::mem::take(&mut set)),
                Op::Join => prop_assert_eq!(line.join(event.wait()), std::mem::take(&mut set)),
                Op::Look(i) => prop_assert!(line.look(i)),
                Op::Leave(i) => set |= line.leave(i) && !line.release_one(),
            }
            prop_assert_eq!(event.is_set(), set);
            prop_assert_eq!(event.waiters(), line.waiting());
            prop_assert!(!set || line.waiting() == 0, "remembered beside somebody who waits");
        }
    }

    #[test]
    fn a_latch_behaves_as_the_oracle(
        start in prop_oneof![0..8usize, Latch::MAX_COUNT - 4..=Latch::MAX_COUNT],
        ops in prop::collection::vec(op(prop_oneof![
            6 => 0..4usize,
            1 => Latch::MAX_COUNT - 8..=Latch::MAX_COUNT,
            1 => Just(usize::MAX),
        ]), 0..64),
    ) {
        let latch = Latch::new(start);
        let mut count = start;
        let mut line = Line(Vec::new());
        for op in ops {
            match op {
                Op::Raise(n) => {
                    latch.count_down(n);
                    count = count.saturating_sub(n);
                    while count == 0 && line.release_one() {}
                }
                Op::Lower => {} // A latch does not close.
                Op::Join => prop_assert_eq!(line.join(latch.wait()), count == 0),
                Op::Look(i) => prop_assert!(line.look(i)),
                Op::Leave(i) => _ = line.leave(i),
            }
            prop_assert_eq!(latch.count(), count);
            prop_assert_eq!((latch.is_open(), latch.try_wait()), (count == 0, count == 0));
            prop_assert_eq!(latch.waiters(), line.waiting());
        }
    }
}
