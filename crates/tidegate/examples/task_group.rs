//! A kitchen takes orders, and each is cooked by a task of its own.
//!
//! With `tokio::spawn` nobody would wait for these tasks, and nobody would hear that one has failed. In a group the
//! kitchen returns when the last of them has ended. The first that fails ends the rest, however long they take to
//! clean up, and every error is reported with the task that it came from.
//!
//! ```text
//! soup and rice
//!    0 s  soup: on the stove
//!    1 s  rice: on the stove
//!    2 s  rice: served
//!    4 s  soup: served
//!    4 s  2 orders
//!
//! rice for a time that nobody can read
//!    0 s  soup: on the stove
//!    1 s  souffle: on the stove
//!    3 s  souffle: taken off, it has collapsed
//!    4 s  soup: taken off, a sibling failed
//!    4 s  task group `kitchen` failed (2 errors): invalid digit found in string; it has collapsed
//!         orders that nobody can read: 1
//!         and task group `kitchen` failed (1 error): it has collapsed
//!
//! the kitchen is on fire
//!    0 s  souffle: on the stove
//!    2 s  souffle: taken off, it has collapsed
//!    2 s  task group `kitchen` failed (2 errors): it has collapsed; there is a fire
//!
//! a menu, which is a group in the group
//!    0 s  souffle: on the stove
//!    1 s  rice: on the stove
//!    3 s  rice: taken off, a sibling failed
//!    6 s  souffle: taken off, it has collapsed
//! task group `kitchen` failed (2 errors)
//! ├─ [menu: rice 9, tea ?] task group `menu` failed (1 error)
//! │  └─ [tea ?] invalid digit found in string (at …)
//! └─ [souffle 9] it has collapsed (at …)
//!
//! closing time
//!    0 s  soup: on the stove
//!    4 s  soup: taken off, the deadline passed
//!    4 s  `closing time` timed out after 2s
//!
//! closing time, and a souffle
//!    0 s  souffle: on the stove
//!    4 s  souffle: taken off, it has collapsed
//!    4 s  task group `kitchen` failed (1 error): it has collapsed
//!    4 s  `closing time` timed out after 2s
//!
//! a crab
//!    0 s  soup: on the stove
//!    1 s  crab: on the stove
//!    2 s  soup: taken off, a sibling failed
//!    2 s  a panic: it bites
//! ```

use std::num::ParseIntError;
use std::time::Duration;

use tidegate::prelude::*;
use tidegate::timeout::cancelled;
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

// The clock is paused: when everybody waits, it jumps to whoever is next. So the program takes no time, and its
// instants are exact. Take `start_paused` away to see it wait.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    println!("soup and rice");
    let watch = Watch::start();
    watch.end(evening(watch, vec!["soup 4", "rice 1"]).await);

    println!("\nrice for a time that nobody can read");
    let watch = Watch::start();
    let errors = evening(watch, vec!["soup 9", "souffle 9", "rice ?"]).await.unwrap_err();
    watch.say(&errors.to_string());
    // Python's `except*`: one kind is dealt with, and the rest goes on.
    let rest = errors.except::<ParseIntError>(|errors| {
        println!("        orders that nobody can read: {}", errors.len());
    });
    println!("        and {}", rest.unwrap_err());

    println!("\nthe kitchen is on fire");
    let watch = Watch::start();
    watch.end(evening(watch, vec!["souffle 9", "fire"]).await);

    println!("\na menu, which is a group in the group");
    let watch = Watch::start();
    let errors = evening(watch, vec!["souffle 9", "menu: rice 9, tea ?"]).await.unwrap_err();
    println!("{errors:?}");

    for (title, order) in [("closing time", "soup 9"), ("closing time, and a souffle", "souffle 9")]
    {
        println!("\n{title}");
        let watch = Watch::start();
        let work = async {
            // What ended the kitchen from outside is not among its errors, and nobody in here can catch it. The
            // errors come first, and the next await is the last.
            watch.end(evening(watch, vec![order]).await);
            sleep(SECOND).await;
            unreachable!("it is closed");
        };
        let elapsed: Elapsed = timeout(2 * SECOND, work).named("closing time").await.unwrap_err();
        let name = elapsed.name().unwrap_or_default();
        watch.say(&format!("`{name}` timed out after {:?}", elapsed.after()));
    }

    println!("\na crab");
    let watch = Watch::start();
    let panic = tokio::spawn(evening(watch, vec!["soup 9", "crab 9"])).await.unwrap_err();
    let panic = panic.into_panic();
    watch.say(&format!("a panic: {}", panic.downcast_ref::<&str>().unwrap_or(&"…")));
}

/// Guests who order one dish a second, and the kitchen. Gives the number of orders.
async fn evening(watch: Watch, orders: Vec<&'static str>) -> Result<usize, ErrorGroup> {
    let queue = Queue::unbounded();
    let guests = async {
        for order in orders {
            queue.put(order).await.expect("the kitchen takes orders");
            sleep(SECOND).await;
        }
        queue.shutdown(Shutdown::Drain);
    };
    let (served, ()) = tokio::join!(kitchen(watch, &queue), guests);
    served
}

/// Has every order cooked by a task of its own, until there are no more.
async fn kitchen(watch: Watch, orders: &Queue<&'static str>) -> Result<usize, ErrorGroup> {
    let kitchen = TaskGroup::builder().name("kitchen");
    kitchen
        .scope(async |group: TaskGroup| {
            let mut taken = 0;
            while let Ok(order) = orders.get().await {
                match (order, order.strip_prefix("menu: ")) {
                    ("fire", _) => return Err("there is a fire".into()),
                    (_, Some(dishes)) => group.task(order).spawn(menu(watch, dishes)),
                    (_, None) => group.task(order).spawn(cook(watch, order)),
                };
                taken += 1;
            }
            Ok(taken)
        })
        .await
}

/// Cooks several dishes at once; all of them, or none.
async fn menu(watch: Watch, dishes: &'static str) -> Result<(), BoxError> {
    let menu = TaskGroup::builder().name("menu");
    menu.scope(async |group: TaskGroup| {
        for dish in dishes.split(", ") {
            group.task(dish).spawn(cook(watch, dish));
            sleep(SECOND).await;
        }
        Ok(())
    })
    .await?;
    Ok(())
}

/// Cooks one dish; `soup 3` takes three seconds.
async fn cook(watch: Watch, order: &'static str) -> Result<(), BoxError> {
    let (dish, seconds) = order.split_once(' ').ok_or("an order is a dish and a time")?;
    let time = Duration::from_secs(seconds.parse()?);
    with(Stove { dish, watch, since: Instant::now() }, async |_| {
        watch.say(&format!("{dish}: on the stove"));
        match dish {
            "crab" => panic!("it bites"),
            // One that has something to say when it is cut off: it fails.
            "souffle" => tokio::select! {
                () = sleep(time) => Ok(()),
                _ = cancelled() => Err("it has collapsed".into()),
            },
            _ => {
                sleep(time).await;
                Ok(())
            }
        }
    })
    .await
}

/// What is on the stove is served, or else taken off and left to cool: for as long as it was on.
struct Stove {
    dish: &'static str,
    watch: Watch,
    since: Instant,
}

impl AsyncContext for Stove {
    type Guard = Self;
    type Error = BoxError;

    async fn enter(self) -> Result<Self, BoxError> {
        Ok(self)
    }

    async fn exit(Self { dish, watch, since }: Self, why: Exit) -> Result<(), BoxError> {
        let why = match why {
            Exit::Ok => {
                watch.say(&format!("{dish}: served"));
                return Ok(());
            }
            // Back into the sea, and not a word.
            Exit::Panic(_) => return Ok(()),
            Exit::Err(error) => error,
            Exit::Cancelled(reason) => reason.to_string(),
            Exit::Dropped => "dropped".to_owned(),
        };
        sleep(since.elapsed()).await;
        watch.say(&format!("{dish}: taken off, {why}"));
        Ok(())
    }
}

/// Says what happens, and when.
#[derive(Clone, Copy)]
struct Watch(Instant);

impl Watch {
    fn start() -> Self {
        Self(Instant::now())
    }

    fn end(&self, ended: Result<usize, ErrorGroup>) {
        match ended {
            Ok(orders) => self.say(&format!("{orders} orders")),
            Err(errors) => self.say(&errors.to_string()),
        }
    }

    fn say(&self, what: &str) {
        println!("{:>4} s  {what}", self.0.elapsed().as_secs_f64());
    }
}
