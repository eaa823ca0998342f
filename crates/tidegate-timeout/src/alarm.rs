use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::task::coop;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::deadline::Deadline;

/// A place for a timer, which is there only while it is needed.
pub(crate) trait Alarm {
    fn timer(&mut self) -> Option<Pin<&mut Sleep>>;
    fn set(&mut self, at: Instant);
    fn clear(&mut self);
}

/// In the future itself, for those that mostly have a deadline.
impl Alarm for Pin<&mut Option<Sleep>> {
    #[inline]
    fn timer(&mut self) -> Option<Pin<&mut Sleep>> {
        self.as_mut().as_pin_mut()
    }

    #[inline]
    fn set(&mut self, at: Instant) {
        Pin::set(self, new_timer(at));
    }

    #[inline]
    fn clear(&mut self) {
        Pin::set(self, None);
    }
}

/// Beside it, for those that mostly have none.
impl Alarm for Option<Pin<Box<Sleep>>> {
    fn timer(&mut self) -> Option<Pin<&mut Sleep>> {
        self.as_mut().map(Pin::as_mut)
    }

    fn set(&mut self, at: Instant) {
        *self = Some(Box::pin(sleep_until(at)));
    }

    fn clear(&mut self) {
        *self = None;
    }
}

/// A timer in the form in which it is kept, which saves moving it once more.
#[inline(never)]
fn new_timer(at: Instant) -> Option<Sleep> {
    Some(sleep_until(at))
}

/// Ready with the present once `deadline` has passed. `now` saves reading the clock.
///
/// The timer is set anew if the deadline was moved.
///
/// A body that uses up its task's budget must still time out. So who has `waited` needs none; and a loop of timeouts
/// that are over at once, which have not, still lets the others go.
#[inline(always)]
pub(crate) fn poll_alarm(
    alarm: &mut impl Alarm,
    cx: &mut Context<'_>,
    deadline: Deadline,
    now: Option<Instant>,
    waited: bool,
) -> Poll<Instant> {
    let Some(at) = deadline.instant() else {
        alarm.clear();
        return Poll::Pending;
    };
    if alarm.timer().is_none_or(|timer| timer.deadline() != at) {
        let now = now.unwrap_or_else(Instant::now);
        if at <= now {
            if !waited {
                ready!(coop::poll_proceed(cx)).made_progress();
            }
            return Poll::Ready(now);
        }
        match alarm.timer() {
            Some(timer) => timer.reset(at),
            None => alarm.set(at),
        }
    }
    let timer = alarm.timer().expect("it was set");
    if waited && !coop::has_budget_remaining() {
        ready!(Pin::new(&mut coop::unconstrained(timer)).poll(cx));
    } else {
        ready!(timer.poll(cx));
    }
    // A timer must not be polled after it was ready; asked again, this looks at the clock.
    alarm.clear();
    Poll::Ready(Instant::now())
}
