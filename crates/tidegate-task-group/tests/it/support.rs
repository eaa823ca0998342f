use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use tidegate_task_group::{BoxError, ErrorGroup, Ready, StartError, Task};
use tokio::runtime::{Builder, Runtime};

pub(crate) type Group = tidegate_task_group::TaskGroup<BoxError>;

/// Runs a test on a current-thread runtime with a paused clock, and a few times on two workers.
pub(crate) fn on_both<Fut: Future<Output = ()> + Send + 'static>(test: impl Fn() -> Fut) {
    paused(test());
    for _ in 0..20 {
        on_two_workers(test());
    }
}

pub(crate) fn paused<T>(test: impl Future<Output = T>) -> T {
    let mut builder = Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap().block_on(test)
}

/// The test itself runs on a worker.
pub(crate) fn on_two_workers<T: Send + 'static>(
    test: impl Future<Output = T> + Send + 'static,
) -> T {
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_time().build().unwrap();
    runtime.block_on(async { tokio::spawn(test).await.unwrap() })
}

/// One of each kind, for tests that take their time to drop them.
pub(crate) fn runtimes() -> [Runtime; 2] {
    [Builder::new_current_thread(), Builder::new_multi_thread()]
        .map(|mut builder| builder.worker_threads(2).enable_time().build().unwrap())
}

/// The messages of the errors, in alphabetical order.
pub(crate) fn messages<E: ToString>(errors: &ErrorGroup<E>) -> Vec<String> {
    let mut messages: Vec<_> = errors.leaves().map(ToString::to_string).collect();
    messages.sort();
    messages
}

/// A child or a body that waits for ever.
pub(crate) async fn forever<T>() -> Result<T, BoxError> {
    std::future::pending().await
}

pub(crate) async fn fails<T>(message: &'static str) -> Result<T, BoxError> {
    Err(message.into())
}

/// The threads of runtimes that go away are called so.
pub(crate) const DOOMED: &str = "doomed";

static PANICS_OF_THE_DOOMED: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The panic that somebody here waits for.
    static BLAMED: RefCell<Option<Blamed>> = const { RefCell::new(None) };
}

#[derive(Default)]
struct Blamed {
    file: String,
    line: u32,
    message: String,
}

/// Who sets a hook of its own takes away that of a test that runs beside it: there is one for all.
fn watch_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let expected = BLAMED.with_borrow_mut(|blamed| {
                if let (Some(blamed), Some(place)) = (blamed, info.location()) {
                    blamed.file = place.file().to_owned();
                    blamed.line = place.line();
                    let (payload, text) = (info.payload(), info.payload().downcast_ref::<&str>());
                    let text = text.map(|&text| text.to_owned());
                    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
                    blamed.message = text.unwrap_or_default();
                    return true;
                }
                false
            });
            if thread::current().name() == Some(DOOMED) {
                PANICS_OF_THE_DOOMED.fetch_add(1, Ordering::SeqCst);
            }
            if !expected {
                hook(info);
            }
        }));
    });
}

/// How many panics there were on doomed threads, also where the runtime caught them; looked for from the first call
/// on.
pub(crate) fn panics_of_the_doomed() -> usize {
    watch_panics();
    PANICS_OF_THE_DOOMED.load(Ordering::SeqCst)
}

/// Where the panic of `call` points to, if it says `what`.
pub(crate) fn blamed<T>(what: &str, call: impl FnOnce() -> T) -> (String, u32) {
    watch_panics();
    BLAMED.set(Some(Blamed::default()));
    let result = catch_unwind(AssertUnwindSafe(|| drop(call())));
    let Blamed { file, line, message } = BLAMED.take().unwrap();
    assert!(result.is_err());
    assert!(message.contains(what), "{message}");
    (file, line)
}

/// What comes of starting a child.
pub(crate) type Started<S, T = ()> = Result<(S, Task<T>), StartError<BoxError>>;

/// A child that is ready with 5 and then waits for ever.
pub(crate) async fn serves(ready: Ready<u32>) -> Result<(), BoxError> {
    ready.set(5).map_err(|_| "nobody waits")?;
    forever().await
}

/// A child that is never ready, and never ends.
pub(crate) async fn hesitates(ready: Ready<u32>) -> Result<(), BoxError> {
    let _ready = ready;
    forever().await
}

/// Says when it has begun; once it is cancelled, it cleans up for a while, and says when it has.
pub(crate) async fn cleans_up<T>(begun: Counter, cleaned: Counter) -> Result<T, BoxError> {
    let cleanup = with_cleanup(async {
        breathe().await;
        cleaned.add();
    });
    tokio::join!(biased; cleanup, async { begun.add() }).0?;
    unreachable!("clean-up is the end of it");
}

/// Lets others run until something has happened.
pub(crate) async fn until(mut happened: impl FnMut() -> bool) {
    while !happened() {
        tokio::task::yield_now().await;
    }
}

/// Lets others run for a while.
pub(crate) async fn breathe() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// Counts how many of its kind are alive.
#[derive(Clone, Default)]
pub(crate) struct Alive(Arc<()>);

impl Alive {
    pub(crate) fn count(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

impl fmt::Debug for Alive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} alive", self.count())
    }
}

/// A counter that tasks share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counter(Arc<AtomicUsize>);

impl Counter {
    pub(crate) fn add(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(crate) fn max(&self, value: usize) {
        self.0.fetch_max(value, Ordering::SeqCst);
    }

    pub(crate) fn sub(&self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Once its scope is cancelled, cleans up for as long as `cleanup` takes, then runs `done`, and waits for ever.
///
/// What `tidegate_timeout::with` is made of: a guard, and the reaction to it.
pub(crate) struct Cleanup<F> {
    guard: Option<tidegate_timeout::scope::Guard>,
    started: bool,
    cleanup: Pin<Box<F>>,
}

pub(crate) fn with_cleanup<F: Future<Output = ()>>(cleanup: F) -> Cleanup<F> {
    Cleanup { guard: None, started: false, cleanup: Box::pin(cleanup) }
}

impl<F: Future<Output = ()>> Future for Cleanup<F> {
    type Output = Result<(), BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.get_mut();
        if !me.started {
            let guard =
                me.guard.get_or_insert_with(|| tidegate_timeout::scope::Scope::new().guard());
            if guard.poll_cancelled(cx).is_pending() {
                return Poll::Pending;
            }
            me.started = true;
        }
        if me.guard.is_some() && me.cleanup.as_mut().poll(cx).is_ready() {
            me.guard = None;
        }
        Poll::Pending
    }
}
