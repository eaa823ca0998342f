//! Two tasks wait for an event, which a timer sets: both go on, and neither waits for the other.
//!
//! ```text
//! event start state: false
//! e1 waiting for event
//! e2 waiting for event
//! setting event in callback
//! e1 triggered
//! e2 triggered
//! event end state: true
//! ```

use std::time::Duration;

use tidegate::executor::call_later;
use tidegate::prelude::*;

static EVENT: Event = Event::new();

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    println!("event start state: {}", EVENT.is_set());
    call_later(Duration::from_millis(100), || {
        println!("setting event in callback");
        EVENT.set();
    });
    gather_settled([test("e1"), test("e2")]).await;
    println!("event end state: {}", EVENT.is_set());
}

async fn test(name: &str) {
    println!("{name} waiting for event");
    EVENT.wait().await;
    println!("{name} triggered");
}
