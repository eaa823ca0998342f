use std::any::{Any, TypeId};
use std::error::Error;
use std::fmt::{self, Debug, Display};

/// The errors of a body and of the exits that ran after it.
///
/// # Examples
///
/// ```
/// use tidegate_timeout::ExitErrors;
///
/// let errors = ExitErrors { body: Some("no such row"), exits: vec!["the connection is gone"] };
/// assert_eq!(errors.to_string(), "no such row; its exit failed: the connection is gone");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExitErrors<E> {
    /// What the body said, if it failed.
    pub body: Option<E>,
    /// What the exits said that failed, in the order in which they ran.
    pub exits: Vec<E>,
}

impl<E: 'static> ExitErrors<E> {
    /// One error that holds them all, or the first one and the rest.
    pub(crate) fn into_one(self) -> (E, Vec<E>) {
        if self.len() == 1 {
            return self.into_first();
        }
        via(self, |errors| -> Box<dyn Error + Send + Sync> { Box::new(errors) })
            .or_else(|errors| via(errors, |errors| -> Box<dyn Error> { Box::new(errors) }))
            .or_else(|errors| via(errors, |errors: ExitErrors<String>| errors.to_string()))
            .map_or_else(Self::into_first, |error| (error, Vec::new()))
    }

    fn into_first(mut self) -> (E, Vec<E>) {
        let first = self.body.take().unwrap_or_else(|| self.exits.remove(0));
        (first, self.exits)
    }
}

impl<E> ExitErrors<E> {
    fn len(&self) -> usize {
        usize::from(self.body.is_some()) + self.exits.len()
    }
}

/// Whether one `E` can hold several.
pub(crate) fn holds_many<E: 'static>() -> bool {
    let this = TypeId::of::<E>();
    this == TypeId::of::<Box<dyn Error + Send + Sync>>()
        || this == TypeId::of::<Box<dyn Error>>()
        || this == TypeId::of::<String>()
}

/// Makes one error of several, if `E` is `K`, of which it is known how.
fn via<E: 'static, K: 'static>(
    errors: ExitErrors<E>,
    make: fn(ExitErrors<K>) -> K,
) -> Result<E, ExitErrors<E>> {
    let one = make(same::<_, ExitErrors<K>>(errors)?);
    Ok(same(one).unwrap_or_else(|_| unreachable!("E is K")))
}

fn same<A: 'static, B: 'static>(value: A) -> Result<B, A> {
    let mut value = Some(value);
    let same = (&mut value as &mut dyn Any).downcast_mut::<Option<B>>();
    match same.and_then(Option::take) {
        Some(value) => Ok(value),
        None => Err(value.expect("it was not taken")),
    }
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
