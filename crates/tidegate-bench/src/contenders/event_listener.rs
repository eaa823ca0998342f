//! event-listener, with a flag beside it; its listener boxed, and on the stack.

use std::sync::atomic::{AtomicBool, Ordering};

use event_listener::{Event, listener};

use super::{Clear, Contender};
use crate::guarantee::{Guarantee, Who};

pub(crate) struct Boxed(Flag);
pub(crate) struct OnTheStack(Flag);

struct Flag {
    up: AtomicBool,
    event: Event,
}

impl Flag {
    fn new() -> Self {
        Self { up: AtomicBool::new(false), event: Event::new() }
    }
    #[inline(always)]
    fn is_set(&self) -> bool {
        self.up.load(Ordering::Acquire)
    }
    #[inline(always)]
    fn set(&self) {
        self.up.store(true, Ordering::Release);
        self.event.notify(usize::MAX);
    }
}

impl Contender for Boxed {
    const WHO: Who = Who::peer("event-listener + flag", Guarantee::Released);
}

impl Contender for OnTheStack {
    const WHO: Who = Who::peer("event-listener + flag (stack)", Guarantee::Released);
}

impl super::Event for Boxed {
    fn new() -> Self {
        Self(Flag::new())
    }
    #[inline(always)]
    fn set(&self) {
        self.0.set();
    }
    #[inline(always)]
    fn is_set(&self) -> bool {
        self.0.is_set()
    }
    #[inline(always)]
    async fn wait(&self) {
        if self.is_set() {
            return;
        }
        let listener = self.0.event.listen();
        if !self.is_set() {
            listener.await;
        }
    }
}

impl Clear for Boxed {
    #[inline(always)]
    fn clear(&self) {
        self.0.up.store(false, Ordering::Release);
    }
}

impl super::Event for OnTheStack {
    fn new() -> Self {
        Self(Flag::new())
    }
    #[inline(always)]
    fn set(&self) {
        self.0.set();
    }
    #[inline(always)]
    fn is_set(&self) -> bool {
        self.0.is_set()
    }
    #[inline(always)]
    async fn wait(&self) {
        if self.is_set() {
            return;
        }
        listener!(self.0.event => listener);
        if !self.is_set() {
            listener.await;
        }
    }
}

impl Clear for OnTheStack {
    #[inline(always)]
    fn clear(&self) {
        self.0.up.store(false, Ordering::Release);
    }
}
