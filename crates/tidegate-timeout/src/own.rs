use std::sync::{Arc, OnceLock};
use std::task::Context;
use std::time::Duration;

use tokio::time::Instant;

use crate::current::{self, Around, Note, Noted, WakerId};
use crate::deadline::Deadline;
use crate::node::{Kind, Look, Node};
use crate::time::Time;

/// The scope of a driver.
#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) time: Time,
    pub(crate) known: OnceLock<Box<Known>>,
    pub(crate) kind: Kind,
    pub(crate) deadline_first: bool,
    /// The node is nobody else's: it ends with this driver.
    pub(crate) sole: bool,
    /// This driver has been pending.
    pub(crate) waited: bool,
    /// This driver is over, and so is its body.
    over: bool,
}

/// What there is of a scope that was asked for, or has a grace.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) node: Option<Arc<Node>>,
    /// The node, if it was made for a handle, until the next poll: only then its place in the tree is known.
    pub(crate) early: OnceLock<Arc<Node>>,
    pub(crate) grace: Option<Duration>,
    /// Among the watchers of the node.
    pub(crate) place: Option<usize>,
    /// When this driver drops its body, as of that version of the node.
    pub(crate) reach: Option<(u32, Deadline)>,
    /// The end of the grace, once the scope only waits for its guards.
    pub(crate) ending: Option<Deadline>,
}

/// What a driver sees when it looks at its node.
pub(crate) struct Watched<'a> {
    pub(crate) node: &'a Arc<Node>,
    pub(crate) place: usize,
    pub(crate) look: Look,
    pub(crate) grace: Option<Duration>,
    pub(crate) reach: Option<(u32, Deadline)>,
    pub(crate) ending: &'a mut Option<Deadline>,
}

impl Own {
    #[inline]
    pub(crate) fn new(time: Time, kind: Kind) -> Self {
        Self {
            time,
            known: OnceLock::new(),
            kind,
            deadline_first: false,
            sole: true,
            waited: false,
            over: false,
        }
    }

    /// For a node that has its place in the tree.
    pub(crate) fn on(node: Arc<Node>, sole: bool) -> Self {
        let kind = node.kind;
        let known = Known { grace: node.grace(), node: Some(node), ..Known::default() };
        let known = OnceLock::from(Box::new(known));
        Self { known, sole, ..Self::new(Time::ENDLESS, kind) }
    }

    pub(crate) fn known(&mut self) -> &mut Known {
        self.known.get_or_init(Box::default);
        self.known.get_mut().expect("it was just made")
    }

    #[inline]
    pub(crate) fn node(&self) -> Option<&Arc<Node>> {
        self.known.get()?.node.as_ref()
    }

    pub(crate) fn made(&self) -> Option<&Arc<Node>> {
        let known = self.known.get()?;
        known.node.as_ref().or_else(|| known.early.get())
    }

    pub(crate) fn made_or_early(&self) -> &Arc<Node> {
        let known = self.known.get_or_init(Box::default);
        match &known.node {
            Some(node) => node,
            None => known.early.get_or_init(|| self.note(WakerId::NONE).node()),
        }
    }

    #[inline]
    pub(crate) fn note(&self, waker: WakerId) -> Note {
        Note { kind: self.kind, time: self.time.copied(), waker }
    }

    /// Before a poll: puts a node that was made for a handle where it is polled, and notes where that is.
    pub(crate) fn settle(&mut self) {
        let known = self.known();
        if let Some(node) = known.early.take() {
            current::node().into_iter().for_each(|parent| node.attach(parent));
            known.node = Some(node);
        }
        if let Some(node) = &known.node {
            node.set_contained(current::contains(node));
        }
    }

    pub(crate) fn make_node(&mut self) {
        let node = self.note(WakerId::NONE).node();
        current::place(&node);
        Noted::made(self, node);
    }

    /// Runs `f`, a poll of the body, inside the scope.
    #[inline]
    pub(crate) fn inside<R>(
        &mut self,
        cx: &mut Context<'_>,
        f: impl FnOnce(&mut Context<'_>) -> R,
    ) -> R {
        match self.is_note() {
            true => self.inside_note(cx, f),
            false => self.inside_node(cx, f),
        }
    }

    /// Whether a note is enough; if there is no room for one more, the node is made.
    #[inline]
    fn is_note(&mut self) -> bool {
        let is_note = self.node().is_none();
        if is_note && !current::has_room() {
            self.time.begin(&mut None);
            self.make_node();
            return false;
        }
        is_note
    }

    #[inline]
    fn inside_note<R>(&mut self, cx: &mut Context<'_>, f: impl FnOnce(&mut Context<'_>) -> R) -> R {
        let _inside = current::enter_note(self.note(WakerId::of(cx.waker())), self);
        f(cx)
    }

    fn inside_node<R>(&mut self, cx: &mut Context<'_>, f: impl FnOnce(&mut Context<'_>) -> R) -> R {
        let around = self.prepare(WakerId::of(cx.waker()));
        let _inside = current::enter(&mut self.known().node, around);
        f(cx)
    }

    /// Before the body is polled in a scope of which there is a node: what the body can rely on.
    pub(crate) fn prepare(&mut self, waker: WakerId) -> Around {
        let kind = self.kind;
        let known = self.known();
        let node = known.node.as_ref().expect("there is a node");
        let version = node.version();
        let around = current::around(&mut None);
        let drops_by = match known.reach {
            _ if minds_all(node, around) => node.effective(),
            Some((seen, drops_by)) if seen == version && kind != Kind::Reporter => drops_by,
            _ => node.deadline(),
        };
        known.reach = Some((version, drops_by));
        let inside = around.drops_by(drops_by, kind, waker, current::contains(node));
        // The end of a scope that has several drivers is not that of one of them, and wakes nobody.
        inside.through(self.sole)
    }

    /// How long the scope had, from its beginning to its deadline.
    pub(crate) fn length(&self) -> Duration {
        let moved = self.node().and_then(|node| {
            Some(node.deadline().instant()?.saturating_duration_since(node.started?))
        });
        moved.or(self.time.length()).unwrap_or_default()
    }

    /// For `deadline_first`: whether the deadline has passed.
    pub(crate) fn is_late(&mut self) -> bool {
        if let Some(node) = self.node() {
            return node.deadline().has_elapsed();
        }
        self.time.begin(&mut None);
        self.time.deadline().has_elapsed()
    }

    /// For `deadline_first`: ends the scope by its deadline, unless something else came first.
    pub(crate) fn expire(&self) -> bool {
        self.node().is_none_or(|node| {
            node.expire(Instant::now());
            node.has_expired()
        })
    }

    /// Keeps the task's waker where whatever concerns the scope wakes it.
    pub(crate) fn watch(&mut self, cx: &Context<'_>) -> Watched<'_> {
        let known = self.known();
        let node = known.node.as_ref().expect("the node was made");
        let place = *known.place.get_or_insert_with(|| node.join(true));
        let look = node.watch(place, cx.waker());
        let (grace, reach) = (known.grace, known.reach);
        Watched { node, place, look, grace, reach, ending: &mut known.ending }
    }

    #[inline]
    pub(crate) fn end(&mut self) {
        if let Some(known) = self.known.get_mut() {
            known.end(self.sole);
        }
    }

    /// Lets those who were polled inside and live on know that nobody minds the time for them any more.
    #[inline]
    pub(crate) fn be_over(&mut self) {
        if !std::mem::replace(&mut self.over, true) && self.sole {
            self.node().into_iter().for_each(|node| node.wake_left());
        }
    }
}

/// What can report a cancellation from around, and is not dropped by it, also minds the deadlines around: perhaps
/// nobody else does any more. Not those of a scope that it was once polled in, and is not any more.
pub(crate) fn minds_all(node: &Node, around: Around) -> bool {
    node.kind == Kind::Reporter && !around.ends_all() && node.parent().is_some_and(current::is)
}

impl Noted for Own {
    fn begun(&mut self, time: Time) {
        self.time = time;
    }

    #[cold]
    fn made(&mut self, node: Arc<Node>) {
        self.known().node = Some(node);
    }
}

impl Known {
    #[cold]
    fn end(&mut self, sole: bool) {
        let Some(node) = self.node.as_ref().or_else(|| self.early.get()) else { return };
        // First: a waker that panics when it is dropped must not keep it off.
        if sole {
            node.end();
        }
        self.place.take().into_iter().for_each(|place| node.leave(place));
    }
}

impl Drop for Own {
    #[inline]
    fn drop(&mut self) {
        self.end();
        self.be_over();
    }
}
