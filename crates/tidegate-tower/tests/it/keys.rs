use http::Request;
use tidegate_time_lock::{KeyedTimeLock, TimeLock, Verdict};
use tidegate_tower::{ByOrigin, KeyOf, TimeLockLayer, by_origin};
use tower::{Layer, ServiceBuilder, ServiceExt};

use crate::support::{Server, get, get_from, ok, refuse};

#[test]
fn an_origin_is_the_scheme_the_host_and_the_port() {
    let of = |uri: &str| by_origin(&Request::get(uri).body(()).unwrap());
    assert_eq!(of("http://EXAMPLE.org/"), "http://example.org");
    assert_eq!(of("http://example.org:80/a"), "http://example.org");
    assert_eq!(of("http://example.org:443/a"), "http://example.org:443");
    assert_eq!(of("https://example.org:443?q"), "https://example.org");
    assert_eq!(of("https://[::1]:8443/"), "https://[::1]:8443");
    assert_eq!(of("unix://socket/"), "unix://socket");
    assert_eq!(of("example.org:80"), "//example.org:80");
    assert_eq!(of("/path"), "");
    assert_eq!(of("*"), "");
}

#[test]
fn a_path_alone_has_the_host_of_its_header() {
    let of = |host: &[u8]| {
        let value = http::HeaderValue::from_bytes(host).unwrap();
        by_origin(&Request::get("/").header("host", value).body(()).unwrap())
    };
    assert_eq!(of(b"Example.org"), "//example.org");
    assert_eq!(of(b"example.org:8080"), "//example.org:8080");
    for odd in [&b""[..], b"\xff", b"a b", b"/a", b"http://", b":::"] {
        let _ = of(odd); // whatever it is, it is one
    }
}

#[test]
fn keys_are_whatever_is_made_of_a_string() {
    let request = get("x");
    let boxed: Box<str> = ByOrigin.key_of(&request);
    let shared: std::sync::Arc<str> = ByOrigin.key_of(&request);
    assert_eq!((&*boxed, &*shared), ("http://a.example", "http://a.example"));
}

#[tokio::test(start_paused = true)]
async fn a_key_is_what_the_function_says() {
    let server = Server::new(|it| if it.nth == 0 { refuse(5) } else { ok() });
    let gates = KeyedTimeLock::<char>::builder().template(TimeLock::builder()).build();
    let layer = TimeLockLayer::new(gates.clone())
        .key(|it: &Request<String>| it.body().chars().next().unwrap());
    let client = layer.layer(server.clone());
    client.clone().oneshot(get("a1")).await.unwrap();
    // The same host, and another key; another host, and the same key.
    client.clone().oneshot(get("b1")).await.unwrap();
    assert_eq!(gates.locked()[0].0, 'a');
    client.clone().oneshot(get_from("b", "a2")).await.unwrap();
    assert_eq!(server.log()[2].at - server.log()[0].at, crate::support::ms(5010));
}

#[tokio::test(start_paused = true)]
async fn a_function_that_is_generic_does_as_a_key() {
    let client = TimeLockLayer::new(KeyedTimeLock::<String>::new())
        .key(by_origin)
        .layer(Server::new(|_| ok()));
    client.oneshot(get("x")).await.unwrap();
}

// Nobody has to name the body or the error.
#[tokio::test(start_paused = true)]
async fn types_that_the_service_knows_need_not_be_said() {
    let client = ServiceBuilder::new()
        .layer(
            TimeLockLayer::new(KeyedTimeLock::<String>::new())
                .key(|it: &Request<_>| it.uri().host().unwrap_or_default().to_owned())
                .classify(|it: &Result<http::Response<_>, _>| match it {
                    Ok(it) if it.status() == 429 => Verdict::refused(None),
                    _ => Verdict::Ok,
                })
                .info(|it: &mut http::Response<_>, info| {
                    it.extensions_mut().insert(info);
                }),
        )
        .service(Server::new(|_| ok()));
    client.oneshot(get("x")).await.unwrap();
}
