//! Context variables: who sees which value, until when.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;

use tidegate_test::{CountingWaker, poll_once};
use tidegate_timeout::scope::{Run, Scope};
use tidegate_timeout::{
    AsyncContext, ContextVar, Deadline, Exit, ScopeExt, Vars, move_on_after, protect, shield,
    timeout, with,
};
use tokio::task::{spawn, yield_now};

use crate::support::{OnDrop, breathe, ms, on_both, panic_of, paused, until};

static USER: ContextVar<&str> = ContextVar::new("user");
static REQUEST: ContextVar<u64> = ContextVar::new("request");
static OWNED: ContextVar<Arc<()>> = ContextVar::new("owned");

type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;
type Call = Box<dyn FnMut()>;

/// What is set here and now.
fn seen() -> (Option<&'static str>, Option<u64>) {
    (USER.get(), REQUEST.get())
}

#[test]
fn a_value_is_seen_inside_and_nowhere_else() {
    on_both(|| async {
        assert_eq!(seen(), (None, None));
        let inside = USER.scope("ada", async {
            assert_eq!(seen(), (Some("ada"), None));
            yield_now().await;
            let deeper = REQUEST.scope(1, async {
                breathe().await;
                assert_eq!(seen(), (Some("ada"), Some(1)));
                USER.scope("grace", async { seen() }).await
            });
            assert_eq!(deeper.await, (Some("grace"), Some(1)));
            breathe().await;
            seen()
        });
        assert_eq!(inside.await, (Some("ada"), None));
        assert_eq!(seen(), (None, None));
    });
}

#[test]
fn futures_that_take_turns_in_one_task_see_each_its_own() {
    on_both(|| async {
        let one = async |user| {
            for _ in 0..10 {
                assert_eq!(USER.get(), user);
                yield_now().await;
            }
        };
        tokio::join!(
            USER.scope("ada", one(Some("ada"))),
            one(None),
            USER.scope("grace", one(Some("grace"))),
        );
    });
}

#[test]
fn a_value_set_for_a_call_is_over_when_it_returns_or_panics() {
    assert_eq!(USER.sync_scope("ada", || REQUEST.sync_scope(1, seen)), (Some("ada"), Some(1)));
    let panics = || USER.sync_scope("ada", || REQUEST.sync_scope(1, || panic!("on purpose")));
    assert!(catch_unwind(panics).is_err());
    assert_eq!(seen(), (None, None));
    let vars = REQUEST.sync_scope(2, Vars::current);
    assert!(catch_unwind(AssertUnwindSafe(|| vars.enter(|| panic!("on purpose")))).is_err());
    assert_eq!(seen(), (None, None));
}

#[test]
fn a_panic_in_a_poll_leaves_the_thread_clean_and_the_next_poll_as_it_was() {
    let mut calls = 0;
    let body = poll_fn(move |_| {
        assert_eq!(seen(), (Some("ada"), Some(calls)));
        calls += 1;
        if calls == 2 {
            panic!("on purpose")
        }
        USER.with(|_| ()).map_or(Poll::Pending, |()| Poll::<()>::Pending)
    });
    let mut future = pin!(USER.scope("ada", body));
    let mut poll = |n| {
        let poll = || REQUEST.sync_scope(n, || poll_once(future.as_mut()).is_pending());
        catch_unwind(AssertUnwindSafe(poll))
    };
    assert!(poll(0).is_ok());
    assert!(poll(1).is_err());
    assert_eq!(seen(), (None, None));
    assert!(poll(2).is_ok());
    assert_eq!(seen(), (None, None));
}

#[test]
fn other_variables_are_those_of_the_place_where_it_is_polled() {
    let mut inner = Box::pin(USER.scope("ada", poll_fn(|_| Poll::Ready(seen()))));
    let look = poll_fn(|cx| inner.as_mut().poll(cx));
    assert_eq!(poll_once(pin!(REQUEST.scope(3, look))), Poll::Ready((Some("ada"), Some(3))));

    // Also from one poll to the next.
    let saw = RefCell::new(Vec::new());
    let mut kept = Box::pin(USER.scope(
        "ada",
        poll_fn(|_| {
            saw.borrow_mut().push(seen());
            Poll::<()>::Pending
        }),
    ));
    assert!(poll_once(kept.as_mut()).is_pending());
    for request in [1, 2] {
        REQUEST.sync_scope(request, || {
            assert!(poll_once(kept.as_mut()).is_pending());
            assert!(poll_once(kept.as_mut()).is_pending());
        });
    }
    USER.sync_scope("grace", || assert!(poll_once(kept.as_mut()).is_pending()));
    assert!(poll_once(kept.as_mut()).is_pending());
    let expected = [None, Some(1), Some(1), Some(2), Some(2), None, None];
    assert_eq!(*saw.borrow(), expected.map(|request| (Some("ada"), request)));
}

#[test]
fn a_snapshot_is_all_there_is_inside_of_it() {
    let vars = USER.sync_scope("ada", Vars::current);
    REQUEST.sync_scope(1, || {
        assert_eq!(vars.enter(seen), (Some("ada"), None));
        assert_eq!(poll_once(pin!(vars.run(async { seen() }))), Poll::Ready((Some("ada"), None)));
        assert_eq!(Vars::default().enter(seen), (None, None));
        assert_eq!(seen(), (None, Some(1)));
        assert_eq!(vars.enter(|| USER.sync_scope("grace", seen)), (Some("grace"), None));
        assert_eq!(vars.enter(seen), (Some("ada"), None), "it does not change");
    });
    assert!(Vars::current().is_empty() && !vars.is_empty());
    assert_eq!(format!("{vars:?}"), r#"Vars {"user"}"#);
}

#[test]
fn a_spawned_task_sees_what_it_is_given_and_nothing_else() {
    on_both(|| async {
        let seen_in = USER.scope("ada", async {
            let vars = Vars::current();
            (spawn(async { seen() }), spawn(vars.run(async { seen() })), {
                spawn(async { seen() }.in_current_scope())
            })
        });
        let (bare, run, in_scope) = seen_in.await;
        assert_eq!(bare.await.unwrap(), (None, None));
        assert_eq!(run.await.unwrap(), (Some("ada"), None));
        assert_eq!(in_scope.await.unwrap(), (Some("ada"), None));
    });
}

#[test]
fn tasks_that_run_inside_a_call_do_not_change_what_others_see() {
    // The runtime polls its tasks in the middle of somebody's scope.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let vars = REQUEST.sync_scope(1, Vars::current);
    let task = runtime.spawn(vars.run(async {
        yield_now().await;
        seen()
    }));
    let blank = runtime.spawn(Vars::default().run(async { seen() }));
    USER.sync_scope("ada", || {
        assert_eq!(runtime.block_on(async { (task.await.unwrap(), seen()) }), {
            ((None, Some(1)), (Some("ada"), None))
        });
        assert_eq!(runtime.block_on(blank).unwrap(), (None, None));
    });
}

/// Asks when it is dropped.
fn asks(answers: &Arc<Mutex<Vec<Option<&'static str>>>>) -> OnDrop<impl FnMut() + use<>> {
    let answers = Arc::clone(answers);
    OnDrop(move || answers.lock().unwrap().push(USER.get()))
}

#[test]
fn a_destructor_inside_sees_the_value_wherever_the_future_is_dropped() {
    let answers = Arc::default();
    let body = |answers: &Arc<_>| {
        let asks = asks(answers);
        async move {
            let _asks = asks;
            pending::<()>().await;
        }
    };
    let vars = USER.sync_scope("ada", Vars::current);
    // Not polled; polled; by name; by a snapshot.
    drop(USER.scope("ada", body(&answers)));
    drop(vars.run(body(&answers)));
    let mut polled: [Pin<Box<dyn Future<Output = ()>>>; 3] = [
        Box::pin(USER.scope("ada", body(&answers))),
        Box::pin(vars.run(body(&answers))),
        Box::pin(vars.enter(|| body(&answers).in_current_scope())),
    ];
    polled.iter_mut().for_each(|it| assert!(poll_once(it.as_mut()).is_pending()));
    USER.sync_scope("grace", || drop(polled));
    assert_eq!(*answers.lock().unwrap(), [Some("ada"); 5]);

    // By a scope, and by a panic.
    answers.lock().unwrap().clear();
    paused(async {
        let _ = USER.scope("ada", move_on_after(ms(1), body(&answers))).await;
        let _ = move_on_after(ms(1), USER.scope("ada", body(&answers))).await;
        let asks = asks(&answers);
        let panics = USER.scope("ada", async move {
            let _asks = asks;
            panic!("on purpose");
        });
        assert_eq!(panic_of(panics).await, "on purpose");
    });
    assert_eq!(*answers.lock().unwrap(), [Some("ada"); 3]);
}

#[test]
fn a_destructor_that_panics_leaves_the_thread_clean() {
    let body = async {
        let _panics = OnDrop(|| panic!("on purpose"));
        pending::<()>().await;
    };
    let mut future = Box::pin(USER.scope("ada", Vars::default().run(body)));
    assert!(poll_once(future.as_mut()).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(future))).is_err());
    assert!(Vars::current().is_empty());
}

#[test]
fn a_value_may_ask_for_variables_when_it_is_dropped_and_cloned() {
    static SELFISH: ContextVar<Selfish> = ContextVar::new("selfish");
    static ASKED: AtomicUsize = AtomicUsize::new(0);

    struct Selfish;
    impl Clone for Selfish {
        fn clone(&self) -> Self {
            assert_eq!(SELFISH.with(|_| ()), Some(()), "it is lent, not taken");
            assert_eq!(SELFISH.sync_scope(Self, || USER.get()), USER.get());
            Self
        }
    }
    impl Drop for Selfish {
        fn drop(&mut self) {
            let _ = SELFISH.with(|_| ASKED.fetch_add(1, Ordering::Relaxed));
            USER.sync_scope("inside", || assert_eq!(USER.get(), Some("inside")));
        }
    }

    SELFISH.sync_scope(Selfish, || drop(SELFISH.get()));
    let mut future = Box::pin(SELFISH.scope(Selfish, pending::<()>()));
    assert!(poll_once(future.as_mut()).is_pending());
    drop(future);
    assert!(ASKED.load(Ordering::Relaxed) > 0);
    assert!(Vars::current().is_empty());
}

#[test]
fn a_value_that_is_lent_may_end_its_own_scope() {
    static HELD: ContextVar<Mutex<Option<Boxed>>> = ContextVar::new("held");
    let vars = HELD.sync_scope(Mutex::new(None), Vars::current);
    let mut future: Boxed = Box::pin(vars.run(OWNED.scope(Arc::new(()), pending::<()>())));
    assert!(poll_once(future.as_mut()).is_pending());
    let dropped = vars.enter(|| {
        HELD.with(|held| {
            *held.lock().unwrap() = Some(future);
            let future = held.lock().unwrap().take();
            drop(future);
        })
    });
    assert_eq!(dropped, Some(()));
    assert!(Vars::current().is_empty());
}

#[test]
fn a_value_is_dropped_with_the_last_who_can_see_it() {
    let value = Arc::new(());
    let held = || Arc::strong_count(&value);
    let mut future = Box::pin(OWNED.scope(
        Arc::clone(&value),
        poll_fn(|_| {
            let vars = Vars::current();
            Poll::Ready(vars)
        }),
    ));
    let Poll::Ready(vars) = poll_once(future.as_mut()) else { panic!("it is ready") };
    assert_eq!(held(), 2);
    drop(future);
    assert_eq!(held(), 2);
    let running = vars.run(pending::<()>());
    drop(vars);
    assert_eq!(held(), 2);
    drop(running);
    assert_eq!(held(), 1);
}

#[test]
fn setting_a_variable_ever_deeper_makes_nothing_grow() {
    let value = Arc::new(());
    // Each generation takes the variables of the one before along.
    let mut vars = Vars::default();
    for generation in 0..100_000 {
        vars = vars.enter(|| {
            let value = Arc::clone(&value);
            OWNED.sync_scope(value, || REQUEST.sync_scope(generation, Vars::current))
        });
    }
    assert_eq!(Arc::strong_count(&value), 2);
    assert_eq!(vars.enter(|| REQUEST.get()), Some(99_999));
}

#[test]
fn variables_of_one_type_are_told_apart() {
    static ONE: ContextVar<u8> = ContextVar::new("same");
    static TWO: ContextVar<u8> = ContextVar::new("same");
    static BYTES: ContextVar<[u8; 1]> = ContextVar::new("same");
    ONE.sync_scope(1, || {
        assert_eq!((ONE.get(), TWO.get(), BYTES.get()), (Some(1), None, None));
        TWO.sync_scope(2, || assert_eq!((ONE.get(), TWO.get()), (Some(1), Some(2))));
        // Not only statics of the program's own.
        let made: &'static ContextVar<u8> = tidegate_test::leaked(ContextVar::new("made"));
        made.sync_scope(3, || assert_eq!((made.get(), ONE.get()), (Some(3), Some(1))));
    });
}

#[test]
fn a_thread_that_ends_may_still_ask() {
    thread_local! {
        static LAST: RefCell<Option<OnDrop<Call>>> = const { RefCell::new(None) };
    }
    let answer = Arc::new(Mutex::new(None));
    let mine = Arc::clone(&answer);
    thread::spawn(move || {
        let asks: Call = Box::new(move || {
            assert_eq!(USER.get(), None);
            let mut future = Box::pin(USER.scope("late", async { USER.get() }));
            *mine.lock().unwrap() = Some(poll_once(future.as_mut()));
        });
        LAST.set(Some(OnDrop(asks)));
        // After that one was made, so that it is gone first, if it has a destructor.
        USER.sync_scope("early", || assert_eq!(USER.get(), Some("early")));
    })
    .join()
    .unwrap();
    assert_eq!(*answer.lock().unwrap(), Some(Poll::Ready(Some("late"))));
}

#[test]
fn scopes_of_every_kind_pass_variables_on() {
    paused(USER.scope("ada", async {
        assert_eq!(timeout(ms(1), async { USER.get() }).await, Ok(Some("ada")));
        assert_eq!(shield(async { USER.get() }).await, Some("ada"));
        assert_eq!(Scope::new().enter(|| USER.get()), Some("ada"));
        let run = Run::new(async { assert_eq!(USER.get(), Some("ada")) });
        drop(run.await);
        // A scope that is carried has the variables of whoever enters it.
        let scope = USER.sync_scope("grace", Scope::new);
        assert_eq!(scope.enter(|| USER.get()), Some("ada"));
    }));
}

#[test]
fn what_is_protected_has_the_variables_of_its_place() {
    on_both(|| async {
        let protected = USER.sync_scope("ada", || {
            protect(async {
                breathe().await;
                seen()
            })
        });
        assert_eq!(protected.await, (Some("ada"), None));
    });
}

/// A context that says who it is left for.
struct Notes(Arc<Mutex<Vec<Note>>>);

type Note = (Exit, Option<&'static str>);

impl AsyncContext for Notes {
    type Guard = Self;
    type Error = String;

    async fn enter(self) -> Result<Self, String> {
        Ok(self)
    }

    async fn exit(guard: Self, why: Exit) -> Result<(), String> {
        breathe().await;
        guard.0.lock().unwrap().push((why, USER.get()));
        Ok(())
    }
}

#[test]
fn an_exit_that_is_left_behind_has_the_variables_of_its_body() {
    on_both(|| async {
        let notes = Arc::new(Mutex::new(Vec::new()));
        let body = || {
            let context = Notes(Arc::clone(&notes));
            let body = async |_: &mut Notes| {
                pending::<()>().await;
                Ok::<(), String>(())
            };
            with(context, body)
        };
        let left = |n| {
            let notes = Arc::clone(&notes);
            until(move || notes.lock().unwrap().len() == n)
        };
        // Dropped inside of what sets it, and with it.
        USER.scope("ada", async {
            let mut work = Box::pin(body());
            assert!(poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx).is_pending())).await);
            drop(work);
        })
        .await;
        left(1).await;
        let mut work = Box::pin(USER.scope("grace", body()));
        assert!(poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx).is_pending())).await);
        drop(work);
        left(2).await;
        let expected = ["ada", "grace"].map(|user| (Exit::Dropped, Some(user)));
        assert_eq!(*notes.lock().unwrap(), expected);
    });
}

#[test]
fn an_exit_that_a_scope_waits_for_has_the_variables_of_its_body() {
    paused(async {
        let notes = Arc::new(Mutex::new(Vec::new()));
        let context = Notes(Arc::clone(&notes));
        let body = async |_: &mut Notes| {
            pending::<()>().await;
            Ok::<(), String>(())
        };
        let work = USER.scope("ada", with(context, body));
        assert!(move_on_after(ms(5), work).await.is_none());
        assert_eq!(notes.lock().unwrap()[0].1, Some("ada"));
    });
}

#[test]
fn a_waker_sees_the_variables_of_whoever_wakes() {
    struct Asks(Mutex<Option<Option<&'static str>>>);
    impl std::task::Wake for Asks {
        fn wake(self: Arc<Self>) {
            *self.0.lock().unwrap() = Some(USER.get());
        }
    }
    let asks = Arc::new(Asks(Mutex::new(None)));
    let waker = Waker::from(Arc::clone(&asks));
    let scope = Scope::new();
    let mut run = Box::pin(scope.run(pending::<()>()));
    assert!(run.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    USER.sync_scope("ada", || scope.handle().cancel("enough"));
    assert_eq!(*asks.0.lock().unwrap(), Some(Some("ada")));
}

#[test]
fn variables_cost_nothing_to_who_sets_none() {
    let (woken, waker) = CountingWaker::new();
    let empty = Vars::current();
    let polls = Cell::new(0);
    let mut future = pin!(empty.run(poll_fn(|_| {
        polls.set(polls.get() + 1);
        assert!(Vars::current().is_empty());
        Poll::<()>::Pending
    })));
    for _ in 0..3 {
        assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    assert_eq!((polls.get(), woken.count()), (3, 0));
    assert_eq!(size_of_val(&empty), size_of::<usize>());
    assert!(Deadline::ambient().remaining().is_none());
}
