//! What a job has from where it is asked for.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use tidegate_executor::{JobCx, run_in_executor, to_thread};
use tidegate_test::{block_on, poll_once};
use tidegate_timeout::{ContextVar, Vars};
use tokio::runtime::Handle;

use crate::support::{occupy, one_thread};

static USER: ContextVar<&str> = ContextVar::new("user");

fn user(_: &JobCx) -> Option<&'static str> {
    USER.get()
}

#[test]
fn a_job_sees_the_variables_of_its_caller_by_every_way_in() {
    let pool = one_thread();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _inside = runtime.enter();
    for set in [Some("ada"), None] {
        let vars = set.map_or_else(Vars::default, |user| USER.sync_scope(user, Vars::current));
        assert_eq!(block_on(vars.run(pool.run(user))), Ok(set));
        assert_eq!(block_on(vars.run(to_thread(user))), Ok(set));
        assert_eq!(block_on(vars.run(run_in_executor(&pool, || USER.get()))), Ok(set));
        let handle = runtime.handle();
        assert_eq!(block_on(vars.run(run_in_executor(handle, || USER.get()))), Ok(set));
        let job = vars.enter(|| pool.submit(user)).unwrap();
        assert_eq!(block_on(job), Ok(set));
    }
}

#[test]
fn a_job_is_asked_for_when_its_future_is_first_polled() {
    let pool = one_thread();
    let run = USER.sync_scope("maker", || pool.run(user));
    assert_eq!(block_on(USER.scope("asker", run)), Ok(Some("asker")));
}

#[test]
fn what_a_job_sets_or_breaks_stays_with_it() {
    let pool = one_thread();
    let panics = |_: &JobCx| USER.sync_scope("inside", || panic!("on purpose"));
    assert!(block_on(USER.scope("ada", pool.run::<_, ()>(panics))).is_err());
    assert_eq!(block_on(pool.run(user)), Ok(None));
    let empty = pool.run(|_| Vars::current().is_empty());
    assert_eq!(block_on(empty), Ok(true));
}

#[test]
fn block_on_and_what_it_asks_for_see_the_variables_of_the_job() {
    let pool = Arc::new(one_thread());
    let inner = Arc::clone(&pool);
    let run = pool.run(move |cx| {
        let mine = cx.block_on(async { USER.get() });
        let set = USER.sync_scope("grace", || cx.block_on(async { USER.get() }));
        let deeper = cx.block_on(USER.scope("joan", inner.run(user)));
        (mine, set, deeper)
    });
    let seen = block_on(USER.scope("ada", run));
    assert_eq!(seen, Ok((Some("ada"), Some("grace"), Ok(Some("joan")))));
}

/// Says what it sees when it is dropped.
struct Asks(Arc<Mutex<Vec<Option<&'static str>>>>);

impl Drop for Asks {
    fn drop(&mut self) {
        self.0.lock().unwrap().push(USER.get());
    }
}

#[test]
fn a_closure_is_dropped_with_the_variables_it_would_have_seen() {
    let pool = one_thread();
    let answers = Arc::default();
    let job = || {
        let asks = Asks(Arc::clone(&answers));
        move |_: &JobCx| drop(asks)
    };
    let (gate, busy) = occupy(&pool);
    let queued = USER.sync_scope("ada", || pool.submit(job())).unwrap();
    assert!(queued.cancel());
    let mut run = Box::pin(USER.scope("ada", pool.run(job())));
    assert!(poll_once(run.as_mut()).is_pending());
    drop(run);
    gate.open();
    block_on(busy).unwrap();
    let runs = USER.sync_scope("ada", || pool.submit(job())).unwrap();
    block_on(runs).unwrap();
    assert_eq!(*answers.lock().unwrap(), [Some("ada"); 3]);
    assert_eq!(poll_once(pin!(async { USER.get() })), Poll::Ready(None));
}

#[test]
fn each_job_is_in_the_runtime_of_its_caller_whoever_comes_before() {
    let pool = one_thread();
    let (gate, first) = occupy(&pool);
    let runtimes = [(); 2].map(|()| tokio::runtime::Builder::new_current_thread().build().unwrap());
    let id = |_: &JobCx| Handle::try_current().ok().map(|runtime| runtime.id());
    let jobs: Vec<_> = [Some(0), Some(0), Some(1), None, None, Some(1), Some(0), None]
        .into_iter()
        .map(|which| which.map(|which: usize| &runtimes[which]))
        .map(|runtime| {
            let _inside = runtime.map(|runtime| runtime.enter());
            (runtime.map(|runtime| runtime.handle().id()), pool.submit(id).unwrap())
        })
        .collect();
    gate.open();
    block_on(first).unwrap();
    for (expected, job) in jobs {
        assert_eq!(block_on(job), Ok(expected));
    }
}

#[test]
fn a_job_that_enters_a_runtime_and_does_not_leave_it_does_no_harm_to_the_thread() {
    let pool = one_thread();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let handle = runtime.handle().clone();
    let _inside = runtime.enter();
    let forgets = pool.run(move |_| {
        let handle: &'static Handle = tidegate_test::leaked(handle);
        std::mem::forget(handle.enter());
    });
    assert_eq!(block_on(forgets), Ok(()));
    assert_eq!(block_on(pool.run(|_| 7)), Ok(7));
    assert_eq!(pool.statistics().running, 0);
}
