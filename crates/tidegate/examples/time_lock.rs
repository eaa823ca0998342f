//! Ten tasks pass a gate that three of them shut behind themselves.
//!
//! A time lock is for the moment at which a server says "429 Too Many Requests": one answer holds up everybody, for a
//! while. What makes it hard is the end of that while. All who wait are woken, the first of them shuts the gate again,
//! and the others have to notice: here 7, 8 and 9 wait a second time. And one who gives up waiting is to be missed by
//! nobody.
//!
//! ```text
//! 3, 6 and 9 shut it for two seconds
//!    0 s  0 passes [unlocked] 0 waiters
//!    0 s  1 passes [unlocked] 0 waiters
//!    0 s  2 passes [unlocked] 0 waiters
//!    0 s  3 passes [unlocked] 0 waiters
//!    0 s  3 shuts it: Started
//!    1 s  [locked at … for 1.0 s more, 6 waiters, epoch 1]
//!    2 s  4 passes [unlocked] 5 waiters
//!    2 s  5 passes [unlocked] 4 waiters
//!    2 s  6 passes [unlocked] 3 waiters
//!    2 s  6 shuts it: Started
//!    3 s  [locked at … for 1.0 s more, 3 waiters, epoch 2]
//!    4 s  7 passes [unlocked] 2 waiters
//!    4 s  8 passes [unlocked] 1 waiters
//!    4 s  9 passes [unlocked] 0 waiters
//!    4 s  9 shuts it: Started
//!    5 s  [locked at … for 1.0 s more, 0 waiters, epoch 3]
//!    6 s  [unlocked] 0 waiters
//! the first demand holds
//!    0 s  two seconds: Started
//!    0 s  two more: Ignored
//! one of three gives up
//!    0 s  [locked at … for 2.0 s more, 3 waiters, epoch 1]
//!    0 s  [locked at … for 2.0 s more, 2 waiters, epoch 1]
//!    2 s  0 passes [unlocked] 1 waiters
//!    2 s  2 passes [unlocked] 0 waiters
//! ```

use std::time::Duration;

use tidegate::time_lock::{Policy, TimeLock};
use tokio::task::{JoinHandle, JoinSet, yield_now};
use tokio::time::{Instant, sleep};

const TWO_SECONDS: Duration = Duration::from_secs(2);

// On a paused clock: the instants are exact, and the program takes no time. Take `start_paused` away to see it wait.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    println!("3, 6 and 9 shut it for two seconds");
    let scene = Scene::new();
    let mut tasks = JoinSet::new();
    for i in 0..10 {
        let scene = scene.clone();
        tasks.spawn(async move {
            scene.pass(i).await;
            if [3, 6, 9].contains(&i) {
                let shut = scene.gate.lock_for(TWO_SECONDS);
                scene.say(format_args!("{i} shuts it: {:?}", shut.applied));
            }
        });
    }
    for _ in 0..3 {
        sleep(Duration::from_secs(1)).await;
        scene.look();
        sleep(Duration::from_secs(1)).await;
        // Those who wait have timers of their own, for the same instant.
        sleep(Duration::from_millis(1)).await;
    }
    tasks.join_all().await;
    scene.look();

    println!("the first demand holds");
    let scene = Scene::new();
    for demand in ["two seconds", "two more"] {
        // The answer says what came of it. With `Policy::Extend`, which is the default, the longer one would hold.
        let shut = scene.gate.lock_for(TWO_SECONDS);
        scene.say(format_args!("{demand}: {:?}", shut.applied));
    }

    println!("one of three gives up");
    let scene = Scene::new();
    scene.gate.lock_for(TWO_SECONDS);
    let tasks: Vec<JoinHandle<()>> = (0..3)
        .map(|i| {
            let scene = scene.clone();
            tokio::spawn(async move { scene.pass(i).await })
        })
        .collect();
    yield_now().await;
    scene.look();
    tasks[1].abort();
    yield_now().await;
    scene.look();
    for task in tasks {
        let _ = task.await;
    }
}

/// A gate, and a clock that says when something happens at it.
#[derive(Clone)]
struct Scene {
    gate: TimeLock,
    began: Instant,
}

impl Scene {
    fn new() -> Self {
        let gate = TimeLock::builder().policy(Policy::KeepFirst).build();
        Self { gate, began: Instant::now() }
    }

    async fn pass(&self, who: u32) {
        // There is nothing to hold: a pass is leave to go through, once. What became of whoever went is worth a word,
        // though, at a gate that learns.
        let pass = self.gate.acquire().await.expect("nobody closes the gate");
        self.say(format_args!("{who} passes {}", self.gate));
        pass.ok();
    }

    fn look(&self) {
        self.say(format_args!("{}", self.gate));
    }

    fn say(&self, what: std::fmt::Arguments<'_>) {
        println!("{:>4} s  {what}", self.began.elapsed().as_secs());
    }
}
