use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::task::{Poll, Wake, Waker};

use tidegate_queue::{PriorityQueue, Shutdown, TryGetError};
use tidegate_test::{CountingWaker, poll_once, poll_with};

struct Panics;
impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("a waker's own panic");
    }
}

/// Panics in its drop, once it is told to.
struct Touchy(Rc<Cell<bool>>, Rc<Cell<usize>>);
impl Drop for Touchy {
    fn drop(&mut self) {
        self.1.set(self.1.get() + 1);
        if self.0.take() {
            panic!("an item's own panic");
        }
    }
}

impl Ord for Touchy {
    fn cmp(&self, _: &Self) -> Ordering {
        Ordering::Equal
    }
}
impl PartialOrd for Touchy {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Touchy {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl Eq for Touchy {}

each_queue! {
    // 25: the matrix of calls back into the primitive.
    #[test]
    fn a_waker_may_do_anything_while_it_is_woken_replaced_or_dropped() {
        struct Meddler(Arc<Q<u32>>);
        impl Meddler {
            fn meddle(&self) {
                let queue = &self.0;
                let _ = format!("{queue:?} {:?} {}", queue.statistics(), queue.waiters());
                let _ = queue.try_put(100);
                let _ = poll_once(pin!(queue.put(101)));
                let _ = queue.try_take();
                let _ = poll_once(pin!(queue.get()));
                let _ = poll_once(pin!(queue.join()));
            }
        }
        impl Wake for Meddler {
            fn wake(self: Arc<Self>) {
                self.meddle();
            }
        }
        impl Drop for Meddler {
            fn drop(&mut self) {
                self.meddle();
            }
        }
        let queue = Arc::new(Q::bounded(1));
        let waker = || Waker::from(Arc::new(Meddler(Arc::clone(&queue))));
        for round in 0..3 {
            let mut getters: Vec<_> = (0..5).map(|_| Box::pin(queue.get())).collect();
            let mut putters: Vec<_> = (0..5).map(|i| Box::pin(queue.put(i))).collect();
            let mut joiners: Vec<_> = (0..5).map(|_| Box::pin(queue.join())).collect();
            for _ in 0..2 {
                // The second time the waker is replaced.
                getters.retain_mut(|it| poll_with(it.as_mut(), &waker()).is_pending());
                putters.retain_mut(|it| poll_with(it.as_mut(), &waker()).is_pending());
                joiners.retain_mut(|it| poll_with(it.as_mut(), &waker()).is_pending());
            }
            let _ = queue.try_put(7);
            let _ = queue.try_get();
            let _ = queue.task_done();
            if round == 2 {
                queue.shutdown(Shutdown::Immediate);
                assert!(putters.iter_mut().all(|it| poll_once(it.as_mut()).is_ready()));
                assert!(getters.iter_mut().all(|it| poll_once(it.as_mut()).is_ready()));
            }
        }
        assert_eq!((queue.waiters(), queue.statistics().reserved), (0, 0));
    }

    #[test]
    fn the_drop_of_an_item_may_call_back_into_the_queue() {
        struct Caller(Weak<Q<Caller>>, u8);
        impl Drop for Caller {
            fn drop(&mut self) {
                if let Some(queue) = self.0.upgrade() {
                    let _ = (queue.len(), queue.waiters(), queue.unfinished(), queue.is_full());
                    let _ = queue.try_get();
                    let _ = queue.task_done();
                }
            }
        }
        impl Ord for Caller {
            fn cmp(&self, other: &Self) -> Ordering {
                self.1.cmp(&other.1)
            }
        }
        impl PartialOrd for Caller {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }
        impl PartialEq for Caller {
            fn eq(&self, other: &Self) -> bool {
                self.1 == other.1
            }
        }
        impl Eq for Caller {}

        // Refused, withdrawn, dropped with its future, got, and dropped by a shutdown with several others.
        let queue = Arc::new(Q::bounded(3));
        let item = |i| Caller(Arc::downgrade(&queue), i);
        (0..3).for_each(|i| assert!(queue.try_put(item(i)).is_ok()));
        drop(queue.try_put(item(4)));
        let _ = queue.try_put(item(5));
        drop(poll_once(pin!(queue.put(item(6)))));
        (0..3).for_each(|i| drop(queue.try_put(item(i))));
        queue.shutdown(Shutdown::Immediate);
        assert_eq!((queue.len(), queue.unfinished()), (0, 0));

        // Handed to a getter that never looks, after the end.
        let queue = Arc::new(Q::bounded(3));
        let mut get = Box::pin(queue.get());
        assert!(poll_once(get.as_mut()).is_pending());
        assert!(queue.try_put(Caller(Arc::downgrade(&queue), 0)).is_ok());
        queue.shutdown(Shutdown::Immediate);
        drop(get);
        assert_eq!((queue.len(), queue.unfinished()), (0, 0));
    }

    // 26.
    #[test]
    fn a_waker_that_panics_loses_no_item() {
        let mad = Waker::from(Arc::new(Panics));
        let queue = Q::bounded(1);
        let mut get = pin!(queue.get());
        assert!(poll_with(get.as_mut(), &mad).is_pending());
        assert!(catch_unwind(AssertUnwindSafe(|| queue.try_put(1))).is_err());
        assert_eq!(poll_once(get), Poll::Ready(Ok(1)), "it was put");

        queue.try_put(2).unwrap();
        let mut put = pin!(queue.put(3));
        assert!(poll_with(put.as_mut(), &mad).is_pending());
        assert_eq!(queue.try_get(), Ok(2), "what was got goes before the panic");
        assert_eq!(poll_once(put), Poll::Ready(Ok(())));
        assert_eq!((queue.try_get(), queue.try_get()), (Ok(3), Err(TryGetError::Empty)));
    }

    #[test]
    fn a_waker_that_panics_when_a_slot_is_filled_strands_nobody() {
        let mad = Waker::from(Arc::new(Panics));
        let queue = Q::bounded(1);
        queue.try_put(0).unwrap();
        let mut putters: Vec<_> = (1..3).map(|i| Box::pin(queue.put(i))).collect();
        let (wakes, waker) = CountingWaker::new();
        for it in &mut putters {
            assert!(poll_with(it.as_mut(), &waker).is_pending());
        }
        assert_eq!(queue.try_get(), Ok(0));
        let mut get = pin!(queue.get());
        assert!(poll_with(get.as_mut(), &mad).is_pending());
        let filled = catch_unwind(AssertUnwindSafe(|| poll_once(putters[0].as_mut())));
        assert!(filled.is_err());
        assert_eq!(wakes.count(), 2, "the second putter has the slot");
        assert_eq!(poll_once(get), Poll::Ready(Ok(1)));
        assert_eq!(poll_once(putters[1].as_mut()), Poll::Ready(Ok(())));
        assert_eq!((queue.len(), queue.waiters(), queue.statistics().reserved), (1, 0, 0));
    }

    #[test]
    fn a_shutdown_with_wakers_that_panic_reaches_everybody() {
        let mad = Waker::from(Arc::new(Panics));
        for how in [Shutdown::Drain, Shutdown::Immediate] {
            let queue = Q::bounded(1);
            queue.try_put(0).unwrap();
            let mut putters: Vec<_> = (1..9).map(|i| Box::pin(queue.put(i))).collect();
            let (wakes, calm) = CountingWaker::new();
            for (i, it) in putters.iter_mut().enumerate() {
                assert!(poll_with(it.as_mut(), if i % 2 == 0 { &mad } else { &calm }).is_pending());
            }
            assert!(catch_unwind(AssertUnwindSafe(|| queue.shutdown(how))).is_err());
            assert_eq!((wakes.count(), queue.waiters()), (4, 0));
            assert!(putters.iter_mut().all(|it| poll_once(it.as_mut()).is_ready()));
        }
        // With both lines in use, and the panic in the first.
        let queue = Q::bounded(1);
        queue.try_put(0).unwrap();
        let mut putters: Vec<_> = (1..3).map(|i| Box::pin(queue.put(i))).collect();
        let (wakes, calm) = CountingWaker::new();
        for it in &mut putters {
            assert!(poll_with(it.as_mut(), &calm).is_pending());
        }
        queue.try_get().unwrap();
        let mut get = pin!(queue.get());
        assert!(poll_with(get.as_mut(), &mad).is_pending());
        let shut = catch_unwind(AssertUnwindSafe(|| queue.shutdown(Shutdown::Drain)));
        assert!(shut.is_err() && queue.is_shutdown());
        assert_eq!((wakes.count(), queue.waiters()), (2, 0));
    }

    #[test]
    fn an_item_that_panics_while_it_is_dropped_by_a_shutdown_keeps_nothing_from_being_done() {
        let (armed, dropped) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(0)));
        let queue = Q::unbounded();
        for _ in 0..5 {
            assert!(queue.try_put(Touchy(Rc::clone(&armed), Rc::clone(&dropped))).is_ok());
        }
        let mut join = pin!(queue.join());
        assert!(poll_once(join.as_mut()).is_pending());
        armed.set(true);
        let shut = catch_unwind(AssertUnwindSafe(|| queue.shutdown(Shutdown::Immediate)));
        assert!(shut.is_err());
        assert_eq!((dropped.get(), queue.unfinished(), queue.len()), (5, 0, 0));
        assert!(poll_once(join).is_ready());
    }

    #[test]
    fn a_waker_that_panics_in_join_does_not_lose_the_item_of_a_job_that_is_taken_apart() {
        let mad = Waker::from(Arc::new(Panics));
        let queue = Arc::new(Q::unbounded());
        for owned in [false, true] {
            queue.try_put(7).unwrap();
            let mut join = pin!(queue.join());
            assert!(poll_with(join.as_mut(), &mad).is_pending());
            let item = match owned {
                false => queue.try_take().unwrap().into_inner(),
                true => Arc::clone(&queue).try_take_owned().unwrap().into_inner(),
            };
            assert_eq!((item, queue.unfinished()), (7, 0));
            assert!(poll_once(join).is_ready());
        }
        assert_eq!(Arc::strong_count(&queue), 1);
    }

    #[test]
    fn a_waker_that_panics_in_join_keeps_nobody_asleep() {
        let mad = Waker::from(Arc::new(Panics));
        let (wakes, calm) = CountingWaker::new();
        let queue = Q::unbounded();
        queue.try_put(1).unwrap();
        let mut joiners: Vec<_> = (0..50).map(|_| Box::pin(queue.join())).collect();
        for (i, it) in joiners.iter_mut().enumerate() {
            assert!(poll_with(it.as_mut(), if i % 5 == 0 { &mad } else { &calm }).is_pending());
        }
        assert!(catch_unwind(AssertUnwindSafe(|| queue.task_done())).is_err());
        assert_eq!((wakes.count(), queue.unfinished()), (40, 0));
        assert!(joiners.iter_mut().all(|it| poll_once(it.as_mut()).is_ready()));
    }
}

thread_local! {
    /// How many comparisons are left before one panics.
    static LEFT: Cell<usize> = const { Cell::new(usize::MAX) };
    static DROPPED: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
}

/// An item whose comparison panics when the count comes to nought, and whose drop is noted.
#[derive(Debug)]
struct Fragile(u32);

impl Drop for Fragile {
    fn drop(&mut self) {
        DROPPED.with_borrow_mut(|it| it.push(self.0));
    }
}

impl Ord for Fragile {
    fn cmp(&self, other: &Self) -> Ordering {
        match LEFT.get() {
            0 => panic!("a comparison's own panic"),
            left => LEFT.set(left - 1),
        }
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Fragile {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Fragile {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Fragile {}

/// Runs `f`, whose comparison number `last` panics; whether it did.
fn breaks<T>(last: usize, f: impl FnOnce() -> T) -> Result<T, ()> {
    LEFT.set(last);
    let outcome = catch_unwind(AssertUnwindSafe(f));
    LEFT.set(usize::MAX);
    outcome.map_err(drop)
}

fn filled(n: u32) -> PriorityQueue<Fragile> {
    let queue = PriorityQueue::bounded(100);
    (0..n).for_each(|i| queue.try_put(Fragile(i * 7 % 31)).unwrap());
    queue
}

fn drained(queue: &PriorityQueue<Fragile>) -> Vec<u32> {
    std::iter::from_fn(|| queue.try_get().ok()).map(|it| it.0).collect()
}

// B-Q9: asyncio's failing put left the item in the heap, or the count wrong.
#[test]
fn a_put_whose_comparison_panics_has_put_nothing_and_a_get_has_got_nothing() {
    let mut panics = 0;
    for n in 0..20 {
        let all = drained(&filled(n));
        for last in 0.. {
            let queue = filled(n);
            DROPPED.take();
            let put = breaks(last, || queue.try_put(Fragile(1)));
            if put.is_ok() {
                assert_eq!(queue.len(), n as usize + 1);
                break;
            }
            panics += 1;
            assert_eq!(DROPPED.take(), [1], "the item of the caller");
            assert_eq!((queue.len(), queue.unfinished()), (n as usize, n as usize));
            // The future that failed may be polled again; it still owns its item.
            let mut put = pin!(queue.put(Fragile(1)));
            assert!(breaks(last, || poll_once(put.as_mut())).is_err());
            assert_eq!((queue.len(), queue.unfinished()), (n as usize, n as usize));
            assert_eq!(poll_once(put), Poll::Ready(Ok(())));
            assert_eq!(queue.len(), n as usize + 1);
        }
        for last in 0.. {
            let queue = filled(n);
            DROPPED.take();
            if breaks(last, || queue.try_get()).is_ok() {
                break;
            }
            panics += 1;
            assert!(DROPPED.take().is_empty());
            let mut get = pin!(queue.get());
            assert!(breaks(last, || poll_once(get.as_mut())).is_err());
            assert_eq!(queue.len(), n as usize);
            let Poll::Ready(Ok(first)) = poll_once(get) else { panic!("there is one") };
            assert_eq!(first.0, all[0]);
            assert_eq!(drained(&queue), all[1..]);
        }
    }
    assert!(panics > 50, "{panics}");
}

#[test]
fn a_slot_whose_item_cannot_be_compared_goes_to_the_next() {
    let queue = PriorityQueue::bounded(2);
    queue.try_put(Fragile(5)).unwrap();
    queue.try_put(Fragile(6)).unwrap();
    let mut first = Box::pin(queue.put(Fragile(1)));
    let mut second = Box::pin(queue.put(Fragile(2)));
    assert!(poll_once(first.as_mut()).is_pending());
    let (wakes, waker) = CountingWaker::new();
    assert!(poll_with(second.as_mut(), &waker).is_pending());
    assert_eq!(queue.try_get(), Ok(Fragile(5)));
    assert!(breaks(0, || poll_once(first.as_mut())).is_err());
    assert_eq!((wakes.count(), queue.len(), queue.unfinished()), (1, 1, 2));
    assert_eq!(first.as_mut().withdraw(), Some(Fragile(1)), "it kept its item");
    assert!(poll_once(second.as_mut()).is_ready());
    assert_eq!(drained(&queue), [2, 6]);
    assert_eq!(queue.statistics().reserved, 0);
}

#[test]
fn an_item_that_comes_back_is_kept_though_it_cannot_be_compared() {
    let queue = PriorityQueue::unbounded();
    let mut get = Box::pin(queue.get());
    assert!(poll_once(get.as_mut()).is_pending());
    queue.try_put(Fragile(1)).unwrap();
    queue.try_put(Fragile(2)).unwrap();
    assert!(breaks(0, || drop(get)).is_err());
    assert_eq!((queue.len(), queue.unfinished(), queue.waiters()), (2, 2, 0));
    let mut all = drained(&queue);
    all.sort_unstable();
    assert_eq!(all, [1, 2]);
}

#[test]
fn a_look_that_panics_changes_nothing() {
    let queue = PriorityQueue::unbounded();
    queue.try_put(1).unwrap();
    let look = || queue.peek_with(|_| panic!("a look's own panic"));
    assert!(catch_unwind(AssertUnwindSafe(look)).is_err());
    assert_eq!(queue.try_get(), Ok(1));
}
