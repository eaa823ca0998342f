//! Watching a run.

use std::time::Duration;

use url::Url;

use crate::Outcome;

/// One thing to download.
///
/// # Examples
///
/// ```
/// use tidegate_fetch::Job;
///
/// let job = Job::new("http://example.com/se.png".parse().unwrap());
/// assert_eq!(job.label(), "http://example.com/se.png");
/// assert_eq!(job.labelled("SE").label(), "SE");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    url: Url,
    label: Option<Box<str>>,
}

impl Job {
    /// Downloads what `url` leads to.
    ///
    /// # Examples
    ///
    /// See [`Job`].
    pub fn new(url: Url) -> Self {
        Self { url, label: None }
    }

    /// Gives it another name in reports.
    ///
    /// # Examples
    ///
    /// See [`Job`].
    #[must_use = "it gives back the labelled job"]
    pub fn labelled(self, label: impl Into<Box<str>>) -> Self {
        Self { label: Some(label.into()), ..self }
    }

    /// Where it leads.
    ///
    /// # Examples
    ///
    /// ```
    /// # let url = url::Url::parse("http://example.com/se.png").unwrap();
    /// assert_eq!(tidegate_fetch::Job::new(url.clone()).url(), &url);
    /// ```
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Where it leads, as it may be shown: without user name and password.
    ///
    /// # Examples
    ///
    /// ```
    /// let url = "http://me:secret@example.com/se.png".parse().unwrap();
    /// assert_eq!(tidegate_fetch::Job::new(url).shown_url(), "http://example.com/se.png");
    /// ```
    pub fn shown_url(&self) -> String {
        crate::urls::shown(&self.url)
    }

    /// Its name in reports: the URL, without a password, unless it has another.
    ///
    /// # Examples
    ///
    /// See [`Job`].
    pub fn label(&self) -> std::borrow::Cow<'_, str> {
        match &self.label {
            Some(label) => (&**label).into(),
            None => self.shown_url().into(),
        }
    }
}

/// Told what happens while it happens.
///
/// Called from the tasks that download, one at a time or several at once; what it does holds them up.
///
/// # Examples
///
/// ```
/// use tidegate_fetch::{Job, Outcome, Progress};
///
/// struct Lines;
///
/// impl Progress for Lines {
///     fn ended(&self, job: &Job, outcome: &Outcome) {
///         println!("{} {outcome}", job.label());
///     }
/// }
/// ```
pub trait Progress: Send + Sync + 'static {
    /// A download has ended, one way or another. Never called for one that was cancelled.
    fn ended(&self, job: &Job, outcome: &Outcome);

    /// A host's gate was shut for so long, with so many requests waiting at it.
    ///
    /// Once for each pause, when it begins. [`Watch`](crate::Watch) is for looking at any time.
    fn paused(&self, host: &str, pause: Duration, waiting: usize) {
        let _ = (host, pause, waiting);
    }
}

/// Watches nothing.
impl Progress for () {
    fn ended(&self, _job: &Job, _outcome: &Outcome) {}
}
