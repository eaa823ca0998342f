//! Random programs, checked step by step against an oracle that is too simple to be wrong.

use std::pin::Pin;
use std::task::Poll;

use proptest::prelude::*;
use tidegate_queue::{
    Closed, GetFut, JoinFut, LifoQueue, PriorityQueue, PutFut, Queue, Shutdown, TryGetError,
    TryPutError,
};
use tidegate_test::poll_once;

use crate::support::Ranked;

#[derive(Clone, Copy, Debug)]
enum Op {
    Put(u8),
    TryPut(u8),
    Get,
    TryGet,
    Join,
    TaskDone,
    // Looking and giving up are steps of their own, so that a program can cancel a waiter which was handed an item or
    // granted a slot and has not looked yet.
    LookPut(usize),
    LookGet(usize),
    LookJoin(usize),
    CancelPut(usize),
    CancelGet(usize),
    CancelJoin(usize),
    Shutdown(bool),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0..4u8).prop_map(Op::Put),
        4 => (0..4u8).prop_map(Op::TryPut),
        6 => Just(Op::Get),
        4 => Just(Op::TryGet),
        1 => Just(Op::Join),
        3 => Just(Op::TaskDone),
        5 => any::<usize>().prop_map(Op::LookPut),
        5 => any::<usize>().prop_map(Op::LookGet),
        1 => any::<usize>().prop_map(Op::LookJoin),
        4 => any::<usize>().prop_map(Op::CancelPut),
        4 => any::<usize>().prop_map(Op::CancelGet),
        1 => any::<usize>().prop_map(Op::CancelJoin),
    ]
}

/// A program, now and then with a shutdown or two in it.
fn program() -> impl Strategy<Value = Vec<Op>> {
    let ends = prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..3);
    (prop::collection::vec(op(), 0..120), ends).prop_map(|(mut ops, ends)| {
        for (at, now) in ends {
            let at = at.index(ops.len() + 1);
            ops.insert(at, Op::Shutdown(now));
        }
        ops
    })
}

#[derive(Clone, Copy)]
enum Order {
    Fifo,
    Lifo,
    Priority,
}

/// An item, and the number of its arrival.
type Arrived = (Ranked, usize);

enum Getter {
    Waiting,
    Handed(Arrived),
    Closed,
}

#[derive(Clone, Copy, PartialEq)]
enum Putter {
    Waiting,
    Granted,
    Closed,
}

/// What a queue is: a bag of items, each with the number of its arrival, and those who wait.
struct Oracle {
    order: Order,
    capacity: usize,
    items: Vec<Arrived>,
    arrived: usize,
    getters: Vec<Getter>,
    putters: Vec<(Ranked, Putter)>,
    unfinished: usize,
    joiners: Vec<bool>,
    /// Whether at once.
    shut: Option<bool>,
}

impl Oracle {
    fn granted(&self) -> usize {
        self.putters.iter().filter(|it| it.1 == Putter::Granted).count()
    }

    fn has_room(&self) -> bool {
        self.items.len() + self.granted() < self.capacity
    }

    fn deliver(&mut self, item: Ranked) {
        self.arrived += 1;
        self.unfinished += 1;
        self.give((item, self.arrived));
        self.serve_putters();
    }

    fn give(&mut self, item: Arrived) {
        match self.getters.iter_mut().find(|it| matches!(it, Getter::Waiting)) {
            Some(getter) => *getter = Getter::Handed(item),
            None => self.items.push(item),
        }
    }

    fn pop(&mut self) -> Option<Ranked> {
        let at = (0..self.items.len()).min_by_key(|&i| {
            let (item, arrived) = self.items[i];
            match self.order {
                Order::Fifo => (0, arrived),
                Order::Lifo => (0, usize::MAX - arrived),
                Order::Priority => (item.rank, arrived),
            }
        })?;
        let (item, _) = self.items.remove(at);
        self.serve_putters();
        Some(item)
    }

    fn serve_putters(&mut self) {
        while self.shut.is_none() && self.has_room() {
            let Some(it) = self.putters.iter_mut().find(|it| it.1 == Putter::Waiting) else {
                break;
            };
            it.1 = Putter::Granted;
        }
    }

    fn done(&mut self, n: usize) {
        self.unfinished -= n.min(self.unfinished);
        if self.unfinished == 0 {
            self.joiners.fill(true);
        }
    }

    fn shutdown(&mut self, at_once: bool) {
        self.shut = Some(self.shut == Some(true) || at_once);
        if at_once {
            let n = std::mem::take(&mut self.items).len();
            self.done(n);
        }
        for it in self.getters.iter_mut().filter(|it| matches!(it, Getter::Waiting)) {
            *it = Getter::Closed;
        }
        for it in self.putters.iter_mut().filter(|it| it.1 == Putter::Waiting) {
            it.1 = Putter::Closed;
        }
    }
}

/// The number tells items apart; the comparison does not see it.
fn id(item: Ranked) -> usize {
    item.id
}

macro_rules! behaves_as_the_oracle {
    ($name:ident, $Queue:ident, $order:expr) => {
        proptest! {
            #[test]
            fn $name(capacity in 1..5usize, ops in program()) {
                // 4 stands for no limit.
                let queue = if capacity == 4 { $Queue::unbounded() } else { $Queue::bounded(capacity) };
                let mut oracle = Oracle {
                    order: $order,
                    capacity: if capacity == 4 { usize::MAX } else { capacity },
                    items: Vec::new(),
                    arrived: 0,
                    getters: Vec::new(),
                    putters: Vec::new(),
                    unfinished: 0,
                    joiners: Vec::new(),
                    shut: None,
                };
                let mut getters: Vec<Pin<Box<GetFut<'_, $Queue<Ranked>>>>> = Vec::new();
                let mut putters: Vec<Pin<Box<PutFut<'_, $Queue<Ranked>>>>> = Vec::new();
                let mut joiners: Vec<Pin<Box<JoinFut<'_>>>> = Vec::new();

                for (number, op) in ops.into_iter().enumerate() {
                    match op {
                        Op::Put(rank) => {
                            let item = Ranked { rank, id: number };
                            let mut put = Box::pin(queue.put(item));
                            match poll_once(put.as_mut()) {
                                Poll::Ready(Ok(())) => {
                                    prop_assert!(oracle.shut.is_none() && oracle.has_room());
                                    oracle.deliver(item);
                                }
                                Poll::Ready(Err(Closed(back))) => {
                                    prop_assert!(oracle.shut.is_some() && back.id == number);
                                }
                                Poll::Pending => {
                                    prop_assert!(oracle.shut.is_none() && !oracle.has_room());
                                    oracle.putters.push((item, Putter::Waiting));
                                    putters.push(put);
                                }
                            }
                        }
                        Op::TryPut(rank) => {
                            let item = Ranked { rank, id: number };
                            match queue.try_put(item) {
                                Ok(()) => {
                                    prop_assert!(oracle.shut.is_none() && oracle.has_room());
                                    oracle.deliver(item);
                                }
                                Err(TryPutError::Closed(back)) => {
                                    prop_assert!(oracle.shut.is_some() && back.id == number);
                                }
                                Err(TryPutError::Full(back)) => {
                                    prop_assert!(oracle.shut.is_none() && !oracle.has_room());
                                    prop_assert_eq!(back.id, number);
                                }
                            }
                        }
                        Op::Get => {
                            let mut get = Box::pin(queue.get());
                            match poll_once(get.as_mut()) {
                                Poll::Ready(Ok(item)) => {
                                    prop_assert_eq!(oracle.pop().map(id), Some(item.id));
                                }
                                Poll::Ready(Err(Closed(()))) => {
                                    prop_assert!(oracle.items.is_empty() && oracle.shut.is_some());
                                }
                                Poll::Pending => {
                                    prop_assert!(oracle.items.is_empty() && oracle.shut.is_none());
                                    oracle.getters.push(Getter::Waiting);
                                    getters.push(get);
                                }
                            }
                        }
                        Op::TryGet => match queue.try_get() {
                            Ok(item) => prop_assert_eq!(oracle.pop().map(id), Some(item.id)),
                            Err(error) => {
                                prop_assert!(oracle.items.is_empty());
                                prop_assert_eq!(error == TryGetError::Closed, oracle.shut.is_some());
                            }
                        },
                        Op::Join => {
                            let mut join = Box::pin(queue.join());
                            let ready = poll_once(join.as_mut()).is_ready();
                            prop_assert_eq!(ready, oracle.unfinished == 0);
                            if !ready {
                                oracle.joiners.push(false);
                                joiners.push(join);
                            }
                        }
                        Op::TaskDone => {
                            prop_assert_eq!(queue.task_done().is_ok(), oracle.unfinished > 0);
                            oracle.done(1);
                        }
                        Op::LookPut(i) if !putters.is_empty() => {
                            let i = i % putters.len();
                            let (item, state) = oracle.putters[i];
                            let outcome = poll_once(putters[i].as_mut());
                            if state == Putter::Waiting {
                                prop_assert!(outcome.is_pending());
                                continue;
                            }
                            oracle.putters.remove(i);
                            drop(putters.remove(i));
                            match outcome {
                                Poll::Ready(Ok(())) => {
                                    prop_assert!(state == Putter::Granted && oracle.shut.is_none());
                                    oracle.deliver(item);
                                }
                                Poll::Ready(Err(Closed(back))) => {
                                    prop_assert!(oracle.shut.is_some() && back.id == item.id);
                                }
                                Poll::Pending => prop_assert!(false, "a putter was left waiting"),
                            }
                        }
                        Op::LookGet(i) if !getters.is_empty() => {
                            let i = i % getters.len();
                            let outcome = poll_once(getters[i].as_mut());
                            if let Getter::Waiting = oracle.getters[i] {
                                prop_assert!(outcome.is_pending());
                                continue;
                            }
                            drop(getters.remove(i));
                            match (outcome, oracle.getters.remove(i)) {
                                (Poll::Ready(Ok(item)), Getter::Handed((expected, _))) => {
                                    prop_assert_eq!(item.id, expected.id);
                                }
                                // What has come back since is there for those who have not looked.
                                (Poll::Ready(got), Getter::Closed) => {
                                    prop_assert_eq!(got.ok().map(id), oracle.pop().map(id));
                                }
                                (outcome, _) => prop_assert!(false, "{outcome:?}"),
                            }
                        }
                        Op::LookJoin(i) if !joiners.is_empty() => {
                            let i = i % joiners.len();
                            let ready = poll_once(joiners[i].as_mut()).is_ready();
                            prop_assert_eq!(ready, oracle.joiners[i]);
                            if ready {
                                oracle.joiners.remove(i);
                                drop(joiners.remove(i));
                            }
                        }
                        Op::CancelPut(i) if !putters.is_empty() => {
                            let i = i % putters.len();
                            drop(putters.remove(i));
                            oracle.putters.remove(i);
                            oracle.serve_putters();
                        }
                        Op::CancelGet(i) if !getters.is_empty() => {
                            let i = i % getters.len();
                            drop(getters.remove(i));
                            match oracle.getters.remove(i) {
                                Getter::Handed(_) if oracle.shut == Some(true) => oracle.done(1),
                                Getter::Handed(item) => oracle.give(item),
                                _ => {}
                            }
                        }
                        Op::CancelJoin(i) if !joiners.is_empty() => {
                            let i = i % joiners.len();
                            drop(joiners.remove(i));
                            oracle.joiners.remove(i);
                        }
                        Op::Shutdown(at_once) => {
                            let how = if at_once { Shutdown::Immediate } else { Shutdown::Drain };
                            queue.shutdown(how);
                            oracle.shutdown(at_once);
                        }
                        _ => {}
                    }
                    let getting =
                        oracle.getters.iter().filter(|it| matches!(it, Getter::Waiting)).count();
                    let putting =
                        oracle.putters.iter().filter(|it| it.1 == Putter::Waiting).count();
                    let joining = oracle.joiners.iter().filter(|released| !**released).count();
                    let statistics = queue.statistics();
                    prop_assert_eq!(statistics.len, oracle.items.len());
                    prop_assert_eq!(statistics.getters, getting);
                    prop_assert_eq!(statistics.putters, putting);
                    prop_assert_eq!(statistics.joiners, joining);
                    prop_assert_eq!(statistics.reserved, oracle.granted());
                    prop_assert_eq!(queue.waiters(), getting + putting + joining);
                    prop_assert_eq!(queue.unfinished(), oracle.unfinished);
                    prop_assert_eq!(queue.is_full(), !oracle.has_room());
                    prop_assert_eq!(queue.is_shutdown(), oracle.shut.is_some());
                }
            }
        }
    };
}

behaves_as_the_oracle!(a_queue_behaves_as_the_oracle, Queue, Order::Fifo);
behaves_as_the_oracle!(a_lifo_queue_behaves_as_the_oracle, LifoQueue, Order::Lifo);
behaves_as_the_oracle!(a_priority_queue_behaves_as_the_oracle, PriorityQueue, Order::Priority);
