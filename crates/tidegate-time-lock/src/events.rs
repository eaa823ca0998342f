// How it works
//
// What happens at a gate is noted under its lock, and told after it. Nobody notes anything unless somebody wants to
// know: a listener, or the feature `tracing`.
//
//     core: news --(the lock is let go)--> log --> listeners, each with a place in it
//                                      '-> tracing
//
// The log is part of the core, so that its order is that of what happened. A listener that is far behind is told how
// much it missed. That a pause is over happens by itself, without anybody doing anything; so a listener sets a timer for
// it, if nobody else should look.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use pin_project_lite::pin_project;
use tidegate_waiters::{Decision, Locked, Turn, Waiter};
use tokio::time::Instant;

use crate::entry::let_others_go;
use crate::line::{Crier, Gate, Onlookers};
use crate::timer::Timer;
use crate::{Epoch, Rate, Reason, TimeLock};

/// Something that happened at a gate.
///
/// # Examples
///
/// ```
/// use tidegate_time_lock::Event;
///
/// fn line(event: &Event) -> String {
///     match event {
///         Event::Shut { reason: Some(reason), .. } => format!("shut: {reason}"),
///         Event::Opened { after, waiters, .. } => format!("open after {after:?}, {waiters} wait"),
///         other => format!("{other:?}"),
///     }
/// }
/// assert_eq!(line(&Event::Closed), "Closed");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// It was shut.
    Shut {
        /// The epoch that began.
        epoch: Epoch,
        /// Until when; `None` when only `unlock` opens it.
        until: Option<Instant>,
        /// Why, if somebody said so.
        reason: Option<Reason>,
    },
    /// It is shut for longer.
    Extended {
        /// Until when; `None` when only `unlock` opens it.
        until: Option<Instant>,
    },
    /// It is shut for a shorter time.
    Shortened {
        /// Until when.
        until: Option<Instant>,
    },
    /// The time is up, and a probe decides.
    Probing {
        /// The epoch.
        epoch: Epoch,
    },
    /// It is open.
    Opened {
        /// The epoch.
        epoch: Epoch,
        /// How long it was not.
        after: Duration,
        /// How many waited when that was noticed.
        waiters: usize,
    },
    /// Passes are given at another pace from now on, or at none.
    PaceChanged {
        /// The pace as it begins.
        pace: Option<Rate>,
    },
    /// It is closed for good.
    Closed,
    /// So many events were not listened to in time.
    Missed {
        /// How many.
        events: u64,
    },
}

/// So many events are kept for listeners that are slow.
const KEPT: usize = 256;

/// What the core has to tell.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// Not told yet.
    fresh: Vec<Event>,
    log: Option<Box<Log>>,
}

#[derive(Debug, Default)]
struct Log {
    listeners: usize,
    events: VecDeque<Event>,
    /// The number of the next event.
    next: u64,
}

impl News {
    #[inline]
    pub(crate) fn are_wanted(&self) -> bool {
        cfg!(feature = "tracing") || self.log.is_some()
    }

    pub(crate) fn add(&mut self, event: Event) {
        self.fresh.push(event);
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.fresh.is_empty()
    }

    /// Takes what is to be told now, having written it down for listeners.
    pub(crate) fn take(&mut self, line: usize) -> Vec<Event> {
        for event in &mut self.fresh {
            if let Event::Opened { waiters, .. } = event {
                *waiters = line;
            }
        }
        if let Some(log) = &mut self.log {
            for event in &self.fresh {
                log.next += 1;
                log.events.push_back(event.clone());
                if log.events.len() > KEPT {
                    log.events.pop_front();
                }
            }
        }
        std::mem::take(&mut self.fresh)
    }

    /// One more listens. Answers the number of the first event that it will hear.
    fn listen(&mut self) -> u64 {
        let log = self.log.get_or_insert_default();
        log.listeners += 1;
        log.next
    }

    fn leave(&mut self) {
        if let Some(log) = &mut self.log {
            log.listeners -= 1;
            if log.listeners == 0 {
                self.log = None;
            }
        }
    }

    /// The event of this number, if it has happened, and the number of the one after it.
    fn get(&self, number: u64) -> Option<(Event, u64)> {
        let log = self.log.as_ref()?;
        let first = log.next - log.events.len() as u64;
        match first.checked_sub(number) {
            Some(events @ 1..) => Some((Event::Missed { events }, first)),
            _ => {
                let event = log.events.get((number - first) as usize)?;
                Some((event.clone(), number + 1))
            }
        }
    }
}

/// What happens at a gate, from now on; see [`TimeLock::events`].
///
/// A [`Stream`] that ends after [`Event::Closed`].
#[derive(Debug)]
#[must_use = "events are told to whoever listens"]
pub struct Events {
    gate: Arc<Gate>,
    next: u64,
    closed: bool,
    /// One allocation for a listener, none for an event.
    wait: Pin<Box<Listening>>,
}

pin_project! {
    #[derive(Debug)]
    struct Listening {
        #[pin]
        waiter: Option<Waiter<Onlookers, Arc<Gate>>>,
        timer: Timer,
    }
}

impl Events {
    pub(crate) fn new(gate: &TimeLock) -> Self {
        let gate = Arc::clone(gate.shared());
        // What is over by now is no news to it.
        gate.update(|line, now| line.policy().catch_up(now));
        let next = gate.update(|line, _| line.policy().news().listen());
        let wait = Box::pin(Listening { waiter: None, timer: Timer::new() });
        Self { gate, next, closed: false, wait }
    }

    /// The next event; `None` when the gate is closed and all is told.
    ///
    /// # Cancel safety
    ///
    /// Strict. An event that was not returned is the next one to be.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_time_lock::{Event, TimeLock};
    /// # tidegate_test::block_on(async {
    /// let gate = TimeLock::new();
    /// let mut events = gate.events();
    /// gate.close();
    /// assert_eq!(events.next().await, Some(Event::Closed));
    /// assert_eq!(events.next().await, None);
    /// # });
    /// ```
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| self.poll_event(cx)).await
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        if self.closed {
            return Poll::Ready(None);
        }
        if self.wait.waiter.is_none() {
            ready!(let_others_go(cx));
        }
        loop {
            let mut wait = self.wait.as_mut().project();
            // Without a runtime for a timer it hears of what others notice.
            let fired = wait.timer.poll(cx).is_ready();
            if wait.waiter.is_none() {
                let gate = Arc::clone(&self.gate);
                wait.waiter.set(Some(Waiter::new_owned(gate, Gate::audience, ())));
            }
            let mut crier = Crier::new(&self.gate);
            let (gate, number) = (&self.gate, self.next);
            let mut alarm = None;
            let look = |_: &mut Locked<'_, Onlookers>, _word: usize| {
                gate.update_for(&mut crier, |line, now| line.policy().catch_up(now));
                let (event, until) = gate.update_for(&mut crier, |line, now| {
                    let core = line.policy();
                    let until = core.pause().and_then(|pause| pause.until);
                    let until = core.next_look(now, until);
                    (core.news().get(number), until)
                });
                match event {
                    Some(event) => Decision::Ready(event),
                    None => {
                        alarm = Some(until);
                        Decision::Wait
                    }
                }
            };
            let mut waiter = wait.waiter.as_mut();
            let current = waiter.as_mut().as_pin_mut().expect("it was made above");
            let turn = match fired {
                true => current.poll_again(cx, look),
                false => current.poll(cx, look),
            };
            match turn {
                Poll::Ready(turn) => {
                    waiter.set(None);
                    let Turn::Decided((event, next)) = turn else { continue };
                    self.next = next;
                    self.closed = event == Event::Closed;
                    return Poll::Ready(Some(event));
                }
                Poll::Pending => {}
            }
            match alarm {
                None => return Poll::Pending,
                Some(None) => {
                    wait.timer.disarm();
                    return Poll::Pending;
                }
                Some(Some(at)) => {
                    if wait.timer.arm(at).is_err() {
                        return Poll::Pending;
                    }
                }
            }
        }
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll_event(cx)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.gate.update(|line, _| line.policy().news().leave());
    }
}
