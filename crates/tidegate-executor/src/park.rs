// How it works
//
// The thread is entered into no runtime while it polls: the future finds its runtime through the handle
// that is entered for the whole job, and drives nothing but itself. So `block_on` may be called inside
// the future of another `block_on`, with a runtime of any flavour, and also when there is none.
//
// A paused clock is let go while the thread sleeps, also by the jobs that wait in line for this thread. The waker takes it back as it rings, in the thread
// of whoever wakes and under the bell's lock: between a timer that has fired and this thread's next poll,
// the clock has no chance to jump further.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use parking_lot::Mutex;

use crate::clock::Clock;
use crate::crew::Crew;

/// Polls `future` on this thread until it is ready, letting go of `clock` while it sleeps.
pub(crate) fn park_on<F: Future>(
    mut future: Pin<&mut F>,
    clock: &Clock,
    crew: Option<&Arc<Crew>>,
) -> F::Output {
    let bell = Arc::new(Bell {
        thread: std::thread::current(),
        state: Mutex::new(State { rung: false, adrift: false }),
        clock: clock.clone(),
        crew: crew.filter(|_| clock.is_paused()).cloned(),
    });
    let waker = Waker::from(Arc::clone(&bell));
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        bell.wait();
    }
}

struct Bell {
    thread: Thread,
    state: Mutex<State>,
    clock: Clock,
    /// Whose line waits for the same clock, if it is paused.
    crew: Option<Arc<Crew>>,
}

struct State {
    rung: bool,
    /// The crew knows that the clock was let go.
    adrift: bool,
}

impl Bell {
    fn wait(&self) {
        loop {
            let mut state = self.state.lock();
            if std::mem::take(&mut state.rung) {
                return;
            }
            let mut held: Vec<_> = self.clock.let_go().into_iter().collect();
            if let Some(crew) = self.crew.as_ref().filter(|_| !state.adrift) {
                held.append(&mut crew.goes_adrift());
                state.adrift = true;
            }
            drop(state);
            drop(held);
            // Rung in between, it returns at once; woken by somebody else, it looks again.
            std::thread::park();
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        {
            let mut state = self.state.lock();
            self.clock.take_back();
            // Also if nobody waits for this job any more.
            if let Some(crew) = self.crew.as_ref().filter(|_| state.adrift) {
                crew.is_woken();
                state.adrift = false;
            }
            state.rung = true;
        }
        self.thread.unpark();
    }
}
