//! One download, from the URL to the file.

// How it works
//
//     claim the URL --> kept? --> host's gate and permit --> request, headers --> body, in pieces, to the disk
//                                      ^                          |
//                                      |--- refused: shut the gate, same place in line (the first few times)
//                                      |--- redirect: the next host's gate
//                                      '--- failed: again, a few times, after a while
//
// One request, from sending to the last byte received, is under one time-out; waiting for leave to send before it
// and giving the file its name after it are not. A body passes through memory in pieces of a bounded size, which threads write down; a file of one piece
// costs one thread job.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::header::LOCATION;
use reqwest::{Response, StatusCode};
use tidegate_executor::to_thread;
use tidegate_semaphore::OwnedPermit;
use tidegate_time_lock::Verdict;
use tidegate_timeout::timeout;
use tidegate_tower::classify::{ClassifyHead as _, Head, Nginx};
use tokio::time::sleep;
use url::Url;

use crate::engine::Run;
use crate::host::{Entry, Host, Place};
use crate::save::{Target, Temporary};
use crate::server::EPOCH_HEADER;
use crate::{Failure, Job, Outcome, urls};

/// So much of a body is in memory at a time.
const PIECE: usize = 64 << 10;

/// Nobody is refused more often than this while others are let through.
const MOST_REFUSALS: u32 = 20;

/// So often a refused request goes first again when the gate opens. One that is refused for itself, and not
/// because it came too soon, would keep the gate shut for all others if it always did.
const MOST_TURNS: u32 = 3;

/// A request that is refused again after its last turn, while so many others were accepted, is given up.
const OTHERS: u64 = 8;

/// The pause before a failed request is tried again; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Downloads one file and says what became of it.
pub(crate) async fn download(run: &Run, job: &Job) -> Outcome {
    let target = Arc::new(Target::new(job.url(), run.options.existing));
    let _alone = run.claims.claim(target.origin()).await;
    match kept(run, &target).await {
        Ok(Some(path)) => return Outcome::Kept { path },
        Ok(None) => {}
        Err(failure) => return Outcome::Failed(failure),
    }
    let mut attempts = Attempts::new(run, job.url().clone(), target);
    loop {
        match attempts.next().await {
            Ok(Step::Saved { path, bytes }) => return Outcome::Downloaded { path, bytes },
            Ok(Step::NotFound) => return Outcome::NotFound,
            Ok(Step::Again) => {}
            Err(failure) => return Outcome::Failed(failure),
        }
    }
}

async fn kept(run: &Run, target: &Arc<Target>) -> Result<Option<PathBuf>, Failure> {
    let (folder, target) = (run.folder.clone(), Arc::clone(target));
    to_thread(move |_| folder.kept(&target)).await.map_err(no_thread)
}

/// The requests it takes to download one file.
struct Attempts<'a> {
    run: &'a Run,
    target: Arc<Target>,
    url: Url,
    /// Kept, so that it is remembered for as long as it is in use.
    host: Arc<Host>,
    /// The place in line after a refusal.
    place: Option<Place>,
    redirects: u32,
    refusals: u32,
    /// What the host had accepted when it refused this request for the first time.
    accepted: u64,
    retries: u32,
}

/// What one attempt came to.
enum Step {
    Saved { path: PathBuf, bytes: u64 },
    NotFound,
    Again,
}

/// What one request came to.
enum Answer {
    Received(Received),
    NotFound,
    Redirect(Url),
    Refused { status: StatusCode, place: Place },
}

/// A body that is complete, but for its last piece on the disk.
struct Received {
    file: Option<Temporary>,
    piece: Vec<u8>,
    bytes: u64,
    /// A disk that is slower than the server slows the requests down.
    _permit: OwnedPermit,
}

impl<'a> Attempts<'a> {
    fn new(run: &'a Run, url: Url, target: Arc<Target>) -> Self {
        let host = run.hosts.of(&url);
        Self {
            run,
            target,
            url,
            host,
            place: None,
            redirects: 0,
            refusals: 0,
            accepted: 0,
            retries: 0,
        }
    }

    async fn next(&mut self) -> Result<Step, Failure> {
        let host = Arc::clone(&self.host);
        let entry = host.enter(self.place.take()).await?;
        let longest = self.run.options.timeout;
        let answer = match timeout(longest, self.request(&host, entry)).await {
            Ok(answer) => answer,
            Err(_) => Err(Failure::TimedOut(longest)),
        };
        match answer {
            Ok(Answer::Received(received)) => self.finish(received).await,
            Ok(Answer::NotFound) => Ok(Step::NotFound),
            Ok(Answer::Redirect(url)) => self.follow(url),
            Ok(Answer::Refused { status, place }) => self.queue_again(&host, status, place),
            Err(failure) => self.retry(failure).await,
        }
    }

    fn follow(&mut self, url: Url) -> Result<Step, Failure> {
        self.redirects += 1;
        if self.redirects > self.run.options.redirects {
            return Err(Failure::TooManyRedirects);
        }
        urls::check(&url).map_err(Failure::BadRedirect)?;
        self.host = self.run.hosts.of(&url);
        self.url = url;
        self.refusals = 0;
        Ok(Step::Again)
    }

    fn queue_again(
        &mut self,
        host: &Host,
        status: StatusCode,
        place: Place,
    ) -> Result<Step, Failure> {
        if self.refusals == 0 {
            self.accepted = host.accepted();
        }
        self.refusals += 1;
        let had_its_turns = self.refusals > MOST_TURNS;
        let is_alone = had_its_turns && self.others(host) >= OTHERS;
        if is_alone || self.refusals > MOST_REFUSALS {
            return Err(Failure::Refused(status));
        }
        self.place = (!had_its_turns).then_some(place);
        Ok(Step::Again)
    }

    /// How many others the host accepted since it first refused this request.
    fn others(&self, host: &Host) -> u64 {
        host.accepted() - self.accepted
    }

    async fn retry(&mut self, failure: Failure) -> Result<Step, Failure> {
        if self.retries >= self.run.options.retries || !failure.is_transient() {
            return Err(failure);
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << self.retries.min(16)).min(LONGEST_PAUSE);
        self.retries += 1;
        sleep(pause).await;
        Ok(Step::Again)
    }

    async fn request(&self, host: &Host, entry: Entry<'_>) -> Result<Answer, Failure> {
        let run = self.run;
        run.requests.fetch_add(1, Ordering::Relaxed);
        let request = run.client.get(self.url.clone());
        let request = request.header(EPOCH_HEADER, entry.epoch().to_string());
        let response = request.send().await.map_err(|error| Failure::of_sending(&error))?;
        let status = response.status();
        let head = Head::new(status, response.headers());
        if matches!(Nginx.classify_head(&head), Verdict::Refused { .. }) {
            return self.refused(host, entry, &head);
        }
        let permit = entry.accepted();
        // Nobody asked for a part: what is only a part is not the file.
        if status.is_success() && status != StatusCode::PARTIAL_CONTENT {
            Ok(Answer::Received(self.receive(response, permit).await?))
        } else if status == StatusCode::NOT_FOUND {
            Ok(Answer::NotFound)
        } else if let (true, Some(location)) =
            (status.is_redirection(), response.headers().get(LOCATION))
        {
            let location = String::from_utf8_lossy(location.as_bytes());
            let url = self
                .url
                .join(&location)
                .map_err(|error| Failure::BadRedirect(error.to_string()))?;
            Ok(Answer::Redirect(url))
        } else {
            Err(Failure::Status(status))
        }
    }

    fn refused(&self, host: &Host, entry: Entry<'_>, head: &Head<'_>) -> Result<Answer, Failure> {
        self.run.refused.fetch_add(1, Ordering::Relaxed);
        let status = head.status;
        let refused = entry.refused(status, &head.hints(), self.longest_wait())?;
        if let Some(pause) = refused.began {
            self.run.pauses.fetch_add(1, Ordering::Relaxed);
            self.run.progress.paused(host.name(), pause, host.waiting());
        }
        Ok(Answer::Refused { status, place: refused.place })
    }

    /// How long a pause may be for waiting to make sense.
    fn longest_wait(&self) -> Duration {
        let left = self.run.deadline.remaining().unwrap_or(Duration::MAX);
        left.min(self.run.options.max_wait)
    }

    async fn receive(
        &self,
        mut response: Response,
        permit: OwnedPermit,
    ) -> Result<Received, Failure> {
        let mut received = Received { file: None, piece: Vec::new(), bytes: 0, _permit: permit };
        // The client knows how long the body is to be: one that is too short ends with an error.
        while let Some(chunk) = response.chunk().await.map_err(|_| Failure::BrokenBody)? {
            received.bytes += chunk.len() as u64;
            received.piece.extend_from_slice(&chunk);
            if received.piece.len() >= PIECE {
                let piece = std::mem::take(&mut received.piece);
                received.file = Some(self.write(received.file.take(), piece).await?);
            }
        }
        Ok(received)
    }

    async fn write(&self, file: Option<Temporary>, piece: Vec<u8>) -> Result<Temporary, Failure> {
        let folder = self.run.folder.clone();
        let write = move || {
            let mut file = file.map_or_else(|| folder.begin(), Ok)?;
            file.write(&piece)?;
            Ok(file)
        };
        to_thread(move |_| write()).await.map_err(no_thread)?
    }

    async fn finish(&self, received: Received) -> Result<Step, Failure> {
        let (folder, target) = (self.run.folder.clone(), Arc::clone(&self.target));
        let Received { file, piece, bytes, _permit } = received;
        let finish = move || {
            let mut file = file.map_or_else(|| folder.begin(), Ok)?;
            file.write(&piece)?;
            Ok::<_, Failure>(file.publish(&target)?)
        };
        let path = to_thread(move |_| finish()).await.map_err(no_thread)??;
        Ok(Step::Saved { path, bytes })
    }
}

fn no_thread(error: impl std::fmt::Display) -> Failure {
    Failure::Save(error.to_string())
}
