use std::time::SystemTime;

use http::{HeaderMap, Response, StatusCode};
use tidegate_time_lock::{Classify, Verdict};

use crate::Hints;

/// The status and the headers of a response.
///
/// # Examples
///
/// From a client that has a type of its own for responses, as reqwest does:
///
/// ```
/// use std::time::Duration;
/// use tidegate_time_lock::Verdict;
/// use tidegate_tower::classify::{ClassifyHead, Head, Http};
///
/// fn look(response: &reqwest::Response) -> Verdict {
///     Http.classify_head(&Head::new(response.status(), response.headers()))
/// }
///
/// let refusal = http::Response::builder().status(429).header("Retry-After", "5").body("")?;
/// assert_eq!(look(&refusal.into()), Verdict::refused(Duration::from_secs(5)));
/// # Ok::<_, http::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Head<'a> {
    /// The status.
    pub status: StatusCode,
    /// The headers; of a gRPC stream the trailers, when they are there.
    pub headers: &'a HeaderMap,
    /// When it was received.
    pub received: SystemTime,
}

impl<'a> Head<'a> {
    /// The head of a response that was received now.
    ///
    /// # Examples
    ///
    /// See [`Head`].
    #[must_use]
    pub fn new(status: StatusCode, headers: &'a HeaderMap) -> Self {
        Self { status, headers, received: SystemTime::now() }
    }

    /// The head of a response that was received now.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_tower::classify::Head;
    ///
    /// assert_eq!(Head::of(&http::Response::new("body")).status, 200);
    /// ```
    #[must_use]
    pub fn of<B>(response: &'a Response<B>) -> Self {
        Self::new(response.status(), response.headers())
    }

    /// The same, received at another time.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::SystemTime;
    /// use tidegate_tower::classify::Head;
    ///
    /// let response = http::Response::new(());
    /// let head = Head::of(&response).received_at(SystemTime::UNIX_EPOCH);
    /// assert_eq!(head.received, SystemTime::UNIX_EPOCH);
    /// ```
    #[must_use]
    pub fn received_at(mut self, received: SystemTime) -> Self {
        self.received = received;
        self
    }

    /// What the headers say about when to come back.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_tower::classify::Head;
    ///
    /// let response = http::Response::builder().header("Retry-After", "5").body(())?;
    /// assert_eq!(Head::of(&response).hints().pause(), Some(Duration::from_secs(5)));
    /// # Ok::<_, http::Error>(())
    /// ```
    #[must_use]
    pub fn hints(&self) -> Hints {
        Hints::from_headers(self.headers, self.received)
    }
}

/// Tells refusals from other responses by their heads.
///
/// Any function from a `&Head` to a [`Verdict`] does. [`ByHead`] makes a
/// [`Classify`] of one.
///
/// # Examples
///
/// A server that refuses with a status of its own, and is in all else like others:
///
/// ```
/// use tidegate_time_lock::Verdict;
/// use tidegate_tower::classify::{ByHead, ClassifyHead, Head, Http};
///
/// fn calm(head: &Head<'_>) -> Verdict {
///     match head.status.as_u16() {
///         420 => Verdict::refused(&head.hints()),
///         _ => Http.classify_head(head),
///     }
/// }
///
/// let requests = tidegate_time_lock::PausingSemaphore::builder().classify_with(ByHead(calm)).build();
/// # tidegate_test::block_on(async {
/// requests.run(async { http::Response::builder().status(420).body("") }).await.unwrap();
/// assert!(requests.gate().is_locked());
/// # });
/// ```
pub trait ClassifyHead: Send + Sync {
    /// Says what a response says.
    fn classify_head(&self, head: &Head<'_>) -> Verdict;
}

impl<F: Fn(&Head<'_>) -> Verdict + Send + Sync> ClassifyHead for F {
    fn classify_head(&self, head: &Head<'_>) -> Verdict {
        self(head)
    }
}

/// Makes a [`Classify`] for results of responses out of whatever [looks at heads](ClassifyHead).
///
/// Errors say nothing about the other side: [`Verdict::Ignore`]. The classifiers of this module need no wrapping.
///
/// # Examples
///
/// See [`ClassifyHead`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ByHead<C>(pub C);

impl<C: ClassifyHead, B, E> Classify<Response<B>, E> for ByHead<C> {
    fn classify(&self, result: &Result<Response<B>, E>) -> Verdict {
        classify(&self.0, result)
    }
}

impl<C: ClassifyHead> ClassifyHead for ByHead<C> {
    fn classify_head(&self, head: &Head<'_>) -> Verdict {
        self.0.classify_head(head)
    }
}

pub(super) fn classify<B, E>(by: &impl ClassifyHead, result: &Result<Response<B>, E>) -> Verdict {
    match result {
        Ok(response) => by.classify_head(&Head::of(response)),
        Err(_) => Verdict::Ignore,
    }
}

/// A classifier of heads is one of results as well. Not for all there are at once: the trait is not ours.
macro_rules! classify_results {
    ($($name:ident),*) => {$(
        impl<B, E> tidegate_time_lock::Classify<::http::Response<B>, E> for $name {
            fn classify(
                &self,
                result: &Result<::http::Response<B>, E>,
            ) -> tidegate_time_lock::Verdict {
                $crate::classify::head::classify(self, result)
            }
        }
    )*};
}
pub(super) use classify_results;
