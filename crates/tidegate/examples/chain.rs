//! Functions that wait for each other, and pass results on.
//!
//! `.await` is all it takes: a call is a future, and nothing runs until somebody awaits it.
//!
//! ```text
//! waiting for chain1
//! in chain1
//! waiting for chain2
//! in chain2
//! return value: ("result1", "Derived from result1")
//! ```

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let value = both().await;
    println!("return value: {value:?}");
}

async fn both() -> (&'static str, String) {
    println!("waiting for chain1");
    let result1 = chain1().await;
    println!("waiting for chain2");
    let result2 = chain2(result1).await;
    (result1, result2)
}

async fn chain1() -> &'static str {
    println!("in chain1");
    "result1"
}

async fn chain2(from: &str) -> String {
    println!("in chain2");
    format!("Derived from {from}")
}
