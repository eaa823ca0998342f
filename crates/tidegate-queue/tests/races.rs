//! Interleavings. Under `cargo test` each runs a few hundred times; `cargo xtask loom` runs them all.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tidegate_queue::{Closed, PriorityQueue, Queue, Shutdown, TryGetError};
use tidegate_shim::atomic::{AtomicUsize, Ordering};
use tidegate_test::{block_on, poll_once, race, spawn};

#[test]
fn a_put_is_never_lost() {
    race(|| {
        let queue = Arc::new(Queue::bounded(1));
        let putter = spawn({
            let queue = Arc::clone(&queue);
            move || {
                block_on(queue.put(1)).unwrap();
                block_on(queue.put(2)).unwrap();
            }
        });
        assert_eq!(block_on(queue.get()), Ok(1));
        assert_eq!(block_on(queue.get()), Ok(2));
        putter.join().unwrap();
        assert_eq!((queue.len(), queue.waiters(), queue.statistics().reserved), (0, 0, 0));
    });
}

#[test]
fn two_putters_and_a_getter_pass_everything_through_a_queue_of_one() {
    race(|| {
        let queue = Arc::new(Queue::bounded(1));
        let putters: Vec<_> = (1..3)
            .map(|i| {
                let queue = Arc::clone(&queue);
                spawn(move || block_on(queue.put(i)).unwrap())
            })
            .collect();
        let sum = block_on(queue.get()).unwrap() + block_on(queue.get()).unwrap();
        assert_eq!(sum, 3);
        putters.into_iter().for_each(|it| it.join().unwrap());
        assert_eq!((queue.len(), queue.waiters(), queue.statistics().reserved), (0, 0, 0));
    });
}

#[test]
fn a_getter_that_leaves_races_a_put_and_another_getter() {
    race(|| {
        let queue = Arc::new(Queue::bounded(1));
        let mut leaves = Box::pin(Arc::clone(&queue).get_owned());
        assert!(poll_once(leaves.as_mut()).is_pending());
        let leaver = spawn(move || drop(leaves));
        let putter = spawn({
            let queue = Arc::clone(&queue);
            move || queue.try_put(1).unwrap()
        });
        // The item comes here whether it was handed to the one who left or not.
        assert_eq!(block_on(queue.get()), Ok(1));
        leaver.join().unwrap();
        putter.join().unwrap();
        assert_eq!((queue.len(), queue.waiters()), (0, 0));
    });
}

#[test]
fn a_putter_that_leaves_races_a_get_and_another_putter() {
    race(|| {
        let queue = Arc::new(Queue::bounded(1));
        queue.try_put(0).unwrap();
        let mut leaves = Box::pin(Arc::clone(&queue).put_owned(1));
        assert!(poll_once(leaves.as_mut()).is_pending());
        let leaver = spawn(move || drop(leaves));
        let getter = spawn({
            let queue = Arc::clone(&queue);
            move || assert_eq!(queue.try_get(), Ok(0))
        });
        // The slot comes here whether it was granted to the one who left or not.
        block_on(queue.put(2)).unwrap();
        leaver.join().unwrap();
        getter.join().unwrap();
        assert_eq!((queue.try_get(), queue.try_get()), (Ok(2), Err(TryGetError::Empty)));
        assert_eq!((queue.waiters(), queue.statistics().reserved), (0, 0));
        queue.try_put(3).unwrap();
    });
}

#[test]
fn a_shutdown_races_a_put_and_a_waiting_getter() {
    race(|| {
        let queue = Arc::new(Queue::bounded(1));
        let putter = spawn({
            let queue = Arc::clone(&queue);
            move || block_on(queue.put(1))
        });
        let getter = spawn({
            let queue = Arc::clone(&queue);
            move || block_on(queue.get())
        });
        queue.shutdown(Shutdown::Drain);
        let (put, got) = (putter.join().unwrap(), getter.join().unwrap());
        match (put, got) {
            (Ok(()), Ok(1)) | (Err(Closed(1)), Err(Closed(()))) => assert_eq!(queue.len(), 0),
            // The getter was released with nothing before the put; or it was put after the getter gave up? Not so:
            // once anybody has seen the end, nothing is put.
            (put, got) => panic!("{put:?} {got:?}"),
        }
        assert_eq!((queue.waiters(), queue.statistics().reserved), (0, 0));
    });
}

#[test]
fn a_shutdown_races_a_getter_that_leaves_what_another_is_to_have() {
    race(|| {
        let queue = Arc::new(Queue::unbounded());
        let mut leaves = Box::pin(Arc::clone(&queue).get_owned());
        let mut stays = Box::pin(Arc::clone(&queue).get_owned());
        assert!(poll_once(leaves.as_mut()).is_pending());
        assert!(poll_once(stays.as_mut()).is_pending());
        queue.try_put(1).unwrap();
        let leaver = spawn(move || drop(leaves));
        queue.shutdown(Shutdown::Drain);
        leaver.join().unwrap();
        // It was handed on before the end, or came back after it.
        assert_eq!(poll_once(stays.as_mut()), Poll::Ready(Ok(1)));
        assert_eq!((queue.len(), queue.waiters()), (0, 0));
    });
}

#[test]
fn a_shutdown_at_once_races_a_waiting_putter_and_a_get() {
    race(|| {
        let queue = Arc::new(Queue::bounded(1));
        queue.try_put(0).unwrap();
        let putter = spawn({
            let queue = Arc::clone(&queue);
            move || block_on(queue.put(1)).is_ok()
        });
        let getter = spawn({
            let queue = Arc::clone(&queue);
            move || queue.try_take().is_ok()
        });
        queue.shutdown(Shutdown::Immediate);
        let (put, got) = (putter.join().unwrap(), getter.join().unwrap());
        assert!(got || !put, "there was room only if somebody got");
        block_on(queue.join());
        assert_eq!((queue.len(), queue.unfinished(), queue.waiters()), (0, 0, 0));
        assert_eq!(queue.statistics().reserved, 0);
    });
}

#[test]
fn join_sees_what_two_workers_did_before_they_said_so() {
    race(|| {
        // Relaxed on purpose: only the queue orders the writes before the read.
        let shared = Arc::new((Queue::unbounded(), AtomicUsize::new(0)));
        shared.0.try_put(1).unwrap();
        shared.0.try_put(2).unwrap();
        // One is in line already, so that the last one done releases; the other finds all done, or waits too.
        let mut early = pin!(shared.0.join());
        assert!(poll_once(early.as_mut()).is_pending());
        let workers: Vec<_> = (0..2)
            .map(|_| {
                let shared = Arc::clone(&shared);
                spawn(move || {
                    let item = shared.0.try_get().unwrap();
                    shared.1.fetch_add(item, Ordering::Relaxed);
                    shared.0.task_done().unwrap();
                })
            })
            .collect();
        block_on(shared.0.join());
        assert_eq!(shared.1.load(Ordering::Relaxed), 3);
        workers.into_iter().for_each(|it| it.join().unwrap());
        assert!(poll_once(early.as_mut()).is_ready());
    });
}

#[test]
fn a_joiner_that_leaves_and_one_that_stays_race_the_last_task() {
    race(|| {
        let queue = Arc::new(Queue::unbounded());
        queue.try_put(1).unwrap();
        let mut leaves = Box::pin(Arc::clone(&queue).join_owned());
        assert!(poll_once(leaves.as_mut()).is_pending());
        let leaver = spawn(move || drop(leaves));
        let worker = spawn({
            let queue = Arc::clone(&queue);
            move || drop(queue.try_take())
        });
        block_on(queue.join());
        assert_eq!(queue.unfinished(), 0);
        leaver.join().unwrap();
        worker.join().unwrap();
        assert_eq!(queue.waiters(), 0);
    });
}

#[test]
fn two_who_say_done_once_too_often_are_told_once() {
    race(|| {
        let queue = Arc::new(Queue::unbounded());
        queue.try_put(1).unwrap();
        let mut join = Box::pin(Arc::clone(&queue).join_owned());
        assert!(poll_once(join.as_mut()).is_pending());
        let others: Vec<_> = (0..2)
            .map(|_| {
                let queue = Arc::clone(&queue);
                spawn(move || usize::from(queue.task_done().is_ok()))
            })
            .collect();
        let told: usize = others.into_iter().map(|it| it.join().unwrap()).sum();
        assert_eq!((told, queue.unfinished()), (1, 0));
        assert!(poll_once(join.as_mut()).is_ready());
    });
}

// 18: more getters and putters than loom's batch of two.
#[test]
fn a_shutdown_reaches_three_on_each_side() {
    race(|| {
        let queue = Arc::new(Queue::<u8>::bounded(1));
        let mut getters: Vec<_> =
            (0..3).map(|_| Box::pin(Arc::clone(&queue).get_owned())).collect();
        for it in &mut getters {
            assert!(poll_once(it.as_mut()).is_pending());
        }
        let leaver = spawn({
            let mut gone = getters.remove(1);
            move || {
                let _ = poll_once(gone.as_mut());
            }
        });
        let late = spawn({
            let queue = Arc::clone(&queue);
            move || block_on(queue.get())
        });
        queue.shutdown(Shutdown::Drain);
        assert_eq!(late.join().unwrap(), Err(Closed(())));
        leaver.join().unwrap();
        for it in &mut getters {
            assert_eq!(poll_once(it.as_mut()), Poll::Ready(Err(Closed(()))));
        }

        let queue = Arc::new(Queue::bounded(1));
        queue.try_put(0).unwrap();
        let mut putters: Vec<_> =
            (0..3).map(|i| Box::pin(Arc::clone(&queue).put_owned(i))).collect();
        for it in &mut putters {
            assert!(poll_once(it.as_mut()).is_pending());
        }
        let leaver = spawn({
            let gone = putters.remove(1);
            move || drop(gone)
        });
        queue.shutdown(Shutdown::Drain);
        leaver.join().unwrap();
        for it in &mut putters {
            assert!(matches!(poll_once(it.as_mut()), Poll::Ready(Err(Closed(_)))));
        }
        assert_eq!((queue.waiters(), queue.statistics().reserved), (0, 0));
    });
}

#[test]
fn a_slot_that_is_owed_is_not_stolen_by_a_newcomer() {
    race(|| {
        let queue = Arc::new(PriorityQueue::bounded(1));
        queue.try_put(0).unwrap();
        let mut first = Box::pin(Arc::clone(&queue).put_owned(1));
        assert!(poll_once(first.as_mut()).is_pending());
        let getter = spawn({
            let queue = Arc::clone(&queue);
            move || assert_eq!(queue.try_get(), Ok(0))
        });
        let newcomer = spawn({
            let queue = Arc::clone(&queue);
            move || {
                assert!(queue.try_put(2).is_err());
                assert!(poll_once(pin!(queue.put(2))).is_pending());
            }
        });
        block_on(first).unwrap();
        getter.join().unwrap();
        newcomer.join().unwrap();
        assert_eq!((queue.try_get(), queue.len(), queue.waiters()), (Ok(1), 0, 0));
    });
}

#[test]
fn what_is_done_before_its_put_returns_counts_as_done() {
    race(|| {
        let queue = Arc::new(Queue::bounded(1));
        let mut take = Box::pin(Arc::clone(&queue).take_owned());
        assert!(poll_once(take.as_mut()).is_pending());
        let putter = spawn({
            let queue = Arc::clone(&queue);
            move || block_on(queue.put(1)).unwrap()
        });
        // Handed over and done, or not looked at and put back.
        let taker = spawn(move || drop(poll_once(take.as_mut())));
        putter.join().unwrap();
        taker.join().unwrap();
        assert_eq!(queue.unfinished(), queue.len());
    });
}
