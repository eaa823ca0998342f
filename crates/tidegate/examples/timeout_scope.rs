//! Two requests share nine seconds.
//!
//! A client that gives each request nine seconds gives two of them eighteen. Whoever wants an answer within nine
//! has to say so once, around both: a timeout is a scope, and what is called inside need not know of it.
//!
//! ```text
//! 8 s and 8 s, nine seconds each
//!    0 s  first: 9 s left
//!    8 s  second: 9 s left
//!   16 s  done, and late
//! 5 s and 8 s, nine seconds for both
//!    0 s  first: 9 s left
//!    5 s  second: 4 s left
//!    9 s  `both` timed out after 9s
//! 4 s and 4 s, nine seconds for both
//!    0 s  first: 9 s left
//!    4 s  second: 5 s left
//!    8 s  done
//! 5 s and 8 s, and the first answer asks for patience
//!    0 s  first: 9 s left
//!    5 s  second: 10 s left
//!   13 s  done
//! 5 s and 8 s, and somebody else gets impatient
//!    0 s  first: 9 s left
//!    5 s  second: 4 s left
//!    6 s  `both` timed out after 6s
//! ```

use std::time::Duration;

use tidegate::prelude::*;
use tidegate::timeout::current_scope;
use tokio::time::{Instant, sleep};

const NINE: Duration = Duration::from_secs(9);

// The clock is paused: when everybody waits, it jumps to whoever is next. So the program takes no time, and its
// instants are exact. Take `start_paused` away to see it wait.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    println!("8 s and 8 s, nine seconds each");
    let watch = Watch::start();
    for name in ["first", "second"] {
        timeout(NINE, watch.request(name, 8)).await.expect("each is in time");
    }
    watch.say("done, and late");

    println!("5 s and 8 s, nine seconds for both");
    let watch = Watch::start();
    watch.end(timeout(NINE, watch.both(5, 8)).named("both").await);

    println!("4 s and 4 s, nine seconds for both");
    let watch = Watch::start();
    watch.end(timeout(NINE, watch.both(4, 4)).named("both").await);

    println!("5 s and 8 s, and the first answer asks for patience");
    let watch = Watch::start();
    let patient = timeout(NINE, async {
        watch.request("first", 5).await;
        let scope = current_scope().expect("the timeout is around");
        scope.reschedule(Deadline::after(Duration::from_secs(10)));
        watch.request("second", 8).await;
    });
    watch.end(patient.named("both").await);

    println!("5 s and 8 s, and somebody else gets impatient");
    let watch = Watch::start();
    let impatient = timeout(NINE, watch.both(5, 8)).named("both");
    let handle = impatient.handle();
    let somebody_else = async {
        sleep(Duration::from_secs(6)).await;
        handle.reschedule(Deadline::after(Duration::ZERO));
    };
    let (ended, ()) = tokio::join!(impatient, somebody_else);
    watch.end(ended);
}

/// Says what happens, and when.
struct Watch(Instant);

impl Watch {
    fn start() -> Self {
        Self(Instant::now())
    }

    /// One request after the other, within whatever time there is.
    async fn both(&self, first: u64, second: u64) {
        self.request("first", first).await;
        self.request("second", second).await;
    }

    /// A request that takes so many seconds. It has no parameter for a timeout, and can still tell its server by
    /// when the answer is of use.
    async fn request(&self, name: &str, takes: u64) {
        let left = Deadline::ambient().remaining().expect("there is a timeout around");
        self.say(&format!("{name}: {} s left", left.as_secs_f64()));
        sleep(Duration::from_secs(takes)).await;
    }

    fn end(&self, ended: Result<(), Elapsed>) {
        match ended {
            Ok(()) => self.say("done"),
            // The error knows where it was made, too; `{elapsed}` says all of it.
            Err(elapsed) => self.say(&format!(
                "`{}` timed out after {:?}",
                elapsed.name().unwrap_or_default(),
                elapsed.after()
            )),
        }
    }

    fn say(&self, what: &str) {
        println!("{:>4} s  {what}", self.0.elapsed().as_secs_f64());
    }
}
