//! Thousands of scopes that end in every way there is, at any moment: none leaves a context open.
//!
//! A house is a room that four tasks of a group have rooms in, with a room in each of these. Rooms are opened and
//! closed asynchronously, by `with`. Around the house is a timeout; what else may end the house is drawn by lot, and
//! so is what ends the innermost rooms. Whatever it was: a room is closed exactly once, after the rooms inside it, and
//! before the scope around it has returned.
//! Where nothing but scopes drops futures, that happens in the task that opened it.
//!
//! `TIDEGATE_SCOPES` says how many houses (`cargo xtask stress` asks for 16,000), `TIDEGATE_SEED` which.
#![cfg(feature = "full")]

use std::convert::Infallible;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use std::{env, future};

use tidegate::prelude::*;
use tokio::task::{self, yield_now};
use tokio::time::sleep;

const TASKS: usize = 4;
/// How many houses there are at a time.
const LANES: usize = 32;

#[test]
fn a_scope_that_has_returned_has_left_no_context_open_however_it_ended() {
    let scopes = number("TIDEGATE_SCOPES").unwrap_or(1_000);
    let seed = number("TIDEGATE_SEED").unwrap_or(1) as u64;
    let town = Arc::new(Town::default());
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(4).enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let lane = |lane: usize| {
            let town = Arc::clone(&town);
            tokio::spawn(async move {
                for number in (lane..scopes).step_by(LANES) {
                    live(&town, Lot::new(seed, number as u64)).await;
                }
            })
        };
        let lanes: Vec<_> = (0..LANES).map(lane).collect();
        for lane in lanes {
            lane.await.expect("what panics is inside");
        }
    });
    println!("seed {seed}: {town:?}");
    let open: usize = town.open_after.iter().map(|it| it.load(SeqCst)).sum();
    assert_eq!(open, 0, "rooms that were open when their scope had returned");
    assert_eq!(town.too_early.load(SeqCst), 0, "rooms that were closed before those inside them");
    assert_eq!(town.disturbed.load(SeqCst), 0, "exits that a cancellation reached");
    assert_eq!(
        town.elsewhere.load(SeqCst),
        0,
        "exits in another task, though nobody dropped anything"
    );
    assert_eq!(town.never.load(SeqCst), 0, "rooms that were dropped without being closed");
    assert_eq!(town.opened.load(SeqCst), town.closed.load(SeqCst), "each is closed once");
    assert_eq!(Arc::strong_count(&town), 1, "no task is left");
    if scopes >= 1_000 {
        let ends = &town.ends;
        assert!(ends.iter().all(|it| it.load(SeqCst) > scopes / 100), "every end has its part");
    }
}

/// What is counted, over all.
#[derive(Debug, Default)]
struct Town {
    opened: AtomicUsize,
    closed: AtomicUsize,
    /// How many rooms were open then, by [`End`].
    open_after: [AtomicUsize; 6],
    too_early: AtomicUsize,
    disturbed: AtomicUsize,
    elsewhere: AtomicUsize,
    never: AtomicUsize,
    /// How many houses ended so, by [`End`].
    ends: [AtomicUsize; 6],
}

/// How a house ended.
#[derive(Clone, Copy, Debug)]
enum End {
    Value,
    Error,
    Panic,
    Timeout,
    Cancel,
    Drop,
}

/// Builds a house, ends it as the lot has it or when its time is over, and looks whether anything is open.
async fn live(town: &Arc<Town>, mut lot: Lot) {
    let (plan, pace) = (lot.plan(), lot.pace());
    let in_time = matches!(plan, End::Timeout) || lot.below(2) == 0;
    let time = if in_time { lot.millis() } else { Duration::from_secs(3_600) };
    let is_tame = !matches!(plan, End::Drop) && lot.below(2) == 0;
    let scope = Arc::new(Space::new(town, None, is_tame));
    let house = house(Arc::clone(&scope), lot.fork(), plan);
    let life = async move {
        match plan {
            End::Value | End::Error | End::Panic | End::Timeout => ended(house.await),
            End::Cancel => {
                let cancelled = cancel_scope(async |scope| {
                    let scope = scope.clone();
                    tokio::spawn(async move {
                        pace.pass().await;
                        scope.cancel("enough");
                    });
                    house.await
                });
                cancelled.await.map_or(End::Cancel, ended)
            }
            End::Drop => {
                tokio::select! {
                    it = house => ended(it),
                    () = pace.pass() => End::Drop,
                }
            }
        }
    };
    // In a task of its own, for a panic comes out of it.
    let end = match tokio::spawn(timeout(time, life)).await {
        Ok(Ok(end)) => end,
        Ok(Err(_)) => End::Timeout,
        Err(error) => {
            assert!(error.is_panic(), "nobody aborts it");
            End::Panic
        }
    };
    town.open_after[end as usize].fetch_add(scope.inside.load(SeqCst), SeqCst);
    town.ends[end as usize].fetch_add(1, SeqCst);
}

fn ended(it: Result<(), BoxError>) -> End {
    it.map_or(End::Error, |()| End::Value)
}

/// A room, in which tasks of a group have rooms, in which there is one more.
async fn house(scope: Arc<Space>, mut lot: Lot, plan: End) -> Result<(), BoxError> {
    with(Room::new(&scope, &mut lot), async move |hall: &mut Opened| {
        let hall = Arc::clone(&hall.space);
        let culprit = lot.below(TASKS + 1);
        let group = TaskGroup::<BoxError>::scope(|group| async move {
            for number in 0..TASKS {
                let (hall, lot) = (Arc::clone(&hall), lot.fork());
                let plan = if number == culprit { plan } else { End::Value };
                group.spawn(room_in_room(hall, lot, plan));
            }
            if culprit == TASKS { fate(plan, lot.pace()).await } else { Ok(()) }
        });
        Ok(group.await?)
    })
    .await
}

async fn room_in_room(hall: Arc<Space>, mut lot: Lot, plan: End) -> Result<(), BoxError> {
    with(Room::new(&hall, &mut lot), async move |room: &mut Opened| {
        let space = Arc::clone(&room.space);
        let pace = lot.pace();
        let innermost =
            with(Room::new(&space, &mut lot), async move |_: &mut Opened| fate(plan, pace).await);
        let (patience, after) = (lot.pace(), lot.millis());
        let result = match lot.below(3) {
            0 => innermost.await,
            _ if space.is_tame || lot.below(2) == 0 => {
                timeout(after, innermost).await.unwrap_or(Ok(()))
            }
            _ => tokio::select! {
                it = innermost => it,
                () = patience.pass() => Ok(()),
            },
        };
        lot.pace().pass().await;
        result
    })
    .await
}

/// What happens in the end, after a while.
async fn fate(plan: End, pace: Pace) -> Result<(), BoxError> {
    pace.pass().await;
    match plan {
        End::Value => Ok(()),
        End::Error => Err("it fails".into()),
        // Without the panic's hook: thousands of messages tell nothing.
        End::Panic => resume_unwind(Box::new("it panics")),
        End::Timeout | End::Cancel | End::Drop => future::pending().await,
    }
}

/// Counts the rooms that are open inside, at any depth.
struct Space {
    inside: AtomicUsize,
    around: Option<Arc<Space>>,
    town: Arc<Town>,
    /// Nothing but a scope drops a future in here.
    is_tame: bool,
}

impl Space {
    fn new(town: &Arc<Town>, around: Option<&Arc<Self>>, is_tame: bool) -> Self {
        let (inside, around, town) = (AtomicUsize::new(0), around.cloned(), Arc::clone(town));
        Self { inside, around, town, is_tame }
    }

    fn all_around(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(self.around.as_deref(), |it| it.around.as_deref())
    }
}

/// Opens asynchronously, and closes so.
struct Room {
    space: Arc<Space>,
    opening: Pace,
    closing: Pace,
}

struct Opened {
    space: Arc<Space>,
    closing: Pace,
    task: task::Id,
    is_closed: bool,
}

impl Room {
    fn new(around: &Arc<Space>, lot: &mut Lot) -> Self {
        let space = Arc::new(Space::new(&around.town, Some(around), around.is_tame));
        Self { space, opening: lot.pace(), closing: lot.pace() }
    }
}

impl AsyncContext for Room {
    type Guard = Opened;
    type Error = Infallible;

    async fn enter(self) -> Result<Opened, Infallible> {
        self.opening.pass().await;
        for around in self.space.all_around() {
            around.inside.fetch_add(1, SeqCst);
        }
        self.space.town.opened.fetch_add(1, SeqCst);
        Ok(Opened { space: self.space, closing: self.closing, task: task::id(), is_closed: false })
    }

    async fn exit(mut room: Opened, _why: Exit) -> Result<(), Infallible> {
        let town = Arc::clone(&room.space.town);
        town.too_early.fetch_add(room.space.inside.load(SeqCst), SeqCst);
        room.closing.pass().await;
        let moved = room.space.is_tame && task::id() != room.task;
        town.elsewhere.fetch_add(usize::from(moved), SeqCst);
        town.disturbed.fetch_add(usize::from(checkpoint().is_err()), SeqCst);
        room.is_closed = true;
        town.closed.fetch_add(1, SeqCst);
        for around in room.space.all_around() {
            around.inside.fetch_sub(1, SeqCst);
        }
        Ok(())
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.space.town.never.fetch_add(usize::from(!self.is_closed), SeqCst);
    }
}

/// How long something takes.
#[derive(Clone, Copy)]
enum Pace {
    Turns(usize),
    Millis(u64),
}

impl Pace {
    async fn pass(self) {
        match self {
            Self::Turns(turns) => {
                for _ in 0..turns {
                    yield_now().await;
                }
            }
            Self::Millis(millis) => sleep(Duration::from_millis(millis)).await,
        }
    }
}

/// Random numbers, the same for the same seed (SplitMix64).
struct Lot(u64);

impl Lot {
    fn new(seed: u64, number: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ number)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let it = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let it = (it ^ (it >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        it ^ (it >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn fork(&mut self) -> Self {
        Self(self.next())
    }

    fn millis(&mut self) -> Duration {
        Duration::from_millis(self.below(6) as u64)
    }

    fn pace(&mut self) -> Pace {
        match self.below(4) {
            0 => Pace::Millis(self.below(3) as u64),
            1 => Pace::Turns(0),
            _ => Pace::Turns(self.below(12)),
        }
    }

    fn plan(&mut self) -> End {
        [End::Value, End::Error, End::Panic, End::Timeout, End::Cancel, End::Drop][self.below(6)]
    }
}

fn number(name: &str) -> Option<usize> {
    env::var(name).ok()?.parse().ok()
}
