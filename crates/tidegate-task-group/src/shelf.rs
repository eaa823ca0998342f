// How it works
//
// A child's value reaches its `Task` inside tokio's own task, which costs nothing. But if nobody holds the `Task`
// any more, tokio drops the value when it has left the child's last poll, and by then the scope may have returned:
// whatever the value holds would outlive the group. So a value whose destructor matters goes over a shelf, which
// either side may leave first:
//
//     Empty ──put──▶ Full ──take──▶ Left
//       └───leave──▶ Left ──put: the value is dropped by the child, before it counts as ended

use tidegate_shim::Mutex;

use crate::panicked::drop_quietly;

/// Where a child leaves its value.
#[derive(Debug)]
pub(crate) struct Shelf<T>(Mutex<State<T>>);

#[derive(Debug)]
enum State<T> {
    /// The child has not ended; the `Task` may ask.
    Empty,
    /// The child has ended with this.
    Full(T),
    /// Nobody will ask any more.
    Left,
}

impl<T> Shelf<T> {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(State::Empty))
    }

    pub(crate) fn put(&self, value: T) {
        let mut state = self.0.lock();
        if let State::Empty = *state {
            *state = State::Full(value);
        } else {
            drop(state);
            drop_quietly(value);
        }
    }

    pub(crate) fn take(&self) -> Option<T> {
        match std::mem::replace(&mut *self.0.lock(), State::Left) {
            State::Full(value) => Some(value),
            State::Empty | State::Left => None,
        }
    }
}
