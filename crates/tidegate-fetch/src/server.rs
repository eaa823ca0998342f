//! A server of flags that limits, delays and fails as it is told.

// How it works
//
// One handler answers everything. A request is judged under one lock when it arrives (was it sent while its
// client's gate must have been shut? is there a token in the bucket?), so that the counts are exact; what
// takes time happens after that.
//
//     /flags/se/se.png    a flag
//     /bytes/N/NAME       N bytes called NAME, for measuring
//     /stats              what was counted, as JSON; not counted itself
//
// A request that waits on purpose waits for the server's end too, so stopping takes no longer than the last
// answer that is really being sent.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tidegate_timeout::timeout;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::Url;

mod answer;
mod bucket;
mod drawing;
mod mode;
mod statistics;
mod witness;

pub use bucket::{BadRate, Rate};
pub use mode::{Mode, UnknownMode};
pub use statistics::Statistics;
pub use witness::{BadEpoch, EPOCH_HEADER, Epoch};

use answer::Shared;

/// How a server is to be.
///
/// # Examples
///
/// ```
/// use tidegate_fetch::server::{Mode, Options};
///
/// let mut options = Options::new(Mode::Limited);
/// options.rate = "20/s".parse().unwrap();
/// assert_eq!(options.address.port(), 0);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// How it treats its clients.
    pub mode: Mode,
    /// Where it listens; port 0 is any free one.
    pub address: SocketAddr,
    /// How many requests it lets through, in a mode that limits.
    pub rate: Rate,
    /// How many may come at once after a quiet time, in a mode that limits.
    pub burst: u32,
    /// A folder with a `cc.png` for each code, instead of drawings.
    pub flags: Option<PathBuf>,
}

impl Options {
    /// Loopback, any free port, drawings, and a rate that suits the mode.
    ///
    /// # Examples
    ///
    /// See [`Options`].
    pub fn new(mode: Mode) -> Self {
        let (per_second, burst) = if mode == Mode::Demo { (45.0, 15) } else { (20.0, 10) };
        Self {
            mode,
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            rate: Rate::of_per_second(per_second).expect("a rate that a clock can keep"),
            burst,
            flags: None,
        }
    }
}

/// How long a server that is to end waits for answers that are being sent.
const PATIENCE: Duration = Duration::from_secs(2);

/// A running server.
///
/// Dropping it stops it without waiting.
///
/// # Examples
///
/// ```
/// use tidegate_fetch::server::{Mode, Options, Server};
///
/// async fn look(mode: Mode) -> std::io::Result<()> {
///     let server = Server::start(Options::new(mode)).await?;
///     println!("flags at {}", server.flags_url());
///     println!("{}", server.stop().await);
///     Ok(())
/// }
/// ```
#[derive(Debug)]
#[must_use = "dropping a `Server` stops it"]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts a server on the present tokio runtime.
    ///
    /// # Errors
    ///
    /// When the address is taken or not ours, or the folder of flags is not there.
    ///
    /// # Cancel safety
    ///
    /// Strict. Dropping the future before it resolves leaves nothing running.
    ///
    /// # Examples
    ///
    /// See [`Server`].
    pub async fn start(options: Options) -> io::Result<Self> {
        if let Some(folder) = &options.flags {
            // The handler reads from it by and by; better to know now.
            std::fs::read_dir(folder)?;
        }
        let listener = TcpListener::bind(options.address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(options));
        let service =
            answer::router(Arc::clone(&shared)).into_make_service_with_connect_info::<SocketAddr>();
        let until = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            let serving = axum::serve(listener, service)
                .with_graceful_shutdown(async move { until.ended.wait().await });
            // It ends by being told to and in no other way.
            let _ = serving.await;
        });
        Ok(Self { address, shared, task })
    }

    /// Where it listens.
    ///
    /// # Examples
    ///
    /// See [`Server`].
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the flags are under: `http://127.0.0.1:1234/flags`.
    ///
    /// # Examples
    ///
    /// See [`Server`].
    pub fn flags_url(&self) -> Url {
        let text = format!("http://{}/flags", self.address);
        Url::parse(&text).expect("an address makes a URL")
    }

    /// What it has seen so far.
    ///
    /// # Examples
    ///
    /// See [`Server`].
    pub fn statistics(&self) -> Statistics {
        self.shared.statistics()
    }

    /// Ends it, after the answers that are being sent, but soon.
    ///
    /// # Cancel safety
    ///
    /// Weak. The server ends all the same; only its last count is lost.
    ///
    /// # Examples
    ///
    /// See [`Server`].
    pub async fn stop(mut self) -> Statistics {
        self.shared.ended.set();
        // A client that never finishes its request, or never reads its answer, is not waited for.
        let _ = timeout(PATIENCE, &mut self.task).await;
        self.shared.statistics()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.ended.set();
        self.task.abort();
    }
}
