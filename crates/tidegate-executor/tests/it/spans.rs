//! The span that a job has from where it is asked for.

use std::sync::Once;

use tidegate_executor::{JobCx, Portal, run_in_executor, to_thread};
use tidegate_test::block_on;
use tracing::{Instrument, Span, info_span};

use crate::support::{current_thread, one_thread};

/// Keeps spans, for all tests and all threads.
fn subscribe() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap();
    });
}

fn span() -> Option<&'static str> {
    Some(Span::current().metadata()?.name())
}

#[test]
fn a_job_runs_in_the_span_of_its_caller() {
    subscribe();
    let pool = one_thread();
    let see = |_: &JobCx| span();
    let caller = info_span!("caller");
    assert_eq!(block_on(pool.run(see).instrument(caller.clone())), Ok(Some("caller")));
    assert_eq!(block_on(to_thread(see).instrument(caller.clone())), Ok(Some("caller")));
    let run = run_in_executor(&pool, span).instrument(caller.clone());
    assert_eq!(block_on(run), Ok(Some("caller")));
    let runtime = current_thread();
    let run = run_in_executor(runtime.handle(), span).instrument(caller.clone());
    assert_eq!(block_on(run), Ok(Some("caller")));
    #[cfg(feature = "rayon")]
    {
        let run = run_in_executor(&tidegate_executor::Rayon, span).instrument(caller.clone());
        assert_eq!(block_on(run), Ok(Some("caller")));
    }
    let job = caller.in_scope(|| pool.submit(see)).unwrap();
    assert_eq!(block_on(job), Ok(Some("caller")));
    let inside = caller.in_scope(|| pool.submit(|cx| cx.block_on(async { span() }))).unwrap();
    assert_eq!(block_on(inside), Ok(Some("caller")));
    assert_eq!(block_on(pool.run(see)), Ok(None));
}

#[test]
fn a_job_that_panics_leaves_its_thread_outside_of_its_span() {
    subscribe();
    let pool = one_thread();
    let panics = |_: &JobCx| info_span!("inner").in_scope(|| panic!("on purpose"));
    let run = pool.run::<_, ()>(panics).instrument(info_span!("caller"));
    assert!(block_on(run).is_err());
    assert_eq!(block_on(pool.run(|_| span())), Ok(None));
}

#[test]
fn a_task_and_a_callback_run_in_the_span_of_their_caller() {
    subscribe();
    let portal = Portal::start();
    let (sender, receiver) = std::sync::mpsc::channel();
    let ask = || {
        let sender = sender.clone();
        portal.call_soon(move || sender.send(span()).unwrap());
        (portal.call(async { span() }), receiver.recv().unwrap())
    };
    assert_eq!(info_span!("caller").in_scope(ask), (Ok(Some("caller")), Some("caller")));
    assert_eq!(ask(), (Ok(None), None));
}
