use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidegate_executor::process::{ProcessError, ProcessFn, ProcessPool, Registry, StartError};
use tidegate_executor::process_fn;
use tidegate_timeout::timeout;

use crate::support::{add, alone, file, kill, pool, process_id, quiet, until};

#[derive(Serialize, Deserialize, PartialEq, Debug, Clone)]
struct Shape {
    name: String,
    sides: Vec<(f64, f64)>,
    tags: HashMap<String, Option<i8>>,
}

process_fn! {
    fn grown(shape: Shape, by: f64) -> Result<Shape, String> {
        if by < 0.0 { return Err(format!("{} cannot shrink", shape.name)) }
        let sides = shape.sides.iter().map(|(x, y)| (x * by, y * by)).collect();
        Ok(Shape { sides, ..shape })
    }
}
process_fn! { fn echo(bytes: Vec<u8>) -> Vec<u8> { bytes } }
process_fn! { fn zeroes(length: usize) -> Vec<u8> { vec![0; length] } }
process_fn! {
    fn chatter(lines: u32) -> u32 {
        use std::io::Write;
        let mut out = std::io::stdout().lock();
        for n in 0..lines { writeln!(out, "TG\u{5}\0 line {n}").unwrap(); }
        out.flush().unwrap();
        lines
    }
}
process_fn! {
    fn read_all() -> String {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut std::io::stdin(), &mut text).unwrap();
        text
    }
}
process_fn! {
    fn nested() -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let built = runtime.block_on(ProcessPool::builder().args(["x"]).build());
        format!("{:?}", built.map(drop))
    }
}
process_fn! { fn variable(name: String) -> Option<String> { std::env::var(name).ok() } }
process_fn! { fn stat() -> String { std::fs::read_to_string("/proc/self/stat").unwrap() } }

#[tokio::test]
async fn a_function_runs_in_another_process() {
    let pool = pool(1).await;
    assert_eq!(pool.run(add, (1, 2)).await, Ok(3));
    assert_ne!(pool.run(process_id, ()).await.unwrap(), std::process::id());
    assert_eq!(pool.worker_ids(), [pool.run(process_id, ()).await.unwrap()]);
}

#[tokio::test]
async fn arguments_and_results_are_any_that_serde_knows() {
    let pool = pool(1).await;
    let shape = Shape {
        name: "a".into(),
        sides: vec![(1.0, 2.5)],
        tags: HashMap::from([("x".into(), None), ("y".into(), Some(-1))]),
    };
    let grown_by = |by| pool.run(grown, (shape.clone(), by));
    assert_eq!(grown_by(2.0).await.unwrap().unwrap().sides, [(2.0, 5.0)]);
    assert_eq!(grown_by(-1.0).await.unwrap().unwrap_err(), "a cannot shrink");
    assert_eq!(grown_by(1.0).await.unwrap().unwrap(), shape);
}

#[test]
fn a_function_can_be_called_in_this_process_too() {
    assert_eq!(add::call((2, 2)), 4);
    assert_eq!(add::NAME, "process::support::add");
}

#[tokio::test]
async fn bytes_arrive_as_they_were_however_many() {
    let pool = pool(1).await;
    for length in [0, 1, 15, 16, 17, 65_535, 65_536, 65_537, 300_000, 3 << 20] {
        let bytes: Vec<u8> = (0..length).map(|n: usize| (n * 7 + n / 256) as u8).collect();
        assert!(pool.run(echo, (bytes.clone(),)).await.unwrap() == bytes, "{length} bytes");
    }
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_the_worker_lives() {
    let limit = 64 << 10;
    let pool = quiet(1).max_frame(limit).build().await.unwrap();
    let id = pool.run(process_id, ()).await.unwrap();

    let arguments = pool.run(echo, (vec![0; limit],)).await.unwrap_err();
    assert!(
        matches!(arguments, ProcessError::TooLarge { size, .. } if size > 64 << 10),
        "{arguments}"
    );
    let result = pool.run(zeroes, (limit,)).await.unwrap_err();
    assert!(
        matches!(result, ProcessError::TooLarge { size: 65_539, limit: 65_536, .. }),
        "{result:?}"
    );
    assert_eq!(pool.run(zeroes, (limit - 3,)).await.unwrap().len(), limit - 3);

    assert_eq!(pool.run(process_id, ()).await, Ok(id));
}

#[tokio::test]
async fn standard_output_is_no_part_of_it() {
    let pool = pool(1).await;
    assert_eq!(pool.run(chatter, (20_000,)).await, Ok(20_000));
    assert_eq!(pool.run(add, (1, 1)).await, Ok(2));
}

/// What `process_test_entry` has workers begin with.
const ENTRY: [&str; 3] = ["tidegate_worker_entry", "--exact", "--nocapture"];
process_fn! { fn say(what: String) { print!("{what}"); eprint!("{what}") } }

#[tokio::test]
async fn what_is_printed_is_there_when_the_call_is_over_if_it_is_wanted() {
    let path = file("said");
    let name = "calls::what_is_printed_is_there_when_the_call_is_over_if_it_is_wanted";
    let into = std::fs::OpenOptions::new().create(true).append(true).open(&path).unwrap();
    let errors = into.try_clone().unwrap();
    if alone(name, |alone| _ = alone.stdout(into).stderr(errors)) {
        for wanted in [false, true] {
            let pool = ProcessPool::builder().workers(1).args(ENTRY);
            let pool = pool.forward_stdout(wanted).forward_stderr(wanted).build().await.unwrap();
            pool.run(say, (format!("said: {wanted}."),)).await.unwrap();
            // Without another word: it ends without its buffers.
            kill(pool.worker_ids()[0]);
            pool.shutdown(Duration::MAX).await;
        }
        return;
    }
    let said = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(said.matches("said: true.").count(), 2, "{said}");
    assert_eq!(said.matches("said: false.").count(), 0, "{said}");
}

#[tokio::test]
async fn the_worker_that_had_the_last_call_has_the_next() {
    let pool = pool(2).await;
    tokio::join!(pool.run(add, (1, 2)), pool.run(add, (1, 2))).0.unwrap();
    let last = pool.run(process_id, ()).await.unwrap();
    for _ in 0..5 {
        assert_eq!(pool.run(process_id, ()).await, Ok(last));
    }
    assert_eq!(pool.statistics().idle, 2);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_worker_goes_first_when_memory_runs_out() {
    process_fn! { fn badness() -> String { std::fs::read_to_string("/proc/self/oom_score_adj").unwrap() } }
    assert_eq!(pool(1).await.run(badness, ()).await.as_deref(), Ok("500\n"));
}

#[tokio::test]
async fn standard_input_is_empty() {
    let pool = pool(1).await;
    assert_eq!(pool.run(read_all, ()).await.as_deref(), Ok(""));
    assert_eq!(pool.run(add, (1, 1)).await, Ok(2));
}

#[tokio::test]
async fn a_worker_has_no_pool_of_its_own() {
    let pool = pool(1).await;
    assert_eq!(pool.run(nested, ()).await, Ok(format!("{:?}", Err::<(), _>(StartError::Nested))));
    assert_eq!(pool.run(add, (1, 1)).await, Ok(2));
}

#[tokio::test]
async fn a_worker_has_the_environment_and_what_is_added() {
    let pool = quiet(1).env("TIDEGATE_TEST", "x y").build().await.unwrap();
    assert_eq!(
        pool.run(variable, ("TIDEGATE_TEST".into(),)).await.unwrap().as_deref(),
        Some("x y")
    );
    assert_eq!(pool.run(variable, ("PATH".into(),)).await.unwrap(), std::env::var("PATH").ok());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_worker_leads_a_process_group() {
    let pool = pool(1).await;
    let id = pool.run(process_id, ()).await.unwrap();
    let line = pool.run(stat, ()).await.unwrap();
    let group = line.rsplit(')').next().unwrap().split_whitespace().nth(2).unwrap().to_owned();
    assert_eq!(group, id.to_string());
}

#[tokio::test]
async fn a_worker_is_replaced_after_its_share_of_calls() {
    let pool = quiet(1).max_tasks_per_child(2).build().await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..6 {
        ids.push(pool.run(process_id, ()).await.unwrap());
    }
    let [a, b, c, d, e, f] = ids[..] else { unreachable!() };
    assert!(a == b && c == d && e == f && a != c && c != e && a != e, "{ids:?}");
    until(|| pool.statistics().workers == 0).await;
    assert_eq!(pool.statistics().started, 3);
}

#[tokio::test]
async fn there_are_never_more_processes_than_workers() {
    let pool = Arc::new(quiet(2).max_tasks_per_child(3).build().await.unwrap());
    let calls = (0..40).map(|n| {
        tokio::spawn({
            let pool = Arc::clone(&pool);
            async move {
                assert!(pool.statistics().workers <= 2);
                pool.run(add, (n, 1)).await
            }
        })
    });
    for (n, call) in calls.collect::<Vec<_>>().into_iter().enumerate() {
        assert_eq!(call.await.unwrap(), Ok(n as u64 + 1));
        assert!(pool.statistics().workers <= 2);
    }
}

#[tokio::test]
async fn calls_run_beside_each_other() {
    process_fn! {
        fn meet(mine: String, theirs: String) {
            std::fs::write(mine, "").unwrap();
            while !std::path::Path::new(&theirs).exists() { std::thread::yield_now() }
        }
    }
    let pool = pool(2).await;
    let (a, b) = (file("a"), file("b"));
    let both = tokio::join!(
        pool.run(meet, (a.clone(), b.clone())),
        pool.run(meet, (b.clone(), a.clone())),
    );
    assert_eq!(both, (Ok(()), Ok(())));
    for path in [a, b] {
        std::fs::remove_file(path).unwrap();
    }
}

#[tokio::test]
async fn calls_are_served_in_the_order_in_which_they_came() {
    let pool = pool(1).await;
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut calls = Vec::new();
    for n in 0..8_u64 {
        let (call, order) = (pool.run(add, (n, 0)), Arc::clone(&order));
        calls.push(tokio::spawn(async move {
            let n = call.await.unwrap();
            order.lock().unwrap().push(n);
        }));
        tokio::task::yield_now().await;
    }
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[tokio::test]
async fn a_bounded_queue_refuses_what_it_has_no_room_for() {
    let pool = quiet(1).queue(1).build().await.unwrap();
    let (first, second, third) =
        tokio::join!(pool.run(add, (1, 0)), pool.run(add, (2, 0)), pool.run(add, (3, 0)));
    assert_eq!((first, second, third), (Ok(1), Ok(2), Err(ProcessError::QueueFull)));
    assert_eq!(pool.run(add, (4, 0)).await, Ok(4));
}

/// A function that no worker knows: it never was registered.
#[derive(Clone, Copy)]
struct Unheard;

impl ProcessFn for Unheard {
    type Args = (u64,);
    type Output = u64;
    const NAME: &'static str = "process::calls::unheard";
    const KEY: &'static str = Self::NAME;
    fn call((n,): (u64,)) -> u64 {
        n
    }
}

/// As `add`, to go by the name, with another type.
#[derive(Clone, Copy)]
struct Signed;

impl ProcessFn for Signed {
    type Args = (i64, i64);
    type Output = i64;
    const NAME: &'static str = add::NAME;
    const KEY: &'static str = add::KEY;
    fn call((a, b): (i64, i64)) -> i64 {
        a + b
    }
}

#[tokio::test]
async fn a_function_that_is_not_registered_is_an_error() {
    let pool = pool(1).await;
    let unknown = ProcessError::NotRegistered("process::calls::unheard");
    assert_eq!(pool.run(Unheard, (1,)).await, Err(unknown));
    assert_eq!(pool.run(Signed, (1, 2)).await, Err(ProcessError::NotRegistered(add::NAME)));
    assert_eq!(pool.run(add, (1, 2)).await, Ok(3));
    assert_eq!(pool.statistics().started, 1);
}

#[test]
fn explicit_entry_of_a_listed_worker() {
    tidegate_executor::process::init_with(Registry::new().with(Unheard));
}

#[tokio::test]
async fn functions_can_be_listed_instead() {
    let entry = ["calls::explicit_entry_of_a_listed_worker", "--exact", "--nocapture"];
    let pool = quiet(1).args(entry).forward_stdout(false).build().await.unwrap();
    assert_eq!(pool.run(Unheard, (7,)).await, Ok(7));
    assert_eq!(pool.run(add, (1, 2)).await, Err(ProcessError::NotRegistered(add::NAME)));
}

#[tokio::test]
async fn what_cannot_be_converted_is_an_error() {
    #[derive(Deserialize, Debug, PartialEq)]
    struct Secret;
    impl Serialize for Secret {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("secret"))
        }
    }
    process_fn! { fn take(secret: Secret) { let _ = secret; } }
    process_fn! { fn give() -> Secret { Secret } }

    let pool = pool(1).await;
    assert!(matches!(pool.run(take, (Secret,)).await, Err(ProcessError::Codec(_))));
    assert!(matches!(pool.run(give, ()).await, Err(ProcessError::Codec(_))));
    assert_eq!(pool.run(add, (1, 2)).await, Ok(3));
}

/// One that its readers do not take, or cannot: what they are told does not say what it is.
#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(untagged)]
enum Untagged {
    Number(u64),
    Text(String),
}
#[derive(Serialize, Debug, PartialEq)]
struct Refused;
impl<'de> Deserialize<'de> for Refused {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("not here"))
    }
}
process_fn! { fn take_refused(it: Refused) { let _ = it; } }
process_fn! { fn give_refused() -> Refused { Refused } }
process_fn! { fn turn(it: Untagged) -> Untagged { it } }

#[tokio::test]
async fn what_cannot_be_read_is_an_error_on_either_side() {
    let pool = pool(1).await;
    let id = pool.run(process_id, ()).await.unwrap();
    let whose = |error| match error {
        ProcessError::Codec(text) => text.split(':').next().unwrap().to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(whose(pool.run(take_refused, (Refused,)).await.unwrap_err()), "the arguments");
    assert_eq!(whose(pool.run(give_refused, ()).await.unwrap_err()), "the result");
    for it in [Untagged::Number(1), Untagged::Text("a".into())] {
        assert_eq!(whose(pool.run(turn, (it,)).await.unwrap_err()), "the arguments");
    }
    assert_eq!(pool.run(process_id, ()).await, Ok(id));
}

process_fn! {
    /// How much time there is, in seconds, and whether there is any.
    fn time_left() -> (Option<u64>, bool) {
        let left = tidegate_timeout::Deadline::ambient().remaining();
        (left.map(|left| left.as_secs()), tidegate_timeout::checkpoint().is_ok())
    }
}

#[tokio::test]
async fn a_function_knows_how_much_time_its_caller_has() {
    let pool = pool(1).await;
    assert_eq!(pool.run(time_left, ()).await, Ok((None, true)));
    let hour = Duration::from_secs(3600);
    for _ in 0..2 {
        let (left, in_time) = timeout(hour, pool.run(time_left, ())).await.unwrap().unwrap();
        assert!(left.is_some_and(|left| (3000..3600).contains(&left)) && in_time, "{left:?}");
        assert_eq!(pool.run(time_left, ()).await, Ok((None, true)));
    }
}

#[test]
fn one_pool_serves_several_runtimes() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let first = runtime();
    let pool = first.block_on(pool(1));
    let id = first.block_on(pool.run(process_id, ())).unwrap();
    assert_eq!(runtime().block_on(pool.run(process_id, ())), Ok(id));
    drop(first);
    assert_eq!(runtime().block_on(pool.run(process_id, ())), Ok(id));
    let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_io().build();
    assert_eq!(threads.unwrap().block_on(pool.run(process_id, ())), Ok(id));
}
