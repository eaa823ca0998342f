// How it works
//
// What a context needs from the scopes around it. Its body runs in a node of its own, a `Kind::Bracket`, which has
// no future and no deadline and is not shown by `current_scope`. It is there for three things: it is cancelled when
// a scope around is; it counts the guards inside, so that this body is dropped only when everything inside it has
// cleaned up, the innermost first; and it adopts what is left behind inside.
//
// While the bracket stands it holds a guard on the scope around, which therefore does not drop the body before the
// exit is done. That, and dropping its own body, is right only where the future around really drops this one when
// it is cancelled. In a task that merely took a scope along nobody does: there the body goes on and nobody waits.
//
// The exit is one boxed future that owns all it needs. It waits first until what the bracket has adopted is
// gone. Dropped half-way, or before it began, it is moved into a task of its own.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::adopt::Home;
use crate::caught::{caught, quietly};
use crate::context::Exit;
use crate::current;
use crate::deadline::Deadline;
use crate::node::{Kind, Node};
use crate::scope::{Ended, Guard};
use crate::shield::shield;
use crate::watching::Watching;

/// The scope inside a context, from before it is entered until after it was left.
pub(crate) struct Bracket {
    node: Option<Arc<Node>>,
    place: usize,
    /// On the scope around, if that drops this when it is cancelled.
    guard: Option<Guard>,
    home: Home,
}

impl Bracket {
    /// A bracket in the current scope.
    pub(crate) fn new() -> Self {
        let around = current::node();
        let node = Node::new(Kind::Bracket, Deadline::NEVER, None);
        let guard = current::is_owned().then(|| around.clone().map(Guard::new)).flatten();
        current::place(&node);
        let place = node.join(true);
        Self { node: Some(node), place, guard, home: Home::of(around) }
    }

    fn node(&self) -> &Arc<Node> {
        self.node.as_ref().expect("it is only taken out while something inside is polled")
    }

    /// Polls `future` inside until it is ready, or until it was dropped by a cancellation.
    pub(crate) async fn run<F: Future>(&mut self, future: F) -> Ended<F::Output> {
        let mut body = pin!(Some(future));
        poll_fn(|cx| self.poll(body.as_mut(), cx)).await
    }

    /// After a cancellation: pending until the future around drops this one.
    pub(crate) async fn be_dropped<T>(mut self) -> T {
        self.guard = None;
        self.node().end();
        poll_fn(|_| {
            self.node().set_contained(current::contains(self.node()));
            assert!(self.node().is_ended_from_around(), "{ENDED}");
            Poll::Pending
        })
        .await
    }

    fn poll<F: Future>(
        &mut self,
        mut body: Pin<&mut Option<F>>,
        cx: &mut Context<'_>,
    ) -> Poll<Ended<F::Output>> {
        loop {
            let knew = self.node().is_cancelled();
            self.node().set_contained(current::contains(self.node()));
            let polled = self.poll_inside(body.as_mut(), cx);
            let ended = match polled {
                Ok(Poll::Ready(value)) => Ended::Value(value),
                Err(panic) => Ended::Panicked(panic),
                Ok(Poll::Pending) => {
                    let look = self.node().watch(self.place, cx.waker());
                    let Some((cause, _)) = look.cause else { return Poll::Pending };
                    if !self.node().is_ended_from_around() {
                        // It concerns others, who need not wait.
                        self.guard = None;
                        return Poll::Pending;
                    }
                    if !knew {
                        continue;
                    }
                    if self.guard.is_none() {
                        self.guard = self.node().parent().cloned().map(Guard::new);
                    }
                    if look.busy {
                        return Poll::Pending;
                    }
                    Ended::Cancelled(cause.reason.clone())
                }
            };
            let dropped = catch_unwind(AssertUnwindSafe(|| body.set(None)));
            return Poll::Ready(match (ended, dropped) {
                (Ended::Panicked(panic), another) => {
                    quietly(another);
                    Ended::Panicked(panic)
                }
                (_, Err(panic)) => Ended::Panicked(panic),
                (ended, Ok(())) => ended,
            });
        }
    }

    fn poll_inside<F: Future>(
        &mut self,
        body: Pin<&mut Option<F>>,
        cx: &mut Context<'_>,
    ) -> Result<Poll<F::Output>, Box<dyn Any + Send>> {
        let body = body.as_pin_mut().expect("the body is there until it has ended");
        let around = current::around(&mut None).through(current::contains(self.node()));
        // Whatever it left broken is dropped by the caller and seen by nobody.
        catch_unwind(AssertUnwindSafe(|| {
            let _inside = current::enter(&mut self.node, around);
            body.poll(cx)
        }))
    }
}

impl Drop for Bracket {
    fn drop(&mut self) {
        if let Some(node) = self.node.take() {
            node.end();
            node.leave(self.place);
        }
    }
}

const ENDED: &str = "a context that a scope has ended is not polled outside of that scope";

/// What can be left.
pub(crate) trait Leave: Send + 'static {
    type Left: Send + 'static;

    fn leave(self, why: Exit) -> impl Future<Output = Self::Left> + Send;

    /// Takes what nobody else takes.
    fn unreported(left: Self::Left);
}

type Leaving<L> = Pin<Box<dyn Future<Output = <L as Leave>::Left> + Send>>;

/// What was entered inside a bracket, and is left in any case.
pub(crate) struct Held<L: Leave> {
    it: Option<L>,
    leaving: Option<Leaving<L>>,
    node: Arc<Node>,
    home: Home,
}

impl<L: Leave> Held<L> {
    pub(crate) fn new(it: L, bracket: &Bracket) -> Self {
        let (node, home) = (Arc::clone(bracket.node()), bracket.home.clone());
        Self { it: Some(it), leaving: None, node, home }
    }

    pub(crate) fn get(&mut self) -> &mut L {
        self.it.as_mut().expect("it is not left yet")
    }

    /// Leaves it; an error is the panic of its exit.
    pub(crate) async fn leave(&mut self, why: Exit) -> Result<L::Left, Box<dyn Any + Send>> {
        let it = self.it.take().expect("it is left once");
        self.leaving = Some(leaving(it, why, Arc::clone(&self.node)));
        let left = caught(self.leaving.as_mut().expect("it was just put there")).await;
        let rest = self.leaving.take();
        match (left, catch_unwind(AssertUnwindSafe(|| drop(rest)))) {
            (Ok(left), Err(panic)) => {
                L::unreported(left);
                Err(panic)
            }
            (left, another) => {
                quietly(another);
                left
            }
        }
    }

    /// Takes what is left of it.
    fn remainder(&mut self) -> Option<Leaving<L>> {
        let it = self.it.take().map(|it| {
            let cause = self.node.cause().filter(|_| self.node.is_ended_from_around());
            let why = cause.map_or(Exit::Dropped, |cause| Exit::Cancelled(cause.reason.clone()));
            leaving(it, why, Arc::clone(&self.node))
        });
        it.or_else(|| self.leaving.take())
    }
}

impl<L: Leave> Drop for Held<L> {
    fn drop(&mut self) {
        if let Some(remainder) = self.remainder() {
            self.home.adopt(Box::pin(async move { L::unreported(remainder.await) }));
        }
    }
}

fn leaving<L: Leave>(it: L, why: Exit, inside: Arc<Node>) -> Leaving<L> {
    Box::pin(shield(async move {
        alone(inside).await;
        it.leave(why).await
    }))
}

/// Ready when what `inside` has adopted is gone.
async fn alone(inside: Arc<Node>) {
    let watching = Watching::for_driver(inside);
    let node = &watching.node;
    poll_fn(|cx| {
        if node.has_orphans() {
            node.watch(watching.place, cx.waker());
            if node.has_orphans() {
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    })
    .await;
}
