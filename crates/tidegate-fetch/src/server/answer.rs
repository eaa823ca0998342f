//! What a request is answered.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use futures_util::stream;
use parking_lot::Mutex;
use tidegate_event::Event;
use tokio::time::{Instant, sleep};

use super::bucket::Bucket;
use super::mode::{Fate, Plan};
use super::witness::Witness;
use super::{EPOCH_HEADER, Epoch, Options, Statistics, drawing};
use crate::codes;

/// `/bytes` makes no more than this.
const MOST_BYTES: usize = 64 << 20;

/// What all handlers share.
#[derive(Debug)]
pub(super) struct Shared {
    options: Options,
    ledger: Mutex<Ledger>,
    /// How often each code was let in.
    visits: [AtomicU32; codes::ALL.len()],
    drawings: [OnceLock<Bytes>; codes::ALL.len()],
    /// Set when the server is to end.
    pub(super) ended: Event,
}

/// Everything that is decided or counted when a request arrives.
#[derive(Debug)]
struct Ledger {
    bucket: Option<Bucket>,
    witness: Witness,
    counts: Statistics,
    now: u64,
}

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/flags/{code}/{file}", get(flag))
        .route("/bytes/{count}/{name}", get(bytes))
        .route("/stats", get(statistics))
        .fallback(nothing)
        .with_state(shared)
}

type From = ConnectInfo<SocketAddr>;

async fn flag(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(from): From,
    Path((code, file)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let _here = match shared.arrive(from.ip(), &headers) {
        Ok(here) => here,
        Err(pause) => return refusal(StatusCode::TOO_MANY_REQUESTS, pause),
    };
    let Some(picture) = shared.picture(&code, &file).await else { return shared.not_found() };
    let plan = shared.plan(&code);
    if plan.fate == Fate::Silence {
        let nothing = shared.failed(StatusCode::SERVICE_UNAVAILABLE.into_response());
        shared.ended.wait().await;
        return nothing;
    }
    shared.pass_time(plan.delay).await;
    shared.carry_out(plan.fate, picture, from.ip(), &headers)
}

async fn bytes(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(from): From,
    Path((count, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let _here = match shared.arrive(from.ip(), &headers) {
        Ok(here) => here,
        Err(pause) => return refusal(StatusCode::TOO_MANY_REQUESTS, pause),
    };
    match count.parse() {
        Ok(count @ 0..=MOST_BYTES) => {
            shared.served("application/octet-stream", pattern(&name, count))
        }
        _ => shared.not_found(),
    }
}

async fn nothing(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(from): From,
    headers: HeaderMap,
) -> Response {
    match shared.arrive(from.ip(), &headers) {
        Ok(_here) => shared.not_found(),
        Err(pause) => refusal(StatusCode::TOO_MANY_REQUESTS, pause),
    }
}

async fn statistics(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], shared.statistics().to_json())
}

/// Bytes that are not all the same, so that one that is lost or moved shows.
fn pattern(name: &str, count: usize) -> Bytes {
    let start = name.bytes().fold(0_u8, u8::wrapping_add);
    (0..count).map(|n| start.wrapping_add((n % 251) as u8)).collect()
}

fn refusal(status: StatusCode, pause: Duration) -> Response {
    (status, [(header::RETRY_AFTER, pause.as_secs().to_string())]).into_response()
}

impl Shared {
    pub(super) fn new(options: Options) -> Self {
        let bucket = options
            .mode
            .is_limited()
            .then(|| Bucket::new(options.rate, options.burst, Instant::now()));
        Self {
            options,
            ledger: Mutex::new(Ledger {
                bucket,
                witness: Witness::default(),
                counts: Statistics::default(),
                now: 0,
            }),
            visits: [const { AtomicU32::new(0) }; codes::ALL.len()],
            drawings: [const { OnceLock::new() }; codes::ALL.len()],
            ended: Event::new(),
        }
    }

    pub(super) fn statistics(&self) -> Statistics {
        self.ledger.lock().counts
    }

    /// Counts a request and lets it in, or says for how long it is refused.
    fn arrive(&self, from: IpAddr, headers: &HeaderMap) -> Result<Here<'_>, Duration> {
        let epoch = epoch(headers);
        let mut ledger = self.ledger.lock();
        let now = Instant::now();
        ledger.counts.requests += 1;
        if ledger.witness.sent_while_shut(from, epoch, now) {
            ledger.counts.sent_while_shut += 1;
        }
        if let Some(Err(pause)) = ledger.bucket.as_mut().map(|bucket| bucket.take(now)) {
            ledger.refuse(from, epoch, now, pause);
            return Err(pause);
        }
        ledger.now += 1;
        ledger.counts.most_at_once = ledger.counts.most_at_once.max(ledger.now);
        Ok(Here(self))
    }

    fn plan(&self, code: &str) -> Plan {
        let code = code.to_ascii_uppercase();
        let earlier = match codes::ALL.binary_search(&code.as_str()) {
            Ok(place) => self.visits[place].fetch_add(1, Ordering::Relaxed),
            Err(_) => 0,
        };
        self.options.mode.plan(&code, earlier)
    }

    /// Waits, but not for longer than the server runs.
    async fn pass_time(&self, delay: Duration) {
        if !delay.is_zero() {
            tokio::select! {
                () = sleep(delay) => {}
                () = self.ended.wait() => {}
            }
        }
    }

    /// The picture at `/flags/CODE/FILE`, which is only ever called `code.png`.
    async fn picture(&self, code: &str, file: &str) -> Option<Bytes> {
        let is_code = code.len() == 2 && code.bytes().all(|letter| letter.is_ascii_lowercase());
        if !is_code || file.strip_suffix(".png") != Some(code) {
            return None;
        }
        if let Some(folder) = &self.options.flags {
            let path = folder.join(file);
            let read = tokio::task::spawn_blocking(move || std::fs::read(path));
            return read.await.ok()?.ok().map(Bytes::from);
        }
        let code = code.to_ascii_uppercase();
        let place = codes::ALL.binary_search(&code.as_str()).ok()?;
        Some(self.drawings[place].get_or_init(|| drawing::draw(&code).into()).clone())
    }

    fn carry_out(&self, fate: Fate, picture: Bytes, from: IpAddr, headers: &HeaderMap) -> Response {
        match fate {
            Fate::Serve => self.served("image/png", picture),
            Fate::Teapot => self.failed(StatusCode::IM_A_TEAPOT.into_response()),
            Fate::Silence | Fate::Crash => {
                self.failed(StatusCode::INTERNAL_SERVER_ERROR.into_response())
            }
            Fate::Break => self.failed(half(picture)),
            Fate::Unavailable(pause) => {
                self.ledger.lock().refuse(from, epoch(headers), Instant::now(), pause);
                refusal(StatusCode::SERVICE_UNAVAILABLE, pause)
            }
        }
    }

    fn served(&self, kind: &'static str, body: Bytes) -> Response {
        self.ledger.lock().counts.served += 1;
        ([(header::CONTENT_TYPE, kind)], body).into_response()
    }

    fn not_found(&self) -> Response {
        self.ledger.lock().counts.not_found += 1;
        StatusCode::NOT_FOUND.into_response()
    }

    fn failed(&self, response: Response) -> Response {
        self.ledger.lock().counts.failed += 1;
        response
    }
}

impl Ledger {
    fn refuse(&mut self, from: IpAddr, epoch: Option<Epoch>, now: Instant, pause: Duration) {
        self.counts.refused += 1;
        self.witness.refused(from, epoch, now, pause);
    }
}

/// A request that is being worked on.
struct Here<'a>(&'a Shared);

impl Drop for Here<'_> {
    fn drop(&mut self) {
        self.0.ledger.lock().now -= 1;
    }
}

fn epoch(headers: &HeaderMap) -> Option<Epoch> {
    headers.get(EPOCH_HEADER)?.to_str().ok()?.parse().ok()
}

/// Promises the whole picture, sends half of it and breaks the connection.
fn half(picture: Bytes) -> Response {
    let length = picture.len();
    let broken = io::Error::from(io::ErrorKind::ConnectionReset);
    let body = Body::from_stream(stream::iter([Ok(picture.slice(..length / 2)), Err(broken)]));
    (
        [
            (header::CONTENT_TYPE, "image/png".to_owned()),
            (header::CONTENT_LENGTH, length.to_string()),
        ],
        body,
    )
        .into_response()
}
