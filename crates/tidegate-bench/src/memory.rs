//! What the primitives and their futures weigh, and what a waiter has on the heap besides.

use std::alloc::System;
use std::env;
use std::future::pending;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use stats_alloc::{Region, StatsAlloc};

use crate::contenders::{
    Barrier, Event, Group, Lock, RwLock, Semaphore, Supervisor, Timeout, barriers, events, groups,
    locks, rw_locks, semaphores, supervisors, timeouts,
};
use crate::measure::{Entry, Outcome};
use crate::poll::{now, poll};
use crate::stage::{On, Stage};

/// One contender's weight, in bytes.
pub(crate) struct Weight {
    pub(crate) kind: String,
    pub(crate) who: String,
    pub(crate) primitive: f64,
    pub(crate) future: f64,
    pub(crate) heap: f64,
    pub(crate) allocations: f64,
}

/// Asks the program that counts, which lies beside this one. Nothing if it is not there.
pub(crate) fn ask() -> Vec<Weight> {
    let beside = env::current_exe().ok().map(|it| it.with_file_name("tidegate-bench-memory"));
    let Some(ran) = beside.and_then(|it| Command::new(it).output().ok()) else {
        return Vec::new();
    };
    String::from_utf8_lossy(&ran.stdout).lines().filter_map(Weight::parse).collect()
}

impl Weight {
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split('\t');
        let (kind, who) = (fields.next()?.to_owned(), fields.next()?.to_owned());
        let mut number = || fields.next()?.parse().ok();
        Some(Self {
            kind,
            who,
            primitive: number()?,
            future: number()?,
            heap: number()?,
            allocations: number()?,
        })
    }
}

/// How many wait.
const WAITERS: usize = 1_000;

/// How many children a group has at a time, and a supervisor in all.
const CHILDREN: u64 = 1_000;
const SUPERVISED: u64 = 1_000_000;

/// The program that counts: `heap` is its global allocator.
pub fn main(heap: &'static StatsAlloc<System>) {
    weigh("lock", locks!(T => move |_, _| lock::<T>(heap)));
    weigh("rw-lock (write)", rw_locks!(T => move |_, _| rw_lock::<T>(heap)));
    weigh("semaphore", semaphores!(T => move |_, _| semaphore::<T>(heap)));
    weigh("event", events!(T => move |_, _| event::<T>(heap)));
    let mut barriers = barriers!(T => move |_, _| barrier::<T>(heap));
    barriers.retain(|it| it.who.parties > WAITERS as u64);
    weigh("barrier", barriers);
    weigh("timeout", timeouts!(T => move |stage, _| timeout::<T>(stage, heap)));
    weigh("child, ready at once", groups!(T => move |stage, _| child::<T>(stage, heap)));
    weigh(
        "1,000,000 supervised children beyond the first 2,000, all together",
        supervisors!(T => move |stage, _| supervised::<T>(stage, heap)),
    );
}

/// One line for each entry, whose run has printed its own figures behind the name.
fn weigh(kind: &str, entries: Vec<Entry>) {
    for entry in entries {
        print!("{kind}\t{}", entry.who.name);
        entry.run(&Stage::default(), 1);
    }
}

fn lock<L: Lock>(heap: &StatsAlloc<System>) -> Outcome {
    let lock = L::new();
    let _held = now(lock.lock());
    parked::<L, _>(heap, || lock.lock())
}

fn rw_lock<L: RwLock>(heap: &StatsAlloc<System>) -> Outcome {
    let lock = L::new();
    let _held = now(lock.read());
    parked::<L, _>(heap, || lock.write())
}

fn semaphore<S: Semaphore>(heap: &StatsAlloc<System>) -> Outcome {
    let semaphore = S::new(1);
    let _held = now(semaphore.acquire());
    parked::<S, _>(heap, || semaphore.acquire())
}

fn event<E: Event>(heap: &StatsAlloc<System>) -> Outcome {
    let event = E::new();
    parked::<E, _>(heap, || event.wait())
}

fn barrier<B: Barrier>(heap: &StatsAlloc<System>) -> Outcome {
    let barrier = B::new(WAITERS + 1);
    parked::<B, _>(heap, || barrier.wait())
}

fn timeout<T: Timeout>(stage: &Stage, heap: &StatsAlloc<System>) -> Outcome {
    let _inside = stage.runtime(On::Current).enter();
    parked::<T, _>(heap, || T::timeout(Duration::from_secs(60), pending::<()>()))
}

/// What a child takes from the heap, all that is given back included.
fn child<G: Group>(stage: &Stage, heap: &StatsAlloc<System>) -> Outcome {
    stage.runtime(On::Current).block_on(async {
        let region = Region::new(heap);
        G::run(CHILDREN, || async {}).await;
        let change = region.change();
        let each = |it: usize| it as f64 / CHILDREN as f64;
        let allocations = change.allocations + change.reallocations;
        println!("\t0\t0\t{:.1}\t{:.3}", each(change.bytes_allocated), each(allocations));
        Outcome::Was(each(allocations))
    })
}

/// How much more memory is in use after many children have come and gone than after a few.
fn supervised<S: Supervisor>(stage: &Stage, heap: &StatsAlloc<System>) -> Outcome {
    stage.runtime(On::Current).block_on(async {
        let (ended, mut spawned) = (Arc::new(AtomicU64::new(0)), 0);
        let times = 2 + SUPERVISED / CHILDREN;
        let in_use = Mutex::new(Vec::with_capacity(times as usize));
        let task = || {
            let ended = Arc::clone(&ended);
            async move {
                ended.fetch_add(1, Ordering::Relaxed);
            }
        };
        S::serve(times, CHILDREN, task, || {
            spawned += CHILDREN;
            let (ended, spawned, in_use) = (&ended, spawned, &in_use);
            async move {
                while ended.load(Ordering::Relaxed) < spawned {
                    tokio::task::yield_now().await;
                }
                let stats = heap.stats();
                let bytes = stats.bytes_allocated as isize - stats.bytes_deallocated as isize;
                in_use.lock().push(bytes);
            }
        })
        .await;
        let in_use = in_use.into_inner();
        let grown = in_use[in_use.len() - 1] - in_use[1];
        println!("\t0\t0\t{grown}\t0");
        Outcome::Was(grown as f64)
    })
}

/// Parks waiters and prints what that took from the heap.
fn parked<T, F: Future>(heap: &StatsAlloc<System>, wait: impl Fn() -> F) -> Outcome {
    let mut waits: Vec<_> = (0..WAITERS).map(|_| Box::pin(wait())).collect();
    let region = Region::new(heap);
    for wait in &mut waits {
        assert!(poll(wait.as_mut()).is_pending());
    }
    let change = region.change();
    let bytes = change.bytes_allocated as isize - change.bytes_deallocated as isize;
    let each = |it: f64| it / WAITERS as f64;
    println!(
        "\t{}\t{}\t{:.1}\t{:.2}",
        size_of::<T>(),
        size_of::<F>(),
        each(bytes as f64),
        each((change.allocations + change.reallocations) as f64),
    );
    Outcome::Was(each(bytes as f64))
}
