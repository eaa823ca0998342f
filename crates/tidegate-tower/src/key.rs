use http::{Request, Uri, header, uri::Scheme};

/// Finds the key of a request: which of the gates it goes through.
///
/// Any function from a request to a key does. Called once for each request, outside of every lock; its panic goes
/// through to whoever polls the response, and changes nothing in any gate.
///
/// # Examples
///
/// ```
/// use http::Request;
/// use tidegate_tower::KeyOf;
///
/// fn by_account<B>(request: &Request<B>) -> Vec<u8> {
///     request.headers().get("x-api-key").map_or_else(Vec::new, |it| it.as_bytes().to_vec())
/// }
///
/// let request = Request::get("/").header("x-api-key", "k1").body(()).unwrap();
/// assert_eq!(by_account.key_of(&request), b"k1");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not find a key `{K}` of a `{Req}`",
    note = "`TimeLockLayer::key` takes a function that does"
)]
pub trait KeyOf<Req, K>: Send + Sync {
    /// The key of `request`.
    fn key_of(&self, request: &Req) -> K;
}

impl<Req, K, F: Fn(&Req) -> K + Send + Sync> KeyOf<Req, K> for F {
    fn key_of(&self, request: &Req) -> K {
        self(request)
    }
}

/// There is one gate, and no key.
///
/// # Examples
///
/// ```
/// use tidegate_tower::{KeyOf, NoKey};
///
/// assert_eq!(NoKey.key_of(&"whatever"), ());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NoKey;

impl<Req> KeyOf<Req, ()> for NoKey {
    fn key_of(&self, _request: &Req) {}
}

/// The key is the origin, as [`by_origin`] says it; for keys that are made from a `String`.
///
/// # Examples
///
/// ```
/// use http::Request;
/// use tidegate_tower::{ByOrigin, KeyOf};
///
/// let request = Request::get("https://example.org/a").body(()).unwrap();
/// let key: String = ByOrigin.key_of(&request);
/// assert_eq!(key, "https://example.org");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ByOrigin;

impl<B, K: From<String>> KeyOf<Request<B>, K> for ByOrigin {
    fn key_of(&self, request: &Request<B>) -> K {
        K::from(by_origin(request))
    }
}

/// The origin of a request: scheme, host in lower case, and the port if it is not the scheme's own.
///
/// It is what servers mostly count by. A request whose address is a path alone has the host of its `Host` header; one
/// without that has no origin, which is an empty one.
///
/// # Examples
///
/// ```
/// use http::Request;
/// use tidegate_tower::by_origin;
///
/// let at = |address: &str| by_origin(&Request::get(address).body(()).unwrap());
/// assert_eq!(at("https://Example.org:443/a?b"), "https://example.org");
/// assert_eq!(at("http://user:secret@example.org:8080/"), "http://example.org:8080");
///
/// let request = Request::get("/a").header("host", "example.org").body(()).unwrap();
/// assert_eq!(by_origin(&request), "//example.org");
/// ```
pub fn by_origin<B>(request: &Request<B>) -> String {
    let uri = request.uri();
    let scheme = uri.scheme().map(Scheme::as_str);
    let mut origin = String::new();
    if let Some(scheme) = scheme {
        // Lower case already, for the two that matter.
        origin.push_str(&scheme.to_ascii_lowercase());
        origin.push(':');
    }
    let header = match uri.authority() {
        Some(_) => None,
        None => request.headers().get(header::HOST).and_then(|it| it.to_str().ok()),
    };
    let host = match header {
        Some(host) => host.parse::<Uri>().ok(),
        None => Some(uri.clone()),
    };
    let Some((host, port)) = host.as_ref().and_then(|it| Some((it.host()?, it.port_u16()))) else {
        return origin;
    };
    origin.push_str("//");
    origin.push_str(&host.to_ascii_lowercase());
    let own = match scheme {
        Some("https") => Some(443),
        Some("http") => Some(80),
        _ => None,
    };
    if let Some(port) = port.filter(|port| Some(*port) != own) {
        origin.push_str(&format!(":{port}"));
    }
    origin
}
