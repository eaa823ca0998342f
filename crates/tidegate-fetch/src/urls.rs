//! Which URLs can be downloaded.

use std::fmt;

use url::Url;

/// Reads a URL that can be downloaded.
///
/// # Errors
///
/// When it is no URL, has no host, or has a scheme other than `http` (and `https`, with the feature `rustls`).
///
/// # Examples
///
/// ```
/// let url = tidegate_fetch::parse_url("http://example.com/se.png").unwrap();
/// assert_eq!(url.host_str(), Some("example.com"));
///
/// let error = tidegate_fetch::parse_url("ftp://example.com/se.png").unwrap_err();
/// assert_eq!(error.to_string(), "bad URL \"ftp://example.com/se.png\": ftp is not supported");
/// ```
pub fn parse_url(text: &str) -> Result<Url, BadUrl> {
    let bad = |why: String| BadUrl { text: text.chars().take(200).collect(), why };
    let url = Url::parse(text).map_err(|error| bad(error.to_string()))?;
    match check(&url) {
        Ok(()) => Ok(url),
        Err(why) => Err(bad(why)),
    }
}

/// Whether a URL can be downloaded, or why not.
pub(crate) fn check(url: &Url) -> Result<(), String> {
    match url.scheme() {
        "http" => {}
        "https" if cfg!(feature = "rustls") => {}
        "https" => return Err("https needs the feature rustls".to_owned()),
        other => return Err(format!("{other} is not supported")),
    }
    if url.has_host() { Ok(()) } else { Err("there is no host".to_owned()) }
}

/// A URL as it may be shown: without user name and password.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Fails only for URLs that have no place for them.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

/// The text is no URL that can be downloaded.
///
/// # Examples
///
/// ```
/// let error = tidegate_fetch::parse_url("se.png").unwrap_err();
/// assert_eq!(error.to_string(), "bad URL \"se.png\": relative URL without a base");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadUrl {
    text: String,
    why: String,
}

impl fmt::Display for BadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bad URL {:?}: {}", self.text, self.why)
    }
}

impl std::error::Error for BadUrl {}
