//! Every public future, dropped at every point of a scenario: nothing is left behind, and nobody sleeps through what
//! concerns it.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use tidegate_test::{CountingWaker, Explorer, hold, poll_once};
use tidegate_timeout::scope::{Run, Scope};
use tidegate_timeout::{
    AsyncContext, ContextVar, Deadline, Exit, ExitStack, ScopeExt, ScopeHandle, Vars, cancel_scope,
    cancelled, checkpoint, current_scope, exit_stack, move_on_after, protect, shield, shield_for,
    stop_requested, timeout, timeout_at, with,
};
use tokio::runtime::Runtime;
use tokio::time::{Instant, advance, sleep};

use crate::support::{Apart, ms, paused_runtime};

static NUMBER: ContextVar<u8> = ContextVar::new("number");

type Boxed = Pin<Box<dyn Future<Output = ()>>>;
type Make = fn(&World, Boxed) -> Boxed;

/// A clock, the scope around, and what must be gone in the end.
struct World {
    runtime: Runtime,
    around: Scope,
    /// Of the scope under test.
    handle: RefCell<Option<ScopeHandle>>,
    /// Held by the body, and by nothing else for long.
    held: Rc<()>,
    /// How many contexts have been entered and not been left.
    open: Arc<AtomicUsize>,
    /// Something may be left to do when the future is gone.
    adopts: Cell<bool>,
    woken: Arc<CountingWaker>,
    waker: RefCell<Option<Waker>>,
}

/// A context that takes its time.
struct Slow(Arc<AtomicUsize>);

impl AsyncContext for Slow {
    type Guard = Arc<AtomicUsize>;
    type Error = String;

    async fn enter(self) -> Result<Arc<AtomicUsize>, String> {
        sleep(ms(10)).await;
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(self.0)
    }

    async fn exit(open: Arc<AtomicUsize>, _: Exit) -> Result<(), String> {
        sleep(ms(15)).await;
        open.fetch_sub(1, Ordering::Relaxed);
        Ok(())
    }
}

struct Opened(Arc<AtomicUsize>);

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl World {
    fn new() -> Self {
        let (woken, waker) = CountingWaker::new();
        Self {
            runtime: paused_runtime(),
            around: Scope::new(),
            handle: RefCell::new(None),
            held: Rc::new(()),
            open: Arc::new(AtomicUsize::new(0)),
            adopts: Cell::new(false),
            woken,
            waker: RefCell::new(Some(waker)),
        }
    }

    fn pass(&self, n: u64) {
        self.runtime.block_on(advance(ms(n)));
    }

    /// Counted as a context that is open, until it is dropped.
    fn opened(&self) -> Opened {
        self.adopts.set(true);
        self.open.fetch_add(1, Ordering::Relaxed);
        Opened(Arc::clone(&self.open))
    }

    fn slow(&self) -> Slow {
        self.adopts.set(true);
        Slow(Arc::clone(&self.open))
    }

    fn know(&self, handle: ScopeHandle) {
        *self.handle.borrow_mut() = Some(handle);
    }

    /// What the scope under test runs: a wait, a clean-up, a scope inside, and a wait for ever.
    fn body(&self) -> Boxed {
        let held = Rc::clone(&self.held);
        Box::pin(async move {
            let _held = held;
            sleep(ms(20)).await;
            shield(sleep(ms(20))).await;
            let inner = timeout(ms(10), pending::<()>());
            let _handle = inner.handle();
            assert!(inner.await.is_err());
            let _ = move_on_after(ms(200), cancelled()).await;
            shield(sleep(ms(20))).await;
            pending::<()>().await;
        })
    }

    fn future(&self, make: Make) -> Inside<'_> {
        let made = {
            let _inside = self.runtime.enter();
            self.around.enter(|| make(self, self.body()))
        };
        Inside { world: self, made }
    }

    fn nothing_is_left(&self, case: &str) {
        assert_eq!(Rc::strong_count(&self.held), 1, "{case}: the body is gone");
        assert!(current_scope().is_none() && checkpoint().is_ok(), "{case}: the thread is clean");
        assert!(Vars::current().is_empty(), "{case}: the thread has no variables");
        if let Some(handle) = self.handle.take() {
            let show =
                || (handle.reason(), handle.is_stopping(), handle.expired(), handle.deadline());
            let shown = show();
            handle.request_stop();
            handle.cancel("too late");
            handle.reschedule(Deadline::at(Instant::now()));
            assert_eq!(show(), shown, "{case}: it shows how it ended");
        }
        // No guard is left either: the scope around ends at once, but for what is still to be left.
        self.around.handle().cancel("enough");
        let mut run = Box::pin(self.around.run(pending::<()>()));
        let ready = poll_once(run.as_mut()).is_ready();
        assert!(!ready || self.open.load(Ordering::Relaxed) == 0, "{case}: the scope around waits");
        if !ready {
            assert!(self.adopts.get(), "{case}: a guard is left");
            self.runtime.block_on(async { sleep(ms(1000)).await });
            assert_eq!(self.open.load(Ordering::Relaxed), 0, "{case}: all contexts were left");
            assert!(poll_once(run.as_mut()).is_ready(), "{case}: the scope around may end");
        }
        drop(self.waker.take());
        assert_eq!(Arc::strong_count(&self.woken), 1, "{case}: no timer and no list has a waker");
    }
}

/// What is made, polled in the world's runtime and scope, with the world's waker.
struct Inside<'w> {
    world: &'w World,
    made: Boxed,
}

impl Future for Inside<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let world = self.world;
        let waker = world.waker.borrow().clone().expect("the world is not over");
        let _inside = world.runtime.enter();
        world.around.enter(|| self.made.as_mut().poll(&mut Context::from_waker(&waker)))
    }
}

/// Each public future, around a body.
const FUTURES: &[(&str, Make)] = &[
    ("timeout", |_, body| Box::pin(async { drop(timeout(ms(100), body).await) })),
    ("timeout, known", |world, body| {
        let work = timeout(ms(100), body);
        world.know(work.handle());
        Box::pin(async { drop(work.await) })
    }),
    ("timeout with a grace", |world, body| {
        let work = timeout(ms(30), body).grace(ms(40));
        world.know(work.handle());
        Box::pin(async { drop(work.await) })
    }),
    ("deadline_first", |world, body| {
        let work = timeout(ms(30), body).deadline_first();
        world.know(work.handle());
        Box::pin(async { drop(work.await) })
    }),
    ("timeout_at", |_, body| {
        Box::pin(async { drop(timeout_at(Instant::now() + ms(30), body).await) })
    }),
    ("timeout as a method", |_, body| Box::pin(async { drop(body.timeout(ms(30)).await) })),
    ("move_on_after", |world, body| {
        let work = move_on_after(ms(100), body);
        world.know(work.handle());
        Box::pin(async { _ = work.await })
    }),
    ("cancel_scope", |_, body| Box::pin(async { drop(cancel_scope(async |_| body.await).await) })),
    ("cancel_scope that cancels itself", |_, body| {
        Box::pin(async {
            let ended = cancel_scope(async |scope| {
                tokio::join!(body, async {
                    sleep(ms(30)).await;
                    scope.cancel("enough");
                });
            });
            drop(ended.await);
        })
    }),
    ("Run::new", |world, body| {
        let mut run = Box::pin(Run::new(body));
        world.know(run.as_mut().handle());
        Box::pin(async { drop(run.await) })
    }),
    ("Run::new, unknown", |_, body| Box::pin(async { drop(Run::new(body).await) })),
    ("Scope::run", |_, body| {
        let scope = Scope::new().with_deadline(Deadline::after(ms(100))).with_grace(ms(5));
        let run = scope.run(body);
        Box::pin(async { drop(run.await) })
    }),
    ("shield", |_, body| Box::pin(shield(async { drop(timeout(ms(100), body).await) }))),
    ("shield_for", |_, body| Box::pin(async { drop(shield_for(ms(30), body).await) })),
    ("in_current_scope", |_, body| Box::pin(body.in_current_scope())),
    ("ContextVar::scope", |_, body| {
        Box::pin(NUMBER.scope(1, async {
            drop(timeout(ms(100), body).await);
            assert_eq!(NUMBER.get(), Some(1));
        }))
    }),
    ("Vars::run", |_, body| {
        let vars = NUMBER.sync_scope(1, Vars::current);
        Box::pin(vars.run(async {
            drop(timeout(ms(100), body).await);
            assert_eq!(NUMBER.get(), Some(1));
        }))
    }),
    ("cancelled", |_, body| {
        Box::pin(async {
            tokio::select! {
                _ = cancelled() => {}
                () = body => {}
            }
        })
    }),
    ("stop_requested", |_, body| {
        Box::pin(async {
            tokio::select! {
                () = stop_requested() => sleep(ms(20)).await,
                () = body => {}
            }
        })
    }),
    ("a timeout around stop_requested", |world, body| {
        let work = timeout(ms(100), stop_requested());
        world.know(work.handle());
        Box::pin(async { drop(tokio::join!(work, timeout(ms(60), body))) })
    }),
    ("with", |world, body| {
        let context = world.slow();
        Box::pin(async {
            let inside = async |_: &mut Arc<AtomicUsize>| {
                body.await;
                Ok::<_, String>(())
            };
            drop(with(context, inside).await);
        })
    }),
    ("with, in a timeout and around one", |world, body| {
        let context = world.slow();
        let work = timeout(ms(60), async {
            let inside = async |_: &mut Arc<AtomicUsize>| {
                _ = timeout(ms(100), body).await;
                Ok::<_, String>(())
            };
            with(context, inside).await
        });
        world.know(work.handle());
        Box::pin(async { drop(work.await) })
    }),
    ("two contexts, one in the other", |world, body| {
        let (outer, inner) = (world.slow(), world.slow());
        Box::pin(async {
            let inside = async |_: &mut Arc<AtomicUsize>| {
                body.await;
                Ok::<_, String>(())
            };
            let around = async |_: &mut Arc<AtomicUsize>| with(inner, inside).await;
            _ = move_on_after(ms(45), with(outer, around)).await;
        })
    }),
    ("exit_stack", |world, body| {
        let contexts = [world.slow(), world.slow()];
        let deferred = world.opened();
        Box::pin(async {
            let inside = async |stack: &mut ExitStack| {
                for context in contexts {
                    stack.enter(context).await?;
                }
                stack.defer(async move || drop(deferred));
                body.await;
                Ok::<_, String>(())
            };
            _ = move_on_after(ms(45), exit_stack(inside)).await;
        })
    }),
    ("protect", |world, body| {
        let opened = world.opened();
        Box::pin(async {
            let protected = protect(async {
                sleep(ms(60)).await;
                drop(opened);
            });
            _ = timeout(ms(100), async { tokio::join!(protected, body) }).await;
        })
    }),
    ("four inside one another", |world, body| {
        let innermost = timeout(ms(100), body);
        world.know(innermost.handle());
        let inside = move_on_after(ms(120), timeout(ms(110), innermost));
        Box::pin(async { drop(timeout(ms(90), Run::new(inside)).await) })
    }),
    ("inside one another, each woken apart", |world, body| {
        let innermost = timeout(ms(100), Apart::new(body));
        let inside = Apart::new(timeout(ms(110), Apart::new(innermost)));
        let outer = timeout(ms(90), Apart::new(move_on_after(ms(95), inside)));
        world.know(outer.handle());
        Box::pin(async { drop(outer.await) })
    }),
    ("a tight one inside loose ones, woken apart", |world, body| {
        let innermost = timeout(ms(30), body);
        let middle = timeout(ms(60), Apart::new(timeout(ms(70), innermost)));
        let outer = move_on_after(ms(50), Apart::new(middle));
        world.know(outer.handle());
        Box::pin(async { _ = outer.await })
    }),
];

/// What others do meanwhile.
#[derive(Clone, Copy, Debug)]
enum Event {
    Nothing,
    CancelsIt,
    CancelsAround,
    AsksAroundToStop,
    MovesItsDeadlineIntoThePast,
    MovesItsDeadlineAway,
    GivesAnEarlierDeadlineAround,
}

const EVENTS: [Event; 7] = [
    Event::Nothing,
    Event::CancelsIt,
    Event::CancelsAround,
    Event::AsksAroundToStop,
    Event::MovesItsDeadlineIntoThePast,
    Event::MovesItsDeadlineAway,
    Event::GivesAnEarlierDeadlineAround,
];

impl Event {
    fn happens(self, world: &World) {
        let _inside = world.runtime.enter();
        let (around, handle) = (world.around.handle(), world.handle.borrow().clone());
        match (self, handle) {
            (Self::CancelsAround, _) => around.cancel("around"),
            (Self::AsksAroundToStop, _) => around.request_stop(),
            (Self::GivesAnEarlierDeadlineAround, _) => around.reschedule(Deadline::after(ms(1))),
            (Self::CancelsIt, Some(handle)) => handle.cancel("it"),
            (Self::MovesItsDeadlineIntoThePast, Some(handle)) => {
                handle.reschedule(Deadline::at(Instant::now() - ms(1)));
            }
            (Self::MovesItsDeadlineAway, Some(handle)) => handle.reschedule(Deadline::NEVER),
            (_, None) | (Self::Nothing, _) => {}
        }
    }
}

#[test]
fn every_future_dropped_at_any_point_leaves_nothing() {
    let mut schedules = 0;
    for &(name, make) in FUTURES {
        for event in EVENTS {
            schedules += Explorer::new(World::new)
                .future(move |world| {
                    let future = world.future(make);
                    hold(future)
                })
                .step(|world| world.pass(25))
                .step(move |world| event.happens(world))
                .step(|world| world.pass(25))
                .step(|world| world.pass(100))
                .check(move |world| world.nothing_is_left(&format!("{name}, {event:?}")))
                .run();
        }
    }
    assert_eq!(schedules, FUTURES.len() * EVENTS.len() * 192);
}

/// Runs a future for a while; polled in every step, or only when it was woken. When it was ready, if it was.
fn ends_at(make: Make, event: Event, at: u64, picky: bool) -> Option<u64> {
    let world = World::new();
    let ended = {
        let mut future = Box::pin(world.future(make));
        let seen = Cell::new(usize::MAX);
        (0..60).find(|step| {
            if *step == at {
                event.happens(&world);
            }
            // As often as it wakes itself, and others for it.
            for _ in 0..8 {
                let woken = world.woken.count();
                if (!picky || seen.replace(woken) != woken) && poll_once(future.as_mut()).is_ready()
                {
                    return true;
                }
            }
            world.pass(5);
            false
        })
    };
    world.nothing_is_left(&format!("{event:?}"));
    ended
}

#[test]
fn nobody_sleeps_through_what_concerns_it() {
    for &(name, make) in FUTURES {
        for event in EVENTS {
            for at in [0, 1, 5, 10, 16] {
                let polled = ends_at(make, event, at, false);
                let woken = ends_at(make, event, at, true);
                assert_eq!(woken, polled, "{name}, {event:?} at {at}");
            }
        }
    }
}
