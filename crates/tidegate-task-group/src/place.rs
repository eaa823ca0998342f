// How it works
//
// A child is polled with one look at the group: has anything been said since it last looked? Only then does it go to
// its seat, before the poll, so that whatever is said later wakes it. A child that has no seat yet takes one after
// the poll, and looks once more at what it may have missed meanwhile. Where nothing was ever said, nobody was aborted
// or cancelled before his first poll.

use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tidegate_executor::watch::in_poll;
use tidegate_timeout::CancelReason;
use tidegate_timeout::scope::{Ended, Resident};

use crate::core::{Core, Request};
use crate::origin::{Name, Origin};
use crate::seat::Seat;
use crate::turn::Turn;

/// A child's place among those in its group, from before it is spawned until it has ended.
pub(crate) struct Place {
    id: u64,
    name: Option<Name>,
    location: &'static Location<'static>,
    /// Up to where it has heard the news.
    heard: u32,
    state: State,
    aborted: bool,
    /// It waits for its turn.
    waits: bool,
    /// The group knows its scope.
    known: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It was never pending.
    Standing,
    /// Pending, with its waker in the group.
    Seated,
    /// The group took note of its end.
    Ended,
}

impl Place {
    pub(crate) fn new(id: u64, name: Option<Name>, location: &'static Location<'static>) -> Self {
        Self {
            id,
            name,
            location,
            heard: 0,
            state: State::Standing,
            aborted: false,
            waits: false,
            known: false,
        }
    }

    pub(crate) fn name(&self) -> Option<&Name> {
        self.name.as_ref()
    }

    /// Who it is, for a report.
    pub(crate) fn origin(&mut self) -> Origin {
        Origin { name: self.name.take(), id: Some(self.id), location: Some(self.location) }
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Waits for the turn, then polls the future.
    #[inline]
    pub(crate) fn poll<F: Future>(
        &mut self,
        core: &Core,
        turn: &mut Turn,
        run: Pin<&mut Resident<F>>,
        cx: &mut Context<'_>,
    ) -> Option<Ended<F::Output>> {
        if let Turn::Waits(_) = turn {
            match self.poll_turn(core, turn, cx)? {
                Ended::Value(()) => {}
                Ended::Cancelled(reason) => return Some(Ended::Cancelled(reason)),
                Ended::Panicked(panic) => return Some(Ended::Panicked(panic)),
            }
        }
        self.poll_alone(core, run, cx)
    }

    /// Waits for the turn.
    #[inline(never)]
    fn poll_turn(
        &mut self,
        core: &Core,
        turn: &mut Turn,
        cx: &mut Context<'_>,
    ) -> Option<Ended<()>> {
        let Turn::Waits(wait) = turn else { return Some(Ended::Value(())) };
        self.waits = true;
        match self.poll_alone(core, wait.as_mut(), cx)? {
            Ended::Value(permit) => *turn = Turn::Come(permit.ok()),
            Ended::Cancelled(reason) => return Some(Ended::Cancelled(reason)),
            Ended::Panicked(panic) => return Some(Ended::Panicked(panic)),
        }
        if let Some(reason) = self.cancelled(core) {
            return Some(Ended::Cancelled(reason));
        }
        self.waits = false;
        if self.state == State::Seated {
            core.begin(self.id);
        }
        Some(Ended::Value(()))
    }

    /// Why this child should not begin.
    fn cancelled(&self, core: &Core) -> Option<CancelReason> {
        if self.aborted {
            Some(aborted())
        } else {
            core.children.is_cancelled().then(|| core.reason())
        }
    }

    #[inline]
    fn poll_alone<F: Future>(
        &mut self,
        core: &Core,
        mut run: Pin<&mut Resident<F>>,
        cx: &mut Context<'_>,
    ) -> Option<Ended<F::Output>> {
        let mut request = None;
        if core.has_news(self.heard) {
            if self.state == State::Seated {
                request = self.sit(core, cx.waker());
            } else if let Some(reason) = self.missed(core) {
                return Some(Ended::Cancelled(reason));
            }
        }
        loop {
            match request {
                Some(Request::Abort) => run.as_mut().handle().cancel(aborted()),
                Some(Request::Dismiss) => return Some(Ended::Cancelled(core.reason())),
                None => {}
            }
            let name = self.name.as_ref().map(Name::tag);
            let polled = in_poll(self.location, Some(self.id), name, || run.as_mut().poll(cx));
            if let Poll::Ready(ended) = polled {
                return Some(ended);
            }
            if self.state != State::Seated || core.has_news(self.heard) {
                request = self.sit(core, cx.waker());
                if request.is_some() || run.is_behind() {
                    continue;
                }
            }
            if !self.known && !self.waits {
                self.introduce(core, &run);
            }
            return None;
        }
    }

    /// Why a child that has no seat should not begin.
    #[cold]
    fn missed(&mut self, core: &Core) -> Option<CancelReason> {
        self.aborted |= core.stand_up(self.id, false);
        self.cancelled(core)
    }

    /// Takes the seat, and hears what somebody wants.
    #[inline(never)]
    fn sit(&mut self, core: &Core, waker: &Waker) -> Option<Request> {
        let newcomer = (self.state != State::Seated)
            .then(|| Seat::new(self.name.clone(), self.location, core.since_first(), self.waits));
        let (request, heard) = core.sit(self.id, waker, newcomer);
        self.state = State::Seated;
        self.heard = heard;
        self.aborted |= request == Some(Request::Abort);
        request
    }

    /// Tells the group which scope is the child's, once that has one: what is inside is found through it.
    fn introduce<F: Future>(&mut self, core: &Core, run: &Resident<F>) {
        if let Some(scope) = run.known() {
            self.known = true;
            core.introduce(self.id, scope);
        }
    }

    /// Gives up the place; `false` if that was done before.
    #[inline]
    pub(crate) fn leave(&mut self, core: &Core) -> bool {
        let before = std::mem::replace(&mut self.state, State::Ended);
        if before != State::Ended {
            core.stand_up(self.id, before == State::Seated);
        }
        before != State::Ended
    }
}

fn aborted() -> CancelReason {
    CancelReason::from("the task was aborted")
}
