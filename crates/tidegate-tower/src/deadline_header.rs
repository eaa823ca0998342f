use std::time::Duration;

use http::{HeaderName, HeaderValue, Request};

/// A header that says how much time is left for a request.
///
/// A time that is left, and not a point in time: clocks differ, and the time that the request itself takes is the smaller
/// mistake.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use http::{HeaderName, HeaderValue};
/// use tidegate_tower::DeadlineHeader;
///
/// let grpc = DeadlineHeader::grpc();
/// assert_eq!(grpc.write(Duration::from_millis(1500)), "1500000u");
/// assert_eq!(grpc.read(&HeaderValue::from_static("3M")), Some(Duration::from_secs(180)));
///
/// let ours = DeadlineHeader::milliseconds(HeaderName::from_static("x-timeout-ms"));
/// assert_eq!(ours.write(Duration::from_millis(1500)), "1500");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeadlineHeader {
    name: HeaderName,
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Format {
    Grpc,
    Milliseconds,
}

/// Units of gRPC, in nanoseconds, finest first.
const UNITS: [(u8, u128); 6] = [
    (b'n', 1),
    (b'u', 1_000),
    (b'm', 1_000_000),
    (b'S', 1_000_000_000),
    (b'M', 60 * 1_000_000_000),
    (b'H', 3600 * 1_000_000_000),
];
/// No number of gRPC's has more than eight digits.
const MOST: u128 = 99_999_999;

impl DeadlineHeader {
    /// `grpc-timeout`: up to eight digits and a unit, as finely as they allow.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate_tower::DeadlineHeader;
    ///
    /// assert_eq!(DeadlineHeader::grpc().write(Duration::from_secs(3600)), "3600000m");
    /// ```
    pub fn grpc() -> Self {
        Self { name: HeaderName::from_static("grpc-timeout"), format: Format::Grpc }
    }

    /// A header of this name with a whole number of milliseconds, rounded up.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use http::HeaderName;
    /// use tidegate_tower::DeadlineHeader;
    ///
    /// let header = DeadlineHeader::milliseconds(HeaderName::from_static("x-timeout-ms"));
    /// assert_eq!(header.write(Duration::from_micros(1)), "1");
    /// ```
    pub fn milliseconds(name: HeaderName) -> Self {
        Self { name, format: Format::Milliseconds }
    }

    /// What it is called.
    ///
    /// # Examples
    ///
    /// ```
    /// use tidegate_tower::DeadlineHeader;
    ///
    /// assert_eq!(DeadlineHeader::grpc().name(), "grpc-timeout");
    /// ```
    pub fn name(&self) -> &HeaderName {
        &self.name
    }

    /// The time that is left, as the header says it.
    ///
    /// # Examples
    ///
    /// See [`DeadlineHeader`].
    #[must_use]
    pub fn write(&self, left: Duration) -> HeaderValue {
        match self.format {
            Format::Milliseconds => {
                let up = left.as_nanos().div_ceil(1_000_000);
                HeaderValue::from(u64::try_from(up).unwrap_or(u64::MAX))
            }
            Format::Grpc => {
                let nanos = left.as_nanos();
                let fits = |(unit, size): &(u8, u128)| {
                    let number = nanos / size;
                    (number <= MOST).then_some((number, *unit))
                };
                let (number, unit) = UNITS.iter().find_map(fits).unwrap_or((MOST, b'H'));
                HeaderValue::try_from(format!("{number}{}", char::from(unit)))
                    .expect("digits and a letter are a header's value")
            }
        }
    }

    /// What the value of a header says; `None` if that cannot be understood.
    ///
    /// # Examples
    ///
    /// See [`DeadlineHeader`].
    #[must_use]
    pub fn read(&self, value: &HeaderValue) -> Option<Duration> {
        match self.format {
            Format::Milliseconds => number(value.as_bytes()).map(Duration::from_millis),
            Format::Grpc => {
                let (unit, digits) = value.as_bytes().split_last()?;
                let (_, size) = UNITS.iter().find(|(it, _)| it == unit)?;
                let number = u128::from(number(digits).filter(|_| digits.len() <= 8)?);
                let nanos = number * size;
                let seconds = u64::try_from(nanos / 1_000_000_000).unwrap_or(u64::MAX);
                let rest = u32::try_from(nanos % 1_000_000_000).unwrap_or(0);
                Some(Duration::new(seconds, rest))
            }
        }
    }
}

/// Digits and nothing else; what is too large is cut.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add =
        |number: u64, digit: &u8| number.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    Some(digits.iter().fold(0, add))
}

/// Carries deadlines in requests: [`NoHeader`], [`SendDeadline`] or [`ReceiveDeadline`].
///
/// For requests of another kind than [`http`]'s, or deadlines that are elsewhere.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_tower::CarryDeadline;
///
/// struct Job {
///     within: Option<Duration>,
/// }
///
/// #[derive(Clone)]
/// struct InJob;
///
/// impl CarryDeadline<Job> for InJob {
///     fn received(&self, job: &Job) -> Option<Duration> {
///         job.within
///     }
///     fn send(&self, job: &mut Job, left: Duration) {
///         job.within = Some(left);
///     }
/// }
///
/// let layer = tidegate_tower::DeadlineLayer::new().carry(InJob);
/// # drop(layer);
/// ```
pub trait CarryDeadline<Req>: Clone {
    /// How much time a request says is left, for who works on it.
    fn received(&self, request: &Req) -> Option<Duration>;

    /// Says in a request how much time is left.
    fn send(&self, request: &mut Req, left: Duration);
}

/// Nothing is said in requests, nor taken from them.
///
/// # Examples
///
/// See [`DeadlineLayer`](crate::DeadlineLayer).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NoHeader;

impl<Req> CarryDeadline<Req> for NoHeader {
    fn received(&self, _request: &Req) -> Option<Duration> {
        None
    }

    fn send(&self, _request: &mut Req, _left: Duration) {}
}

/// Requests say how much time is left; see [`DeadlineLayer::send`](crate::DeadlineLayer::send).
///
/// # Examples
///
/// See [`DeadlineLayer`](crate::DeadlineLayer).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SendDeadline(pub(crate) DeadlineHeader);

impl<B> CarryDeadline<Request<B>> for SendDeadline {
    fn received(&self, _request: &Request<B>) -> Option<Duration> {
        None
    }

    fn send(&self, request: &mut Request<B>, left: Duration) {
        let said = request.headers().get(&self.0.name).and_then(|it| self.0.read(it));
        if said.is_none_or(|said| left < said) {
            request.headers_mut().insert(self.0.name.clone(), self.0.write(left));
        }
    }
}

/// Requests are asked how much time is left; see [`DeadlineLayer::receive`](crate::DeadlineLayer::receive).
///
/// # Examples
///
/// See [`DeadlineLayer`](crate::DeadlineLayer).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReceiveDeadline(pub(crate) DeadlineHeader);

impl<B> CarryDeadline<Request<B>> for ReceiveDeadline {
    fn received(&self, request: &Request<B>) -> Option<Duration> {
        request.headers().get(&self.0.name).and_then(|it| self.0.read(it))
    }

    fn send(&self, _request: &mut Request<B>, _left: Duration) {}
}
