//! A run: many downloads, each a task of one group.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tidegate_task_group::TaskGroup;
use tidegate_timeout::{Deadline, ScopeHandle, cancel_scope, checkpoint};
use tokio::time::Instant;

use crate::claims::Claims;
use crate::download::download;
use crate::host::Hosts;
use crate::save::{Existing, Folder, Origin};
use crate::{Job, Outcome, Progress, Summary, Watch};

/// How downloads are made.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use tidegate_fetch::Options;
///
/// let mut options = Options::default();
/// options.timeout = Duration::from_secs(5);
/// assert_eq!(options.per_host, 5);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The most requests to one host at a time; at least 1.
    pub per_host: usize,
    /// How long one request may take, from sending to the last byte on the disk.
    pub timeout: Duration,
    /// How often a request that failed in passing is tried again.
    pub retries: u32,
    /// How many redirects one download may follow.
    pub redirects: u32,
    /// How long a server may ask to wait before its files are given up.
    pub max_wait: Duration,
    /// How long all downloads together may take.
    pub deadline: Option<Duration>,
    /// What is done about files that are there already.
    pub existing: Existing,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            per_host: 5,
            timeout: Duration::from_secs(30),
            retries: 2,
            redirects: 10,
            max_wait: Duration::from_secs(120),
            deadline: None,
            existing: Existing::Keep,
        }
    }
}

/// Downloads files to a folder.
///
/// # Examples
///
/// ```
/// use tidegate_fetch::{Fetcher, Job, Options, save::Folder};
///
/// async fn flags(base: &str) -> Result<(), Box<dyn std::error::Error>> {
///     let fetcher = Fetcher::new(Folder::open("downloaded")?, Options::default())?;
///     let jobs = ["se", "no"].map(|code| format!("{base}/{code}/{code}.png").parse().map(Job::new));
///     let jobs = jobs.into_iter().collect::<Result<Vec<_>, _>>()?;
///     let summary = fetcher.run(jobs, ()).await;
///     println!("{summary}");
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Fetcher {
    client: reqwest::Client,
    folder: Folder,
    options: Options,
    stop: Stop,
    watch: Watch,
}

/// So many downloads are under way or in line at a time, whatever their hosts.
///
/// Enough that a host that makes its requests wait does not hold up the others; few enough that memory does
/// not grow with the list.
const WINDOW: usize = 1024;

impl Fetcher {
    /// Makes a downloader that saves to `folder`.
    ///
    /// # Errors
    ///
    /// When the HTTP client cannot be made.
    ///
    /// # Examples
    ///
    /// See [`Fetcher`].
    pub fn new(folder: Folder, options: Options) -> Result<Self, ClientError> {
        #[cfg(feature = "rustls")]
        {
            // Somebody else in this process may have chosen one before; then theirs holds.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let client = reqwest::Client::builder()
            .user_agent(concat!("tidegate-fetch/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .build()
            .map_err(ClientError)?;
        Ok(Self { client, folder, options, stop: Stop::default(), watch: Watch::default() })
    }

    /// Ends the run from elsewhere.
    ///
    /// # Examples
    ///
    /// See [`Stop`].
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Looks at the run from elsewhere.
    ///
    /// # Examples
    ///
    /// See [`Watch`].
    pub fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// Downloads everything and says what became of it.
    ///
    /// Jobs are taken as there is room for them, so a long list costs no more memory than a short one. When the
    /// run is stopped or its time is over, the rest is counted as cancelled.
    ///
    /// # Cancel safety
    ///
    /// Weak. Files that are complete stay, everything else is cleaned up; only the count is lost. To have that,
    /// too, use [`stop`](Self::stop).
    ///
    /// # Examples
    ///
    /// See [`Fetcher`].
    pub async fn run(
        self,
        jobs: impl IntoIterator<Item = Job>,
        progress: impl Progress,
    ) -> Summary {
        let started = Instant::now();
        let deadline = self.options.deadline.map_or(Deadline::NEVER, Deadline::after);
        let (stop, watch) = (self.stop.clone(), self.watch.clone());
        let run = Arc::new(Run::new(self, deadline, Box::new(progress)));
        watch.begin(&run);
        let mut jobs = jobs.into_iter();
        let mut begun = 0;
        let _ = cancel_scope(async |scope| {
            stop.arm(scope);
            scope.reschedule(deadline);
            download_all(&run, &mut jobs, &mut begun).await;
        })
        .await;
        stop.disarm();
        let left = begun - run.summary.lock().total() + jobs.count() as u64;
        run.summary(left, started.elapsed())
    }
}

async fn download_all(run: &Arc<Run>, jobs: &mut impl Iterator<Item = Job>, begun: &mut u64) {
    let group = TaskGroup::<std::convert::Infallible>::builder().limit(WINDOW);
    let ended = group
        .scope(async |group| {
            for job in jobs {
                *begun += 1;
                let run = Arc::clone(run);
                let task = async move {
                    run.work(&job).await;
                    Ok(())
                };
                drop(group.spawn_bounded(task).await);
            }
            Ok(())
        })
        .await;
    // No task fails, and cancelling is not an error here: what was cancelled is counted.
    drop(ended);
}

/// What the tasks of a run share.
pub(crate) struct Run {
    pub(crate) client: reqwest::Client,
    pub(crate) folder: Folder,
    pub(crate) options: Options,
    pub(crate) deadline: Deadline,
    pub(crate) hosts: Hosts,
    pub(crate) claims: Claims<Origin>,
    pub(crate) progress: Box<dyn Progress>,
    pub(crate) requests: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) pauses: AtomicU64,
    summary: Mutex<Summary>,
}

impl Run {
    fn new(fetcher: Fetcher, deadline: Deadline, progress: Box<dyn Progress>) -> Self {
        let hosts = Hosts::new(fetcher.options.per_host.max(1));
        Self {
            client: fetcher.client,
            folder: fetcher.folder,
            options: fetcher.options,
            deadline,
            hosts,
            claims: Claims::default(),
            progress,
            requests: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            pauses: AtomicU64::new(0),
            summary: Mutex::default(),
        }
    }

    async fn work(&self, job: &Job) {
        let outcome = download(self, job).await;
        // What failed because the run is being ended was cancelled.
        if matches!(outcome, Outcome::Failed(_)) && checkpoint().is_err() {
            return;
        }
        self.summary.lock().count(&outcome);
        self.progress.ended(job, &outcome);
    }

    fn summary(&self, cancelled: u64, elapsed: Duration) -> Summary {
        let mut summary = self.summary.lock().clone();
        summary.cancelled = cancelled;
        summary.requests = self.requests.load(Ordering::Relaxed);
        summary.refused = self.refused.load(Ordering::Relaxed);
        summary.pauses = self.pauses.load(Ordering::Relaxed);
        summary.elapsed = elapsed;
        summary
    }
}

/// Ends a run before its time.
///
/// # Examples
///
/// ```no_run
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// use tidegate_fetch::{Fetcher, Options, save::Folder};
///
/// let fetcher = Fetcher::new(Folder::open("downloaded")?, Options::default())?;
/// let stop = fetcher.stop();
/// tokio::spawn(async move {
///     let _ = tokio::signal::ctrl_c().await;
///     stop.now();
/// });
/// let summary = fetcher.run([], ()).await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Stop(Arc<Mutex<Stopping>>);

#[derive(Default)]
struct Stopping {
    stopped: bool,
    scope: Option<ScopeHandle>,
}

impl Stop {
    /// Ends the run: what is under way is cancelled and cleaned up, nothing further is begun.
    ///
    /// # Examples
    ///
    /// See [`Stop`].
    pub fn now(&self) {
        let scope = {
            let mut stopping = self.0.lock();
            stopping.stopped = true;
            stopping.scope.take()
        };
        if let Some(scope) = scope {
            scope.cancel("stopped");
        }
    }

    fn arm(&self, scope: &ScopeHandle) {
        let stopped = {
            let mut stopping = self.0.lock();
            stopping.scope = Some(scope.clone());
            stopping.stopped
        };
        if stopped {
            scope.cancel("stopped");
        }
    }

    fn disarm(&self) {
        drop(self.0.lock().scope.take());
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop").field("stopped", &self.0.lock().stopped).finish()
    }
}

/// The HTTP client could not be made.
///
/// # Examples
///
/// ```
/// fn is_error<E: std::error::Error>() {}
/// is_error::<tidegate_fetch::ClientError>();
/// ```
#[derive(Debug, thiserror::Error)]
#[error("cannot make an HTTP client")]
pub struct ClientError(#[source] reqwest::Error);
