use std::any::Any;
use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// A child's panic, as an error among others.
///
/// A group whose panics are [captured](crate::OnPanic::Capture) reports them as this, where its error type can
/// hold any error (`BoxError`, `anyhow::Error`). The place is in the [`Origin`](crate::Origin) beside it.
///
/// # Examples
///
/// ```
/// # use tidegate_task_group::{BoxError, OnPanic, Panicked, TaskGroup};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let errors = TaskGroup::<BoxError>::builder()
///     .on_panic(OnPanic::Capture)
///     .scope(async |group| {
///         group.spawn(async { if true { panic!("out of cheese") } else { Ok(()) } });
///         Ok(())
///     })
///     .await
///     .unwrap_err();
///
/// assert!(errors.contains::<Panicked>());
/// assert_eq!(errors.into_first().to_string(), "panicked: out of cheese");
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panicked {
    message: String,
}

impl Panicked {
    /// What the panic said.
    ///
    /// # Examples
    ///
    /// ```
    /// # use tidegate_task_group::{BoxError, OnPanic, Panicked, TaskGroup};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let errors = TaskGroup::<BoxError>::builder()
    /// #     .on_panic(OnPanic::Capture)
    /// #     .scope(async |group| {
    /// #         group.spawn(async { if true { panic!("out of cheese") } else { Ok(()) } });
    /// #         Ok(())
    /// #     })
    /// #     .await
    /// #     .unwrap_err();
    /// let error = errors.into_first();
    /// let panicked = error.downcast_ref::<Panicked>().unwrap();
    /// assert_eq!(panicked.message(), "out of cheese");
    /// # }
    /// ```
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Takes the message out of a panic's payload and drops the payload.
    pub(crate) fn from_payload(payload: Box<dyn Any + Send>) -> Self {
        let message = message_of(&*payload);
        drop_quietly(payload);
        Self { message }
    }
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "panicked: {}", self.message)
    }
}

impl Error for Panicked {}

/// What a panic's payload says.
pub(crate) fn message_of(payload: &(dyn Any + Send)) -> String {
    if let Some(message) = payload.downcast_ref::<&'static str>() {
        (*message).to_owned()
    } else if let Some(message) = payload.downcast_ref::<String>() {
        message.clone()
    } else {
        "a value that is not text".to_owned()
    }
}

/// Drops a value of the user's; a panic in its destructor ends here.
pub(crate) fn drop_quietly<T>(value: T) {
    quietly(|| drop(value));
}

/// Calls something of the user's; a panic in there ends here.
pub(crate) fn quietly(call: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(call)) {
        // Its own destructor may panic as well, and so on without end.
        std::mem::forget(payload);
    }
}

/// Calls things of the user's, all of them; the first panic goes on in the end.
#[derive(Default)]
pub(crate) struct FirstPanic(Option<Box<dyn Any + Send>>);

impl FirstPanic {
    pub(crate) fn of(&mut self, call: impl FnOnce()) -> &mut Self {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(call)) {
            match self.0 {
                None => self.0 = Some(payload),
                Some(_) => drop_quietly(payload),
            }
        }
        self
    }

    pub(crate) fn go_on(&mut self) {
        if let Some(payload) = self.0.take() {
            resume_unwind(payload);
        }
    }
}
