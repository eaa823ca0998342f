// How it works
//
// What happens at a gate is noted under its lock, and told after it. Nobody notes anything unless somebody wants to
// know: a listener, or the feature `tracing`.
//
//     core: news --> log --(the lock is let go)--> listeners, each with a place in it
//                                              '-> tracing
//
// The log is written under the gate's lock, so that its order is that of what happened. A listener that is far behind is
// told how much it missed. That a pause is over happens by itself, without anybody doing anything; so a listener sets a
// timer for it, if nobody else should look.
//
// A listener has no share of the gate, but one of the log: when the last who could do something at the gate is gone, the
// gate goes and wakes those who listen, and they hear the rest and the end.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use pin_project_lite::pin_project;
use tidegate_shim::Mutex;
use tidegate_waiters::{Decision, Locked, Turn, WaitQueue, Waiter};
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
    audience: Option<Arc<Audience>>,
}

/// Those who listen at a gate, and what there is for them to hear.
#[derive(Debug)]
pub(crate) struct Audience {
    line: WaitQueue<Onlookers>,
    log: Mutex<Log>,
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
        cfg!(feature = "tracing") || self.audience.is_some()
    }

    pub(crate) fn audience(&self) -> Option<&Arc<Audience>> {
        self.audience.as_ref()
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
        if let Some(audience) = &self.audience {
            audience.log.lock().add(&self.fresh);
        }
        std::mem::take(&mut self.fresh)
    }

    /// One more listens. Answers the number of the first event that it will hear.
    fn listen(&mut self) -> (Arc<Audience>, u64) {
        let audience = self.audience.get_or_insert_with(Audience::new);
        let mut log = audience.log.lock();
        log.listeners += 1;
        (Arc::clone(audience), log.next)
    }

    fn leave(&mut self) {
        if let Some(audience) = &self.audience {
            let mut log = audience.log.lock();
            log.listeners -= 1;
            let was_last = log.listeners == 0;
            drop(log);
            if was_last {
                self.audience = None;
            }
        }
    }
}

impl Audience {
    fn new() -> Arc<Self> {
        Arc::new(Self { line: WaitQueue::new(0, Onlookers), log: Mutex::default() })
    }

    fn line(&self) -> &WaitQueue<Onlookers> {
        &self.line
    }

    /// Has all of them hear what there is. Not under the gate's lock.
    pub(crate) fn wake(&self) {
        // Locked even if nobody seems to listen: as with onlookers.
        self.line.lock().release_all();
    }
}

impl Log {
    fn add(&mut self, events: &[Event]) {
        for event in events {
            self.next += 1;
            self.events.push_back(event.clone());
            if self.events.len() > KEPT {
                self.events.pop_front();
            }
        }
    }

    /// The event of this number, if it has happened, and the number of the one after it.
    fn get(&self, number: u64) -> Option<(Event, u64)> {
        let first = self.next - self.events.len() as u64;
        match first.checked_sub(number) {
            Some(events @ 1..) => Some((Event::Missed { events }, first)),
            _ => {
                let event = self.events.get((number - first) as usize)?;
                Some((event.clone(), number + 1))
            }
        }
    }
}

/// What happens at a gate, from now on; see [`TimeLock::events`].
///
/// A [`Stream`] that ends after [`Event::Closed`], or when nobody is left who could do anything at the gate.
#[derive(Debug)]
#[must_use = "events are told to whoever listens"]
pub struct Events {
    gate: Weak<Gate>,
    audience: Arc<Audience>,
    next: u64,
    closed: bool,
    /// One allocation for a listener, none for an event.
    wait: Pin<Box<Listening>>,
}

pin_project! {
    #[derive(Debug)]
    struct Listening {
        #[pin]
        waiter: Option<Waiter<Onlookers, Arc<Audience>>>,
        timer: Timer,
    }
}

impl Events {
    pub(crate) fn new(gate: &TimeLock) -> Self {
        let gate = gate.shared();
        // What is over by now is no news to it.
        gate.update(|line, now| line.policy().catch_up(now));
        let (audience, next) = gate.update(|line, _| line.policy().news().listen());
        let wait = Box::pin(Listening { waiter: None, timer: Timer::new() });
        Self { gate: Arc::downgrade(gate), audience, next, closed: false, wait }
    }

    /// The next event; `None` when all is told and the gate is closed, or its last handle, pass and waiter are gone.
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
                let audience = Arc::clone(&self.audience);
                wait.waiter.set(Some(Waiter::new_owned(audience, Audience::line, ())));
            }
            // Let go of after the lock of the line: the gate takes that when it goes, and this may be the last share.
            let gate = self.gate.upgrade();
            let mut crier = gate.as_deref().map(Crier::new);
            let (audience, number) = (&self.audience, self.next);
            let mut alarm = None;
            let look = |_: &mut Locked<'_, Onlookers>, _word: usize| {
                let until = gate.as_ref().zip(crier.as_mut()).and_then(|(gate, crier)| {
                    gate.update_for(crier, |line, now| {
                        let core = line.policy();
                        core.catch_up(now);
                        let until = core.pause().and_then(|pause| pause.until);
                        core.next_look(now, until)
                    })
                });
                match audience.log.lock().get(number) {
                    Some(event) => Decision::Ready(Some(event)),
                    None if gate.is_none() => Decision::Ready(None),
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
                    let Turn::Decided(heard) = turn else { continue };
                    let event = heard.map(|(event, next)| {
                        self.next = next;
                        event
                    });
                    self.closed = event.as_ref().is_none_or(|event| *event == Event::Closed);
                    return Poll::Ready(event);
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
        if let Some(gate) = self.gate.upgrade() {
            gate.update(|line, _| line.policy().news().leave());
        }
    }
}
