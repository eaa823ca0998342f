//! Random programs, checked step by step against an oracle that is too simple to be wrong.

use std::pin::Pin;

use proptest::prelude::*;
use tidegate_event::{Event, WaitFut};
use tidegate_test::poll_once;

#[derive(Clone, Copy, Debug)]
enum Op {
    Set,
    Clear,
    Join,
    // Looking is a step of its own, so that the event may be cleared between a release and the look at it.
    Look(usize),
    Leave(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        1 => Just(Op::Set),
        1 => Just(Op::Clear),
        3 => Just(Op::Join),
        3 => any::<usize>().prop_map(Op::Look),
        2 => any::<usize>().prop_map(Op::Leave),
    ]
}

proptest! {
    #[test]
    fn behaves_as_the_oracle(ops in prop::collection::vec(op(), 0..64)) {
        let event = Event::new();
        let mut set = false;
        let mut released: Vec<bool> = Vec::new();
        let mut line: Vec<Pin<Box<WaitFut<'_>>>> = Vec::new();
        for op in ops {
            match op {
                Op::Set => {
                    prop_assert_eq!(event.set(), !set);
                    set = true;
                    released.fill(true);
                }
                Op::Clear => {
                    prop_assert_eq!(event.clear(), set);
                    set = false;
                }
                Op::Join => {
                    let mut wait = Box::pin(event.wait());
                    prop_assert_eq!(poll_once(wait.as_mut()).is_ready(), set);
                    if !set {
                        line.push(wait);
                        released.push(false);
                    }
                }
                Op::Look(i) if !line.is_empty() => {
                    let i = i % line.len();
                    prop_assert_eq!(poll_once(line[i].as_mut()).is_ready(), released[i]);
                    if released[i] {
                        drop(line.remove(i));
                        released.remove(i);
                    }
                }
                Op::Leave(i) if !line.is_empty() => {
                    let i = i % line.len();
                    drop(line.remove(i));
                    released.remove(i);
                }
                Op::Look(_) | Op::Leave(_) => {}
            }
            prop_assert_eq!(event.is_set(), set);
            prop_assert_eq!(event.waiters(), released.iter().filter(|it| !**it).count());
        }
    }
}
