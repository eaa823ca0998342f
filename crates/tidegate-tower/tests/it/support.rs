use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use tidegate_time_lock::{KeyedTimeLock, KeyedTimeLockBuilder, TimeLock};
use tokio::time::{Instant, sleep};
use tower::Service;

pub(crate) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub(crate) const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Gates that open for everybody at once.
pub(crate) fn plain() -> KeyedTimeLock<String> {
    KeyedTimeLockBuilder::new().template(TimeLock::builder()).build()
}

/// A request for `name` on one host.
pub(crate) fn get(name: &str) -> Request<String> {
    get_from("a", name)
}

pub(crate) fn get_from(host: &str, name: &str) -> Request<String> {
    Request::get(format!("http://{host}.example/{name}")).body(name.to_owned()).unwrap()
}

pub(crate) fn ok() -> Response<String> {
    Response::new("well".to_owned())
}

pub(crate) fn refuse(seconds: u64) -> Response<String> {
    let refusal = Response::builder().status(429).header("retry-after", seconds);
    refusal.body("later".to_owned()).unwrap()
}

pub(crate) fn status(status: u16) -> Response<String> {
    Response::builder().status(status).body(String::new()).unwrap()
}

/// What came in.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) nth: usize,
    pub(crate) name: String,
    pub(crate) host: String,
    pub(crate) at: Instant,
}

type Answer = dyn Fn(&Arrival) -> Response<String> + Send + Sync;

/// A server that is told what to answer.
#[derive(Clone)]
pub(crate) struct Server {
    answer: Arc<Answer>,
    log: Arc<Mutex<Vec<Arrival>>>,
    latency: Duration,
}

impl Server {
    /// Answers after 10 ms.
    pub(crate) fn new(
        answer: impl Fn(&Arrival) -> Response<String> + Send + Sync + 'static,
    ) -> Self {
        Self { answer: Arc::new(answer), log: Arc::default(), latency: ms(10) }
    }

    pub(crate) fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    pub(crate) fn log(&self) -> Vec<Arrival> {
        self.log.lock().unwrap().clone()
    }

    /// The names of what came in, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        self.log().into_iter().map(|it| it.name).collect()
    }
}

impl Service<Request<String>> for Server {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<String>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<String>) -> Self::Future {
        let mut log = self.log.lock().unwrap();
        let host = request.uri().host().unwrap_or_default().to_owned();
        let name = request.uri().path().trim_start_matches('/').to_owned();
        let arrival = Arrival { nth: log.len(), name, host, at: Instant::now() };
        log.push(arrival.clone());
        drop(log);
        let (answer, latency) = (Arc::clone(&self.answer), self.latency);
        Box::pin(async move {
            sleep(latency).await;
            Ok(answer(&arrival))
        })
    }
}

/// Runs futures to their ends, each in a task, first polled in this order.
pub(crate) async fn all<F: Future<Output: Send> + Send + 'static>(
    futures: impl IntoIterator<Item = F>,
) -> Vec<F::Output> {
    let tasks: Vec<_> = futures.into_iter().map(tokio::spawn).collect();
    let mut outputs = Vec::new();
    for task in tasks {
        outputs.push(task.await.unwrap());
    }
    outputs
}
