//! std's heap, with something to wait by: what one writes for want of a priority queue.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::pin::pin;
use std::sync::{Arc, Mutex};

use event_listener::{Event, listener};
use tokio::sync::{Notify, Semaphore};

use super::Contender;
use crate::guarantee::{Guarantee, Who};

/// Smallest first.
struct Heap<W> {
    items: Mutex<BinaryHeap<Reverse<u64>>>,
    wait: W,
}

impl<W> Heap<W> {
    fn new(wait: W) -> Arc<Self> {
        Arc::new(Self { items: Mutex::default(), wait })
    }
    #[inline(always)]
    fn push(&self, item: u64) {
        self.items.lock().expect("nobody panics").push(Reverse(item));
    }
    #[inline(always)]
    fn pop(&self) -> Option<u64> {
        self.items.lock().expect("nobody panics").pop().map(|it| it.0)
    }
}

pub(crate) struct Alone;
pub(crate) struct AndNotify;
pub(crate) struct AndListener;
pub(crate) struct AndSemaphore;

impl Contender for Alone {
    const WHO: Who = Who::peer("heap under std's lock", Guarantee::Physical);
}

impl Contender for AndNotify {
    const WHO: Who = Who::peer("heap + tokio Notify", Guarantee::Unfair)
        .note("no capacity; a newcomer may take the item that a getter was woken for");
}

impl Contender for AndListener {
    const WHO: Who = Who::peer("heap + event-listener", Guarantee::Unfair)
        .note("no capacity; a newcomer may take the item that a getter was woken for");
}

impl Contender for AndSemaphore {
    const WHO: Who = Who::peer("heap + tokio Semaphore", Guarantee::Fifo).note("no capacity");
}

/// Both ends are the heap itself.
pub(crate) struct End<W>(Arc<Heap<W>>);

macro_rules! queue {
    ($name:ident, $wait:ty, $new:expr, $told:expr, $may:expr, $get:expr) => {
        impl super::Queue for $name {
            type Put = End<$wait>;
            type Get = End<$wait>;

            fn bounded(_capacity: usize) -> (Self::Put, Self::Get) {
                let heap = Heap::new($new);
                (End(Arc::clone(&heap)), End(heap))
            }
            #[inline(always)]
            fn try_put(to: &Self::Put, item: u64) -> bool {
                to.0.push(item);
                $told(&to.0.wait);
                true
            }
            #[inline(always)]
            fn try_get(from: &mut Self::Get) -> Option<u64> {
                if $may(&from.0.wait) { from.0.pop() } else { None }
            }
            #[inline(always)]
            async fn put(to: &Self::Put, item: u64) {
                Self::try_put(to, item);
            }
            #[inline(always)]
            async fn get(from: &mut Self::Get) -> u64 {
                $get(&from.0).await
            }
        }

        impl super::Shared for $name {
            fn another_put(to: &Self::Put) -> Self::Put {
                End(Arc::clone(&to.0))
            }
            fn another_get(from: &Self::Get) -> Self::Get {
                End(Arc::clone(&from.0))
            }
        }
    };
}

queue!(Alone, (), (), |_: &()| (), |_: &()| true, by_nothing);
queue!(AndNotify, Notify, Notify::new(), |it: &Notify| it.notify_one(), |_| true, by_notify);
queue!(
    AndListener,
    Event,
    Event::new(),
    |it: &Event| {
        it.notify_additional(1);
    },
    |_| true,
    by_listener
);
queue!(
    AndSemaphore,
    Semaphore,
    Semaphore::new(0),
    |it: &Semaphore| it.add_permits(1),
    may_take,
    by_permit
);

#[inline(always)]
async fn by_nothing(heap: &Heap<()>) -> u64 {
    heap.pop().expect("nobody waits")
}

#[inline(always)]
async fn by_notify(heap: &Heap<Notify>) -> u64 {
    loop {
        if let Some(item) = heap.pop() {
            return item;
        }
        let mut notified = pin!(heap.wait.notified());
        notified.as_mut().enable();
        if let Some(item) = heap.pop() {
            return item;
        }
        notified.await;
    }
}

#[inline(always)]
async fn by_listener(heap: &Heap<Event>) -> u64 {
    loop {
        if let Some(item) = heap.pop() {
            return item;
        }
        listener!(heap.wait => listener);
        if let Some(item) = heap.pop() {
            return item;
        }
        listener.await;
    }
}

#[inline(always)]
async fn by_permit(heap: &Heap<Semaphore>) -> u64 {
    heap.wait.acquire().await.expect("never closed").forget();
    heap.pop().expect("a permit is an item")
}

#[inline(always)]
fn may_take(permits: &Semaphore) -> bool {
    permits.try_acquire().map(|it| it.forget()).is_ok()
}
