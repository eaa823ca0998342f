use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use tidegate_timeout::CancelReason;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::Instant;

use crate::blocking_future::BlockingFuture;
use crate::call::Call;
use crate::call_later::after;
use crate::deadlock::{Key, Waits, about_to_wait};
use crate::hub::Hub;
use crate::ready::Ready;
use crate::report::ShutdownReport;
use crate::task::{Around, Hold, start_in};
use crate::timer::Callback;
use crate::timer_handle::TimerHandle;
use crate::wait_error::WaitError;

/// What the thread of a portal is called.
const THREAD: &str = "tidegate-portal";

/// A way for threads into async code: anyio's `BlockingPortal`.
///
/// It leads to a runtime on a thread of its own ([`start`](Self::start)) or to one that is there
/// ([`current`](Self::current)), and may be cloned and sent to where it is needed. It is a task group for threads: it
/// has not ended before everything that was started through it has, and every result, panic and cancellation comes back
/// through the [`BlockingFuture`] of the task.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_executor::Portal;
///
/// let portal = Portal::start();
/// assert_eq!(portal.call(async { 6 * 7 }), Ok(42));
///
/// let slow = portal.spawn(async {
///     tokio::time::sleep(Duration::from_millis(5)).await;
///     "slow"
/// });
/// assert!(portal.shutdown(Duration::MAX)?.is_clean());
/// assert_eq!(slow.result(), Ok("slow"));
/// # Ok::<(), tidegate_executor::WaitError>(())
/// ```
///
/// # Cancellation
///
/// A task of a portal is in a scope below the one in which the portal was made, wherever it is asked for: it is
/// cancelled with it, and that scope does not return before the task has ended. From where it is asked for it has
/// the context variables and, with the feature `tracing`, the span.
///
/// # Dropping a portal
///
/// When the last clone is dropped the portal is closed: it takes no more tasks, and those that it has go on. Its
/// own thread ends after the last of them. Nothing blocks. To wait for them, use [`shutdown`](Self::shutdown); to
/// end them, [`cancel`](Self::cancel).
///
/// What tasks of its own runtime have spawned with `tokio::spawn` is dropped with that runtime; jobs of
/// `spawn_blocking` are waited for.
#[derive(Clone)]
pub struct Portal(Arc<Door>);

/// The hub is closed when the last handle is dropped.
struct Door(Arc<Hub>);

impl Drop for Door {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Portal {
    /// Starts a thread with a runtime of its own, of one thread, with timers and sockets as far as the program has
    /// them.
    ///
    /// # Examples
    ///
    /// ```
    /// let portal = tidegate_executor::Portal::start();
    /// let name = portal.call(async { std::thread::current().name().map(str::to_owned) });
    /// assert_eq!(name.unwrap().as_deref(), Some("tidegate-portal"));
    /// ```
    ///
    /// # Panics
    ///
    /// When the system has no thread or no file descriptors to give.
    #[track_caller]
    pub fn start() -> Self {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap_or_else(|error| panic!("a portal needs a runtime: {error}"));
        let hub = Hub::new(runtime.handle().clone(), Some(THREAD), Location::caller());
        let portal = Self(Arc::new(Door(Arc::clone(&hub))));
        std::thread::Builder::new()
            .name(THREAD.to_owned())
            .spawn(move || live(runtime, &hub))
            .unwrap_or_else(|error| panic!("a portal needs a thread: {error}"));
        portal
    }

    /// A way into the runtime that this is called in.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_executor::Portal;
    ///
    /// # tokio::runtime::Builder::new_multi_thread().worker_threads(1).build()?.block_on(async {
    /// let portal = Portal::current();
    /// let blocking = move || portal.call(async { 6 * 7 });
    /// assert_eq!(tokio::task::spawn_blocking(blocking).await.unwrap(), Ok(42));
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[track_caller]
    pub fn current() -> Self {
        Self(Arc::new(Door(Hub::new(Handle::current(), None, Location::caller()))))
    }

    /// Runs a future in the runtime, and waits on this thread for what it returns.
    ///
    /// # Examples
    ///
    /// ```
    /// let portal = tidegate_executor::Portal::start();
    /// assert_eq!(portal.call(async { 6 * 7 }), Ok(42));
    /// ```
    ///
    /// # Errors
    ///
    /// - [`WaitError::WouldDeadlock`] where this thread [must not wait](BlockingFuture#blocking); the future has not
    ///   been started then;
    /// - [`WaitError::Cancelled`] with [`CancelReason::Shutdown`] when the portal is closed, or its runtime gone;
    /// - otherwise as [`BlockingFuture::result`].
    #[track_caller]
    pub fn call<F>(&self, future: F) -> Result<F::Output, WaitError>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        // Kept from now on: by the time that the future runs, it is known that this thread waits.
        let key = Key::next();
        let waits = about_to_wait(key, self.hub().runtime.id())?;
        self.spawn_as(key, waits, future).result_as()
    }

    /// Starts a future in the runtime, and does not wait.
    ///
    /// A portal that is closed drops it, and the result is [`WaitError::Cancelled`] with
    /// [`CancelReason::Shutdown`].
    ///
    /// # Examples
    ///
    /// ```
    /// let portal = tidegate_executor::Portal::start();
    /// let answer = portal.spawn(async { 6 * 7 });
    /// // … do something else meanwhile
    /// assert_eq!(answer.result(), Ok(42));
    /// ```
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> BlockingFuture<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        self.spawn_as(Key::next(), None, future)
    }

    #[track_caller]
    fn spawn_as<F>(&self, key: Key, waits: Option<Waits>, future: F) -> BlockingFuture<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let (hub, location) = (self.hub(), Location::caller());
        match hub.join(location) {
            Some(member) => {
                let around = Some(Around::Orphan(hub.scope.adopt()));
                let hold = Hold { key, around, member: Some(member), waits };
                start_in(&hub.runtime, future, location, &hub.scope, hold)
            }
            None => {
                drop(future);
                let call = Call::new(key, hub.runtime.id(), hub.scope.handle(), location);
                call.settle(Err(WaitError::Cancelled(CancelReason::Shutdown)), || None);
                BlockingFuture::new(Arc::new(call))
            }
        }
    }

    /// Starts a task that has something to do before it is of use, and waits on this thread until it says so.
    ///
    /// Gives what the task said, and its future.
    ///
    /// # Examples
    ///
    /// See [`Ready`].
    ///
    /// # Errors
    ///
    /// - [`WaitError::NotReady`] when the task ended without having said so; one that gave its [`Ready`] up and goes
    ///   on is cancelled;
    /// - otherwise as [`call`](Self::call).
    #[track_caller]
    pub fn start_task<S, T, F, Fut>(&self, task: F) -> Result<(S, BlockingFuture<T>), WaitError>
    where
        S: Send + 'static,
        T: Send + 'static,
        F: FnOnce(Ready<S>) -> Fut + Send + 'static,
        Fut: Future<Output = T> + Send + 'static,
    {
        let hub = self.hub();
        let (key, runtime) = (Key::next(), hub.runtime.id());
        let waits = about_to_wait(key, runtime)?;
        let call = Call::new(key, runtime, hub.scope.handle(), Location::caller());
        let call = Arc::new(call.awaited_by(waits));
        let ready = Ready::to(Arc::clone(&call));
        let future = self.spawn_as(key, None, async move { task(ready).await });
        // Whoever may have its `Ready` then.
        let at_the_end = Arc::clone(&call);
        future.on_done(move |_| at_the_end.settle(Err(WaitError::NotReady), || None));
        match call.wait_as(None, None) {
            Ok(value) => Ok((value, future)),
            Err(WaitError::NotReady) => {
                let given_up = CancelReason::from("it is not going to be ready");
                future.cancel_for(given_up.clone());
                match future.result() {
                    Ok(_) | Err(WaitError::WouldDeadlock(_)) => Err(WaitError::NotReady),
                    Err(WaitError::Cancelled(why)) if why == given_up => Err(WaitError::NotReady),
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Calls `callback` in the runtime soon: asyncio's `call_soon_threadsafe`.
    ///
    /// As [`call_later`](Self::call_later), after no time.
    ///
    /// # Examples
    ///
    /// ```
    /// let portal = tidegate_executor::Portal::start();
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// portal.call_soon(move || sender.send("soon").unwrap());
    /// assert_eq!(receiver.recv(), Ok("soon"));
    /// ```
    ///
    /// # Panics
    ///
    /// As [`call_later`](Self::call_later).
    #[track_caller]
    pub fn call_soon<F>(&self, callback: F) -> TimerHandle
    where
        F: FnOnce() + Send + 'static,
    {
        let _inside = self.hub().runtime.enter();
        self.call_at(Instant::now(), callback)
    }

    /// Calls `callback` in the runtime once `delay` is over.
    ///
    /// As [`call_later`](crate::call_later()), by the clock of the portal's runtime. Callbacks of one portal are run
    /// by one task, in the order of their times and, for equal ones, of the calls. They are not waited for: what
    /// has not run when the portal is closed is dropped, and the handles say so.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_executor::Portal;
    ///
    /// let portal = Portal::start();
    /// let alarm = portal.call_later(Duration::from_secs(60), || eprintln!("this takes too long"));
    /// // … do it
    /// assert!(alarm.cancel(), "it was quick enough");
    /// ```
    ///
    /// # Panics
    ///
    /// When the timers of the runtime are not enabled.
    #[track_caller]
    pub fn call_later<F>(&self, delay: Duration, callback: F) -> TimerHandle
    where
        F: FnOnce() + Send + 'static,
    {
        let _inside = self.hub().runtime.enter();
        self.call_at(after(delay), callback)
    }

    /// Calls `callback` in the runtime at `when`, or soon if that has passed.
    ///
    /// As [`call_later`](Self::call_later).
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_executor::Portal;
    /// use tokio::time::Instant;
    ///
    /// let portal = Portal::start();
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// portal.call_at(Instant::now(), move || sender.send("now").unwrap());
    /// assert_eq!(receiver.recv(), Ok("now"));
    /// ```
    ///
    /// # Panics
    ///
    /// As [`call_later`](Self::call_later).
    #[track_caller]
    pub fn call_at<F>(&self, when: Instant, callback: F) -> TimerHandle
    where
        F: FnOnce() + Send + 'static,
    {
        let timers = {
            let _inside = self.hub().runtime.enter();
            self.hub().timers()
        };
        timers.add(when, Arc::new(Callback::new(callback)))
    }

    /// Takes no more tasks; those that it has go on.
    ///
    /// # Examples
    ///
    /// ```
    /// let portal = tidegate_executor::Portal::start();
    /// portal.close();
    /// assert!(portal.call(async {}).is_err());
    /// ```
    pub fn close(&self) {
        self.hub().close();
    }

    /// Takes no more tasks and cancels those that it has; their clean-up runs.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_executor::{Portal, WaitError};
    /// use tidegate_timeout::CancelReason;
    ///
    /// let portal = Portal::start();
    /// let endless = portal.spawn(std::future::pending::<()>());
    /// portal.cancel("enough");
    /// assert_eq!(endless.result(), Err(WaitError::Cancelled(CancelReason::from("enough"))));
    /// ```
    pub fn cancel(&self, why: impl Into<CancelReason>) {
        self.hub().close();
        self.hub().cancel(why.into());
    }

    /// Takes no more tasks, waits on this thread for those that it has, and says which are stuck.
    ///
    /// They have `grace` to end. When it is over, those that are left are cancelled, with [`CancelReason::Shutdown`],
    /// and named in the report, with the place that asked for them; this does not wait for their clean-up. With
    /// [`Duration::MAX`] it waits for ever. After a clean shutdown the portal's own thread is gone; if that is all
    /// that is left when the grace is over, it is named by the place where it was started.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let portal = tidegate_executor::Portal::start();
    /// let endless = portal.spawn(std::future::pending::<()>());
    /// let report = portal.shutdown(Duration::from_millis(1))?;
    /// assert_eq!(report.stuck.len(), 1);
    /// assert!(endless.result().is_err());
    /// # Ok::<(), tidegate_executor::WaitError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`WaitError::WouldDeadlock`] when there is something to wait for and this thread
    /// [must not](BlockingFuture#blocking). The portal is closed nevertheless.
    #[track_caller]
    pub fn shutdown(&self, grace: Duration) -> Result<ShutdownReport, WaitError> {
        self.hub().shut(grace)
    }

    fn hub(&self) -> &Arc<Hub> {
        &self.0.0
    }
}

/// What the thread of a portal does.
fn live(runtime: Runtime, hub: &Arc<Hub>) {
    /// However the thread ends.
    struct Ended<'a>(&'a Hub);
    impl Drop for Ended<'_> {
        fn drop(&mut self) {
            self.0.thread_has_ended();
        }
    }
    let _ended = Ended(hub);
    runtime.block_on(std::future::poll_fn(|cx| hub.poll_deserted(cx)));
    drop(runtime);
}

impl fmt::Debug for Portal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (is_open, tasks) = self.hub().counts();
        f.debug_struct("Portal")
            .field("thread", &self.hub().thread)
            .field("is_open", &is_open)
            .field("tasks", &tasks)
            .finish_non_exhaustive()
    }
}
