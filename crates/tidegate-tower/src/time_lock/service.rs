use std::fmt;
use std::future::poll_fn;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tidegate_time_lock::{Classify, TryAcquireError, Verdict};
use tidegate_timeout::Deadline;
use tokio::task::coop::consume_budget;
use tokio::time::Instant;
use tower_service::Service;

use super::layer::{Limits, Parts};
use super::{AttachInfo, ReadQuota, Repeat, TimeLockInfo};
use crate::gates::{Leave, Place, Refusal};
use crate::{BoxError, KeyOf, TimeLockError};

/// The service of a [`TimeLockLayer`](crate::TimeLockLayer), which says what it does.
///
/// # Examples
///
/// See [`TimeLockLayer`](crate::TimeLockLayer).
pub struct TimeLockService<S, K, C, F, R, N, Q> {
    inner: S,
    parts: Arc<Parts<K, C, F, R, N, Q>>,
}

impl<S, K, C, F, R, N, Q> TimeLockService<S, K, C, F, R, N, Q> {
    pub(super) fn new(inner: S, parts: Arc<Parts<K, C, F, R, N, Q>>) -> Self {
        Self { inner, parts }
    }
}

impl<S, K, C, F, R, N, Q, Req> Service<Req> for TimeLockService<S, K, C, F, R, N, Q>
where
    S: Service<Req> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    K: Hash + Eq + Clone + Send + Sync + 'static,
    C: Classify<S::Response, S::Error> + 'static,
    F: KeyOf<Req, K> + 'static,
    R: Repeat<Req, S::Response, S::Error> + 'static,
    N: AttachInfo<S::Response> + 'static,
    Q: ReadQuota<S::Response> + 'static,
    Req: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = TimeLockFuture<S::Response>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let sent = send(self.inner.clone(), Arc::clone(&self.parts), request);
        TimeLockFuture { sent: Box::pin(sent) }
    }
}

impl<S: Clone, K, C, F, R, N, Q> Clone for TimeLockService<S, K, C, F, R, N, Q> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), parts: Arc::clone(&self.parts) }
    }
}

impl<S: fmt::Debug, K, C, F, R, N, Q> fmt::Debug for TimeLockService<S, K, C, F, R, N, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeLockService")
            .field("inner", &self.inner)
            .field("gates", &self.parts.gates)
            .finish_non_exhaustive()
    }
}

/// The response of a [`TimeLockService`]: what waits, sends, and sends again.
///
/// # Examples
///
/// See [`TimeLockLayer`](crate::TimeLockLayer).
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct TimeLockFuture<T> {
    sent: Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>,
}

impl<T> Future for TimeLockFuture<T> {
    type Output = Result<T, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.sent.as_mut().poll(cx)
    }
}

impl<T> fmt::Debug for TimeLockFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeLockFuture").finish_non_exhaustive()
    }
}

async fn send<S, K, C, F, R, N, Q, Req>(
    inner: S,
    parts: Arc<Parts<K, C, F, R, N, Q>>,
    mut request: Req,
) -> Result<S::Response, BoxError>
where
    S: Service<Req> + Clone,
    S::Error: Into<BoxError>,
    K: Hash + Eq + Clone,
    C: Classify<S::Response, S::Error>,
    F: KeyOf<Req, K>,
    R: Repeat<Req, S::Response, S::Error>,
    N: AttachInfo<S::Response>,
    Q: ReadQuota<S::Response>,
{
    let key = parts.key.key_of(&request);
    let mut budget = parts.retry.budget.begin();
    let mut info = TimeLockInfo { waited: Duration::ZERO, attempts: 0, epoch: 0, isolated: false };
    let mut place = None;
    loop {
        let leave = parts.wait(&key, place.take(), &mut info.waited).await?;
        let mut service = inner.clone();
        poll_fn(|cx| service.poll_ready(cx)).await.map_err(Into::into)?;
        let copy = parts.retry.repeat.copy(&request);
        // The last thing before it is sent. What became ready is put down before the wait.
        if !leave.is_current() {
            place = Some(leave.requeue());
            continue;
        }
        info.attempts += 1;
        info.epoch = leave.epoch();
        let result = service.call(request).await;

        let verdict = parts.classify.classify(&result);
        let quota = match (&result, verdict) {
            (Ok(response), Verdict::Ok) => parts.quota.quota(response),
            _ => None,
        };
        let refusal = leave.verdict(verdict);
        if let Some((left, holds_for)) = quota {
            parts.gates.allow(&key, left, holds_for);
        }
        if let Some(Refusal { shut, isolated, place: back }) = refusal {
            info.isolated = isolated;
            let again = copy.filter(|copy| {
                !isolated
                    && parts.limits.admit(shut.until, info.waited)
                    && parts.retry.repeat.is_safe(copy, &result)
                    && budget.another()
            });
            if let Some(copy) = again {
                request = copy;
                place = Some(back);
                continue;
            }
        }
        let mut response = result.map_err(Into::into)?;
        parts.info.attach(&mut response, info);
        return Ok(response);
    }
}

impl<K: Hash + Eq + Clone, C, F, R, N, Q> Parts<K, C, F, R, N, Q> {
    /// Waits for leave to send, and adds how long that took.
    async fn wait(
        &self,
        key: &K,
        place: Option<Place>,
        waited: &mut Duration,
    ) -> Result<Leave<K>, TimeLockError> {
        let _seat = match (self.limits.max_waiters, &place) {
            (None, _) => None,
            // It had its turn, and comes back to its place.
            (Some(_), Some(_)) => self.room.sit(key, usize::MAX),
            (Some(most), None) => {
                // Before anything is taken. Those who enter by the other way do the same there.
                consume_budget().await;
                match self.gates.try_enter(key) {
                    Ok(leave) => return Ok(leave),
                    Err(why) => Some(self.room.sit(key, most).ok_or_else(|| {
                        let error = no_seat(why);
                        if let TimeLockError::Shed { .. } = error {
                            self.gates.count_shed(key);
                        }
                        error
                    })?),
                }
            }
        };
        let began = Instant::now();
        let until = self.limits.until(*waited);
        let leave = match self.gates.enter(key, place, until).await {
            // There may be more to say.
            Err(TimeLockError::Elapsed) => self.gates.try_enter(key).map_err(too_late)?,
            other => other?,
        };
        *waited += began.elapsed();
        Ok(leave)
    }
}

impl Limits {
    /// Until when somebody may wait who has waited for so long already.
    fn until(&self, waited: Duration) -> Option<Instant> {
        let most = self.max_wait.map(|most| most.saturating_sub(waited));
        let own = most.and_then(|left| Instant::now().checked_add(left));
        let ambient = if self.within_deadline { Deadline::ambient().instant() } else { None };
        match (own, ambient) {
            (Some(own), Some(ambient)) => Some(own.min(ambient)),
            (own, ambient) => own.or(ambient),
        }
    }

    /// Whether somebody may wait for the end of a pause, as far as that is known.
    fn admit(&self, pause: Option<Instant>, waited: Duration) -> bool {
        pause.is_none_or(|end| self.until(waited).is_none_or(|until| end <= until))
    }
}

/// Why somebody who would have had to wait may not.
fn no_seat(why: TryAcquireError) -> TimeLockError {
    match why {
        TryAcquireError::Closed => TimeLockError::Closed,
        TryAcquireError::NoRoom => TimeLockError::NoRoom,
        TryAcquireError::Shut { remaining } | TryAcquireError::Paced { remaining } => {
            TimeLockError::Shed { remaining: Some(remaining) }
        }
        _ => TimeLockError::Shed { remaining: None },
    }
}

/// Why somebody has not passed when the time was up.
fn too_late(why: TryAcquireError) -> TimeLockError {
    match why {
        TryAcquireError::Closed => TimeLockError::Closed,
        TryAcquireError::NoRoom => TimeLockError::NoRoom,
        TryAcquireError::Shut { remaining } if remaining < Duration::MAX => {
            TimeLockError::TooLong { remaining }
        }
        _ => TimeLockError::Elapsed,
    }
}
