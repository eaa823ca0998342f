use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use tidegate_timeout::{CancelReason, ScopeHandle};
use tokio::runtime::Builder;
use tokio::time::{Sleep, sleep};

/// A thread that listens to signals and tells the root scope; ends when this is dropped.
pub(super) struct Signals {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// The number of the first signal.
    first: AtomicU8,
    end: Mutex<End>,
}

#[derive(Default)]
struct End {
    come: bool,
    waker: Option<Waker>,
}

impl Signals {
    pub(super) fn listen(root: ScopeHandle, grace: Duration) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let mut sources = {
            let _inside = runtime.enter();
            Sources::new()?
        };
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        let listen = async move {
            let mut alarm: Option<Pin<Box<Sleep>>> = None;
            let mut told = 0;
            while let Some(event) = poll_fn(|cx| own.poll(&mut sources, alarm.as_mut(), cx)).await {
                match (told, event) {
                    (0, Event::Signal(number)) => {
                        own.first.store(number, Ordering::Release);
                        root.request_stop();
                        alarm = Some(Box::pin(sleep(grace)));
                    }
                    (1, _) => {
                        root.cancel(CancelReason::Shutdown);
                        alarm = None;
                    }
                    (_, Event::Signal(number)) => std::process::exit(128 + i32::from(number)),
                    (_, Event::GraceIsOver) => alarm = None,
                }
                told += 1;
            }
        };
        let body = move || runtime.block_on(listen);
        let thread = std::thread::Builder::new().name("tidegate-signals".to_owned()).spawn(body)?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// The number of the first signal that came.
    pub(super) fn first(&self) -> Option<u8> {
        Some(self.shared.first.load(Ordering::Acquire)).filter(|&number| number != 0)
    }
}

enum Event {
    Signal(u8),
    GraceIsOver,
}

impl Shared {
    /// What comes next; nothing when it is the end.
    fn poll(
        &self,
        sources: &mut Sources,
        alarm: Option<&mut Pin<Box<Sleep>>>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Event>> {
        {
            let mut end = self.end.lock();
            if end.come {
                return Poll::Ready(None);
            }
            end.waker = Some(cx.waker().clone());
        }
        if let Poll::Ready(number) = sources.poll(cx) {
            return Poll::Ready(Some(Event::Signal(number)));
        }
        match alarm {
            Some(alarm) => alarm.as_mut().poll(cx).map(|()| Some(Event::GraceIsOver)),
            None => Poll::Pending,
        }
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        let waker = {
            let mut end = self.shared.end.lock();
            end.come = true;
            end.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
        self.thread.take().into_iter().for_each(|it| drop(it.join()));
    }
}

#[cfg(unix)]
struct Sources([(u8, tokio::signal::unix::Signal); 2]);

#[cfg(unix)]
impl Sources {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        // What POSIX has them be.
        let interrupt = (2, signal(SignalKind::interrupt())?);
        Ok(Self([interrupt, (15, signal(SignalKind::terminate())?)]))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<u8> {
        for (number, source) in &mut self.0 {
            if let Poll::Ready(Some(())) = source.poll_recv(cx) {
                return Poll::Ready(*number);
            }
        }
        Poll::Pending
    }
}

#[cfg(windows)]
struct Sources(tokio::signal::windows::CtrlC, tokio::signal::windows::CtrlBreak);

#[cfg(windows)]
impl Sources {
    fn new() -> io::Result<Self> {
        Ok(Self(tokio::signal::windows::ctrl_c()?, tokio::signal::windows::ctrl_break()?))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<u8> {
        let interrupted = self.0.poll_recv(cx).is_ready() || self.1.poll_recv(cx).is_ready();
        if interrupted { Poll::Ready(2) } else { Poll::Pending }
    }
}
