use std::any::{Any, TypeId};
use std::error::Error;
use std::fmt::{self, Debug, Display};

use crate::with::WithError;

/// Any error.
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// The errors of the body of a stack and of the exits that ran after it.
///
/// # Examples
///
/// ```
/// use tidegate_timeout::ExitErrors;
///
/// let errors =
///     ExitErrors { body: Some("no such row"), exits: vec!["the connection is gone".into()] };
/// assert_eq!(errors.to_string(), "no such row; its exit failed: the connection is gone");
/// ```
#[derive(Debug)]
pub struct ExitErrors<E = Box<dyn Error + Send + Sync>> {
    /// What the body said, if it failed.
    pub body: Option<E>,
    /// What the exits said that failed, in the order in which they ran.
    pub exits: Vec<Box<dyn Error + Send + Sync>>,
}

impl<E: Display> Display for ExitErrors<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        if let Some(body) = &self.body {
            write!(f, "{body}")?;
            between = "; its exit failed: ";
        }
        for exit in &self.exits {
            write!(f, "{between}{exit}")?;
            between = "; ";
        }
        Ok(())
    }
}

impl<E: Debug + Display> Error for ExitErrors<E> {}

/// Whether one `E` can hold several errors.
pub(crate) fn holds_many<E: 'static>() -> bool {
    let this = TypeId::of::<E>();
    this == TypeId::of::<BoxError>()
        || this == TypeId::of::<Box<dyn Error>>()
        || this == TypeId::of::<String>()
}

const HOLDS: &str = "E holds many";

/// One error of two, if `E` [holds many](holds_many).
pub(crate) fn both<E: 'static>(body: E, exit: E) -> E {
    let both = WithError::Both { body, exit };
    via(both, |both: WithError<BoxError, BoxError>| -> BoxError { Box::new(both) })
        .or_else(|both| {
            type Local = Box<dyn Error>;
            via(both, |both: WithError<Local, Local>| -> Local { Box::new(both) })
        })
        .or_else(|both| via(both, |both: WithError<String, String>| both.to_string()))
        .unwrap_or_else(|_| unreachable!("{HOLDS}"))
}

/// One error of several, if `E` [holds many](holds_many).
pub(crate) fn all<E: 'static>(body: Option<E>, mut exits: Vec<BoxError>) -> E {
    match body {
        Some(body) if exits.is_empty() => return body,
        None if exits.len() == 1 => return exits.pop().and_then(one).expect(HOLDS),
        _ => {}
    }
    via(ExitErrors { body, exits }, |all: ExitErrors| -> BoxError { Box::new(all) })
        .or_else(|all| via(all, |all: ExitErrors<Box<dyn Error>>| -> Box<dyn Error> { all.into() }))
        .or_else(|all| via(all, |all: ExitErrors<String>| all.to_string()))
        .unwrap_or_else(|_| unreachable!("{HOLDS}"))
}

fn one<E: 'static>(error: BoxError) -> Option<E> {
    same(error)
        .or_else(|error: BoxError| same::<Box<dyn Error>, E>(error))
        .or_else(|error| same(error.to_string()))
        .ok()
}

/// Makes one error of several, if `A` is `B` and `E` is `K`, of which it is known how.
fn via<A: 'static, B: 'static, K: 'static, E: 'static>(
    several: A,
    make: fn(B) -> K,
) -> Result<E, A> {
    let one = make(same(several)?);
    Ok(same(one).unwrap_or_else(|_| unreachable!("A is B only where E is K")))
}

/// `value`, if its type is `B`.
pub(crate) fn same<A: 'static, B: 'static>(value: A) -> Result<B, A> {
    let mut value = Some(value);
    let same = (&mut value as &mut dyn Any).downcast_mut::<Option<B>>();
    match same.and_then(Option::take) {
        Some(value) => Ok(value),
        None => Err(value.expect("it was not taken")),
    }
}
