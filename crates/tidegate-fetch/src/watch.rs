//! Which hosts are being waited for, and why.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::StatusCode;
use tidegate_time_lock::Rate;

use crate::engine::Run;

/// Looks at a run from elsewhere: which hosts are shut, for how long, why, and who waits.
///
/// It keeps nothing of the run alive.
///
/// # Examples
///
/// Say so every ten seconds, so that nobody takes a pause for a hang:
///
/// ```no_run
/// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use tidegate_fetch::{Fetcher, Options, save::Folder};
///
/// let fetcher = Fetcher::new(Folder::open("downloaded")?, Options::default())?;
/// let watch = fetcher.watch();
/// tokio::spawn(async move {
///     loop {
///         tokio::time::sleep(Duration::from_secs(10)).await;
///         watch.shut().iter().for_each(|host| eprintln!("{host}"));
///     }
/// });
/// let summary = fetcher.run([], ()).await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Watch(Arc<Mutex<Weak<Run>>>);

impl Watch {
    /// The hosts whose gates are shut this instant, the ones for which most wait first; none before the run begins and
    /// after it has ended.
    ///
    /// Those that are given up are not among them: nobody waits for them.
    ///
    /// # Examples
    ///
    /// See [`Watch`].
    pub fn shut(&self) -> Vec<HostStatus> {
        let run = self.0.lock().upgrade();
        run.map_or_else(Vec::new, |run| run.hosts.shut())
    }

    pub(crate) fn begin(&self, run: &Arc<Run>) {
        *self.0.lock() = Arc::downgrade(run);
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

/// How it stands with a host whose gate is shut.
///
/// As text it is one line: `host-a  shut 12 s more (429, Retry-After 15)  42 waiting  pace 48/s`.
///
/// # Examples
///
/// ```no_run
/// # async fn f(watch: tidegate_fetch::Watch) {
/// for host in watch.shut() {
///     assert!(host.to_string().starts_with(&host.host));
/// }
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HostStatus {
    /// Its name, and its port if that is unusual.
    pub host: String,
    /// How long it is shut still. `None` when the time is up, and one request is out to see whether it opens.
    pub remaining: Option<Duration>,
    /// The answer that it was shut for.
    pub status: StatusCode,
    /// What its `Retry-After` said, if it had one.
    pub retry_after: Option<Duration>,
    /// How many wait.
    pub waiting: usize,
    /// The pace at which they will go on, if one is known.
    pub pace: Option<Rate>,
}

impl fmt::Display for HostStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  ", self.host)?;
        match self.remaining {
            Some(left) => write!(f, "shut {} more", Rough(left))?,
            None => f.write_str("trying one request")?,
        }
        write!(f, " ({}", self.status.as_u16())?;
        if let Some(asked) = self.retry_after {
            write!(f, ", Retry-After {}", Plain(asked.as_secs_f64(), 1))?;
        }
        write!(f, ")  {} waiting", self.waiting)?;
        if let Some(pace) = self.pace.map(Rate::as_per_second) {
            // Two figures that say something.
            let digits = if pace >= 10.0 { 0 } else { 1 + usize::from(pace < 1.0) };
            write!(f, "  pace {}/s", Plain(pace, digits))?;
        }
        Ok(())
    }
}

/// A time that is counted down, rounded up: nobody waits for the fraction of a second.
struct Rough(Duration);

impl fmt::Display for Rough {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        let seconds = self.0.as_secs().saturating_add(u64::from(self.0.subsec_nanos() > 0));
        match seconds {
            0..600 => write!(f, "{seconds} s"),
            600..7200 => write!(f, "{} min", seconds.div_ceil(MINUTE)),
            _ => write!(f, "{} h", seconds.div_ceil(HOUR)),
        }
    }
}

/// A number with so many digits behind the point at most, and none that are noughts.
struct Plain(f64, usize);

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.*}", self.1, self.0);
        match self.1 {
            0 => f.write_str(&text),
            _ => f.write_str(text.trim_end_matches('0').trim_end_matches('.')),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> HostStatus {
        HostStatus {
            host: "host-a".to_owned(),
            remaining: Some(Duration::from_millis(11_200)),
            status: StatusCode::TOO_MANY_REQUESTS,
            retry_after: Some(Duration::from_secs(15)),
            waiting: 42,
            pace: Some(Rate::per_second(48.3)),
        }
    }

    #[test]
    fn a_line_says_for_how_long_why_and_who_waits() {
        let line = "host-a  shut 12 s more (429, Retry-After 15)  42 waiting  pace 48/s";
        assert_eq!(status().to_string(), line);
        let mute = HostStatus {
            status: StatusCode::SERVICE_UNAVAILABLE,
            retry_after: None,
            pace: None,
            waiting: 1,
            ..status()
        };
        assert_eq!(mute.to_string(), "host-a  shut 12 s more (503)  1 waiting");
        let probing = HostStatus { remaining: None, ..status() };
        let line = "host-a  trying one request (429, Retry-After 15)  42 waiting  pace 48/s";
        assert_eq!(probing.to_string(), line);
    }

    #[test]
    fn one_thread_may_watch_what_another_does() {
        fn shared<T: Send + Sync + Clone + fmt::Debug + 'static>() {}
        shared::<Watch>();
        shared::<HostStatus>();
        assert_eq!(Watch::default().shut(), []);
    }

    #[test]
    fn numbers_are_as_exact_as_it_matters() {
        for (seconds, text) in [
            (0.0, "0 s"),
            (0.2, "1 s"),
            (599.0, "599 s"),
            (599.5, "10 min"),
            (601.0, "11 min"),
            (7199.0, "120 min"),
            (7200.0, "2 h"),
            (86_400.0, "24 h"),
        ] {
            assert_eq!(Rough(Duration::from_secs_f64(seconds)).to_string(), text);
        }
        for (pace, text) in [
            (480.0, "480/s"),
            (9.96, "10/s"),
            (3.15, "3.1/s"),
            (3.0, "3/s"),
            (0.333, "0.33/s"),
            (0.1, "0.1/s"),
        ] {
            let line = HostStatus { pace: Some(Rate::per_second(pace)), ..status() }.to_string();
            assert!(line.ends_with(&format!("  pace {text}")), "{line}");
        }
        let line = HostStatus { retry_after: Some(Duration::from_millis(1500)), ..status() };
        assert!(line.to_string().contains("Retry-After 1.5)"));
        assert_eq!(Rough(Duration::MAX).to_string(), "5124095576030432 h");
    }
}
