//! What real servers send, what the standards say, and what nobody should send.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use tidegate_time_lock::{Hint, TimeLock};
use tidegate_tower::{Hints, PushBack, QuotaPolicy, ServiceLimit, XRateLimit};

/// When everything here is received: 2023-11-14 22:13:20 GMT.
fn received() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

/// The hints of headers that are written as in a response, one a line.
fn hints(text: &str) -> Hints {
    Hints::from_headers(&headers(text), received())
}

pub(crate) fn headers(text: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (name, value) = line.trim().split_once(':').expect("a header has a colon");
        let value = HeaderValue::from_bytes(value.trim().as_bytes()).expect("a value");
        headers.append(name.parse::<HeaderName>().expect("a name"), value);
    }
    headers
}

const LONGEST: Duration = Duration::from_secs(u64::MAX);

fn s(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

fn ms(milliseconds: u64) -> Option<Duration> {
    Some(Duration::from_millis(milliseconds))
}

#[test]
fn pauses_that_servers_ask_for() {
    for (text, pause) in [
        ("", None),
        // RFC 9110: seconds, and dates of three forms.
        ("retry-after: 120", s(120)),
        ("Retry-After: 0", s(0)),
        ("retry-after: Tue, 14 Nov 2023 22:13:50 GMT", s(30)),
        ("retry-after: Tuesday, 14-Nov-23 22:13:50 GMT", s(30)),
        ("retry-after: Tue Nov 14 22:13:50 2023", s(30)),
        ("retry-after: Tue, 14 Nov 2023 22:13:10 GMT", s(0)),
        // Relative to the server's own clock, in whichever form.
        (
            "date: Fri, 01 Jan 2010 00:00:00 GMT
             retry-after: Fri, 01 Jan 2010 00:00:07 GMT",
            s(7),
        ),
        (
            "date: yesterday
             retry-after: Tue, 14 Nov 2023 22:13:50 GMT",
            s(30),
        ),
        (
            "date: 17
             retry-after: Tue, 14 Nov 2023 22:13:50 GMT",
            s(30),
        ),
        // Several lines: the longest, and what cannot be read is as good as absent.
        ("retry-after: 3\nretry-after: 7\nretry-after: 5", s(7)),
        ("retry-after: 3\nretry-after: soon\nretry-after:", s(3)),
        ("retry-after: 3\nretry-after: Tue, 14 Nov 2023 22:13:50 GMT", s(30)),
        // Fractions and units.
        ("retry-after: 1.5", ms(1500)),
        ("retry-after: 500ms", ms(500)),
        // Azure and OpenAI: the same, more exactly. Azure's Cosmos DB, Amazon.
        ("retry-after-ms: 1200", ms(1200)),
        ("retry-after-ms: 1234.5", Some(Duration::from_micros(1_234_500))),
        ("retry-after: 2\nretry-after-ms: 1200", ms(1200)),
        ("retry-after: 1\nretry-after-ms: 1000", s(1)),
        ("retry-after: 1\nretry-after-ms: 4000", s(4)),
        ("retry-after: 30\nretry-after-ms: 200", s(30)),
        ("retry-after: 3\nretry-after-ms: -1", s(3)),
        ("retry-after-ms: 750ms", ms(750)),
        // Not a nanosecond early.
        ("retry-after-ms: 0.0000001", Some(Duration::from_nanos(1))),
        ("retry-after-ms: 1.0000001", Some(Duration::from_nanos(1_000_001))),
        ("x-ms-retry-after-ms: 9", ms(9)),
        ("x-amz-retry-after: 1500", ms(1500)),
        // GitHub: seconds since 1970. Elsewhere milliseconds since 1970, or a delay.
        ("x-ratelimit-remaining: 0\nx-ratelimit-reset: 1700000060", s(60)),
        ("x-ratelimit-remaining: 0\nx-ratelimit-reset: 1700000060250", ms(60_250)),
        ("x-ratelimit-remaining: 0\nx-ratelimit-reset: 1699999999", s(0)),
        ("x-ratelimit-remaining: 0\nx-ratelimit-reset: 60", s(60)),
        ("x-ratelimit-remaining: 0\nx-ratelimit-reset: 1000000000", s(1_000_000_000)),
        ("x-ratelimit-remaining: 0\nx-ratelimit-reset: 1000000001", s(0)),
        (
            "x-ratelimit-remaining: 0\nx-ratelimit-reset: 1000000000000",
            s(1_000_000_000_000 - 1_700_000_000),
        ),
        ("x-ratelimit-remaining: 0\nx-ratelimit-reset: 1000000000001", s(0)),
        ("x-ratelimit-remaining: 0\nx-ratelimit-reset: Tue, 14 Nov 2023 22:13:50 GMT", s(30)),
        (
            "date: Tue, 14 Nov 2023 21:13:20 GMT
             x-ratelimit-remaining: 0
             x-ratelimit-reset: 1699996420",
            s(20),
        ),
        (
            "x-rate-limit-limit: 15\nx-rate-limit-remaining: 0\nx-rate-limit-reset: 1700000900",
            s(900),
        ),
        ("ratelimit-limit: 10\nratelimit-remaining: 0\nratelimit-reset: 5", s(5)),
        ("x-ratelimit-reset: 5", s(5)),
        ("x-ratelimit-remaining: 0.0\nx-ratelimit-reset: 5", s(5)),
        // Of something left, it was not refused for that.
        ("x-ratelimit-remaining: 4999\nx-ratelimit-reset: 1700003600", None),
        ("x-ratelimit-remaining: 0", None),
        ("x-ratelimit-remaining: 0\nx-ratelimit-reset: -1", None),
        ("x-ratelimit-remaining: 0\nx-ratelimit-reset: NaN", None),
        ("x-ratelimit-remaining: 0\nx-ratelimit-reset:", None),
        // Discord: exact beside rounded, and an instant with a fraction.
        ("x-ratelimit-remaining: 0\nx-ratelimit-reset-after: 1.25", ms(1250)),
        (
            "x-ratelimit-limit: 5
             x-ratelimit-remaining: 0
             x-ratelimit-reset: 1700000002.75
             x-ratelimit-reset-after: 2.5",
            ms(2500),
        ),
        ("x-ratelimit-remaining: 0\nx-ratelimit-reset: 1700000002.75", ms(2750)),
        // OpenAI: durations as Go writes them, of requests and of tokens.
        ("x-ratelimit-remaining-requests: 0\nx-ratelimit-reset-requests: 6m0s", s(360)),
        ("x-ratelimit-remaining-requests: 0\nx-ratelimit-reset-requests: 500ms", ms(500)),
        (
            "x-ratelimit-remaining-requests: 59
             x-ratelimit-reset-requests: 1s
             x-ratelimit-remaining-tokens: 0
             x-ratelimit-reset-tokens: 6m0s",
            s(360),
        ),
        ("x-ratelimit-remaining-tokens: -1\nx-ratelimit-reset-tokens: 1s", s(1)),
        // The draft of the IETF, in which Retry-After comes first.
        (r#"ratelimit: "default";r=0;t=30"#, s(30)),
        (r#"ratelimit: "default";r=50;t=30"#, None),
        (r#"ratelimit: "default";r=0"#, None),
        (r#"ratelimit: "a";r=0;t=30, "b";r=0;t=90, "c";r=1;t=900"#, s(90)),
        ("ratelimit: \"a\";r=0;t=30\nratelimit: \"b\";r=0;t=90", s(90)),
        ("retry-after: 5\nratelimit: \"default\";r=0;t=30", s(5)),
        ("retry-after: soon\nratelimit: \"default\";r=0;t=30", s(30)),
        ("ratelimit: limit=100, remaining=0, reset=50", s(50)),
        // What a cache had says nothing about us; a Retry-After says it to everybody.
        ("age: 3\nratelimit: \"default\";r=0;t=30", None),
        ("age: 3\nx-ratelimit-remaining: 0\nx-ratelimit-reset: 30", None),
        ("age: 0\nratelimit: \"default\";r=0;t=30", s(30)),
        ("age: old\nratelimit: \"default\";r=0;t=30", s(30)),
        ("age: 3\nretry-after: 30", s(30)),
        // gRPC.
        ("grpc-retry-pushback-ms: 250", ms(250)),
        ("grpc-retry-pushback-ms: 0", s(0)),
        ("grpc-retry-pushback-ms: -1", None),
        ("grpc-retry-pushback-ms: 250\nretry-after: 1", s(1)),
        ("grpc-retry-pushback-ms: 250\nratelimit: \"default\";r=0;t=30", ms(250)),
    ] {
        assert_eq!(hints(text).pause(), pause, "{text}");
    }
}

// C7
#[test]
fn huge_and_odd_headers() {
    for value in [
        "", " ", "-1", "+1", "-0", "NaN", "nan", "inf", "-inf", "infinity", "1e400", "1e3", "1.",
        ".5", "1,5", "5 s", "120, 120", "0x10", "soon", "true", "null", "1_000", "\u{663}",
        "\u{fffd}", "--5", "5-", "00:00:05",
    ] {
        for name in [
            "retry-after",
            "retry-after-ms",
            "x-ms-retry-after-ms",
            "x-amz-retry-after",
            "x-ratelimit-reset",
            "x-ratelimit-reset-after",
            "x-ratelimit-reset-requests",
            "ratelimit-reset",
            "ratelimit",
            "ratelimit-policy",
            "age",
            "date",
        ] {
            assert_eq!(hints(&format!("{name}: {value}")), Hints::default(), "{name}: {value}");
        }
    }
    for value in ["18446744073709551615", "18446744073709551616", "99999999999999999999999999999"] {
        assert_eq!(hints(&format!("retry-after: {value}")).pause(), Some(LONGEST), "{value}");
        assert!(hints(&format!("retry-after-ms: {value}")).pause() > s(u64::MAX / 1001));
        let reset = hints(&format!("x-ratelimit-reset: {value}")).pause();
        assert!(reset > s(u64::MAX / 1001), "{reset:?}");
        let counted = hints(&format!("x-ratelimit-remaining: {value}\nx-ratelimit-reset: 1"));
        assert_eq!(counted.quota(), Some((u64::MAX, Duration::from_secs(1))));
    }
    let gate = TimeLock::new();
    gate.try_acquire().unwrap().refused(hints("retry-after: 99999999999999999999999999999"));
    assert!(gate.remaining().is_some_and(|it| it <= Duration::from_secs(24 * 60 * 60)));
}

#[test]
fn a_structured_field_with_one_malformed_member_is_ignored_as_a_whole() {
    for bad in [
        r#""b""#,
        r#""b";r"#,
        r#""b";r=-1"#,
        r#""b";r=1.5"#,
        r#""b";r="1""#,
        r#""b";r=many"#,
        r#""b";r=1;t=-1"#,
        r#""b";r=1;t=1.5"#,
        r#""b";r=1;t"#,
        r#""b";r=1;t=soon"#,
        r#""b";r=1;pk="user""#,
        r#""b";r=9999999999999999"#,
        r#""b"r=1"#,
        r#""b;r=1"#,
        r#"("b");r=1"#,
        r#"b c;r=1"#,
        "5;r=1",
        ":YQ==:;r=1",
        "?1;r=1",
        "",
        ",",
    ] {
        let text = format!("ratelimit: \"a\";r=0;t=30, {bad}");
        assert_eq!(hints(&text), Hints::default(), "{bad}");
        // On lines of their own they are one field still.
        let text = format!("ratelimit: \"a\";r=0;t=30\nratelimit: {bad}");
        assert_eq!(hints(&text).pause(), None, "{bad}");
    }
    for bad in [
        r#""b""#,
        r#""b";q=-1"#,
        r#""b";q=1;w=-1"#,
        r#""b";q=1;w=1.5"#,
        r#""b";q=1;qu=5"#,
        r#""b";q=1;pk="user""#,
        r#""b";w=1"#,
        "5",
        "-5;w=1",
        "(5);w=1",
    ] {
        let text = format!("ratelimit-policy: \"a\";q=100;w=60, {bad}");
        assert_eq!(hints(&text), Hints::default(), "{bad}");
    }
    // One field takes nothing else with it.
    let both = hints("ratelimit: oh no!\nratelimit-policy: \"a\";q=100;w=50\nretry-after: 3");
    assert_eq!(both.pause(), s(3));
    assert_eq!(both.pace().unwrap().as_per_second(), 2.0);
    assert_eq!(both.rate_limit, []);
}

#[test]
fn all_parameters_of_the_draft_are_read_and_others_do_not_matter() {
    let hints = hints(
        r#"ratelimit-policy: "peruser";q=100;w=60;pk=:cHsdsRa894==:;acme-burst=5
           ratelimit-policy: "body";q=65535;qu="content-bytes";w=10
           ratelimit: "peruser";r=50;t=30;pk=:cHsdsRa894==:;acme="x""#,
    );
    assert_eq!(hints.policy.len(), 2);
    assert_eq!(hints.policy[0].name, "peruser");
    assert_eq!(hints.policy[0].quota, 100);
    assert_eq!(hints.policy[0].unit, "requests");
    assert_eq!(hints.policy[0].window, s(60));
    assert_eq!(hints.policy[1].unit, "content-bytes");
    assert_eq!(hints.rate_limit[0].partition_key, hints.policy[0].partition_key);
    assert!(hints.rate_limit[0].partition_key.as_ref().is_some_and(|it| !it.is_empty()));
    assert_eq!(hints.quota(), Some((50, Duration::from_secs(30))));
}

#[test]
fn only_a_policy_is_a_pace() {
    let pace = |text: &str| hints(text).pace().map(|rate| rate.as_per_second());
    for (text, expected) in [
        (r#"ratelimit-policy: "burst";q=100;w=50"#, Some(2.0)),
        ("ratelimit-policy: burst;q=100;w=50", Some(2.0)),
        ("ratelimit-policy: 100;w=50", Some(2.0)),
        ("ratelimit-limit: 100, 100;w=50", Some(2.0)),
        (r#"ratelimit-policy: "burst";q=100"#, None),
        (r#"ratelimit-policy: "burst";q=0;w=50"#, None),
        (r#"ratelimit-policy: "burst";q=100;w=0"#, None),
        (r#"ratelimit-policy: "b";q=100;w=50;qu="requests""#, Some(2.0)),
        (r#"ratelimit-policy: "b";q=100;w=50;qu="content-bytes""#, None),
        (r#"ratelimit-policy: "b";q=100;w=50;qu="concurrent-requests""#, None),
        // The draft's own example: it would come to 1000 per second, and the policy means ten.
        (r#"ratelimit: "problem";r=1000;t=1"#, None),
        ("x-ratelimit-limit: 100\nx-ratelimit-remaining: 50\nx-ratelimit-reset: 10", None),
        // The shortest window; of two that are as short, the slower.
        (r#"ratelimit-policy: "d";q=1000;w=86400, "m";q=120;w=60, "h";q=1000;w=3600"#, Some(2.0)),
        (r#"ratelimit-policy: "a";q=120;w=60, "b";q=60;w=60"#, Some(1.0)),
        (r#"ratelimit-policy: "b";q=100;w=50;qu="content-bytes", "r";q=7;w=70"#, Some(0.1)),
        ("age: 1\nratelimit-policy: \"burst\";q=100;w=50", None),
    ] {
        assert_eq!(pace(text), expected, "{text}");
    }
}

#[test]
fn a_quota_is_what_is_left_and_until_when() {
    for (text, expected) in [
        (r#"ratelimit: "default";r=50;t=30"#, Some((50, 30))),
        (r#"ratelimit: "default";r=50"#, None),
        (r#"ratelimit: "default";r=50;t=0"#, None),
        (r#"ratelimit: "m";r=20;t=23, "h";r=3;t=2402"#, Some((3, 2402))),
        (r#"ratelimit: "m";r=3;t=23, "h";r=3;t=2402"#, Some((3, 2402))),
        (
            "ratelimit-policy: \"b\";q=65535;qu=\"content-bytes\", \"r\";q=9
             ratelimit: \"b\";r=5;t=9, \"r\";r=7;t=8",
            Some((7, 8)),
        ),
        ("ratelimit: limit=100, remaining=50, reset=5", Some((50, 5))),
        ("x-ratelimit-remaining: 50\nx-ratelimit-reset: 5", Some((50, 5))),
        ("x-ratelimit-remaining: 50\nx-ratelimit-reset: 1700000005", Some((50, 5))),
        ("x-ratelimit-remaining: 50\nx-ratelimit-reset: 1699999995", None),
        (
            "x-ratelimit-remaining: 599.0\nx-ratelimit-used: 1\nx-ratelimit-reset: 301",
            Some((599, 301)),
        ),
        ("x-ratelimit-remaining: -1\nx-ratelimit-reset: 5", None),
        ("x-ratelimit-remaining: 50", None),
        ("x-ratelimit-remaining: 50s\nx-ratelimit-reset: 5", None),
        ("x-ratelimit-remaining: Tue, 14 Nov 2023 22:13:50 GMT\nx-ratelimit-reset: 5", None),
        (
            "ratelimit-limit: 100, 100;w=60\nratelimit-remaining: 50\nratelimit-reset: 5",
            Some((50, 5)),
        ),
        ("ratelimit-remaining: 50, 20;w=60\nratelimit-reset: 5", Some((50, 5))),
        ("x-ratelimit-remaining-requests: 59\nx-ratelimit-reset-requests: 1s", Some((59, 1))),
        ("x-ratelimit-remaining-tokens: 149984\nx-ratelimit-reset-tokens: 6m0s", None),
        ("x-ratelimit-remaining: 5\nx-ratelimit-remaining: 3\nx-ratelimit-reset: 5", Some((3, 5))),
        ("age: 9\nx-ratelimit-remaining: 50\nx-ratelimit-reset: 5", None),
    ] {
        let expected = expected.map(|(left, seconds)| (left, Duration::from_secs(seconds)));
        assert_eq!(hints(text).quota(), expected, "{text}");
    }
}

#[test]
fn push_back_that_is_negative_or_no_number_means_not_again() {
    for (text, expected) in [
        ("", None),
        ("grpc-retry-pushback-ms: 250", Some(PushBack::After(Duration::from_millis(250)))),
        ("grpc-retry-pushback-ms: -1", Some(PushBack::Never)),
        ("grpc-retry-pushback-ms: -2147483648", Some(PushBack::Never)),
        (
            "grpc-retry-pushback-ms: 2147483647",
            Some(PushBack::After(Duration::from_millis(2_147_483_647))),
        ),
        ("grpc-retry-pushback-ms: 2147483648", Some(PushBack::Never)),
        ("grpc-retry-pushback-ms: 99999999999999999999", Some(PushBack::Never)),
        ("grpc-retry-pushback-ms:", Some(PushBack::Never)),
        ("grpc-retry-pushback-ms: soon", Some(PushBack::Never)),
        ("grpc-retry-pushback-ms: 1.5", Some(PushBack::Never)),
        ("grpc-retry-pushback-ms: 5\ngrpc-retry-pushback-ms: -5", Some(PushBack::Never)),
    ] {
        let hints = hints(text);
        assert_eq!(hints.push_back, expected, "{text}");
        assert_eq!(hints.may_retry(), expected != Some(PushBack::Never), "{text}");
    }
}

/// A `google.rpc.Status` with a `RetryInfo` of three seconds.
pub(crate) const THREE_SECONDS: &str =
    "CAgSCXNsb3cgZG93bhowCih0eXBlLmdvb2dsZWFwaXMuY29tL2dvb2dsZS5ycGMuUmV0cnlJbmZvEgQKAggD";

#[test]
fn rich_errors_of_grpc_say_when_to_come_back() {
    for (details, pause) in [
        (THREE_SECONDS, s(3)),
        // A second and a half.
        (
            "CAgSCXNsb3cgZG93bho2Cih0eXBlLmdvb2dsZWFwaXMuY29tL2dvb2dsZS5ycGMuUmV0cnlJbmZvEgoKCAgBEIDKte4B",
            ms(1500),
        ),
        // Seven seconds and three, with padding and without.
        (
            "CAgSCXNsb3cgZG93bhowCih0eXBlLmdvb2dsZWFwaXMuY29tL2dvb2dsZS5ycGMuUmV0cnlJbmZvEgQKAggHGjAKKHR5cGUuZ29vZ2xlYXBpcy5jb20vZ29vZ2xlLnJwYy5SZXRyeUluZm8SBAoCCAM=",
            s(7),
        ),
        (
            "CAgSCXNsb3cgZG93bhowCih0eXBlLmdvb2dsZWFwaXMuY29tL2dvb2dsZS5ycGMuUmV0cnlJbmZvEgQKAggHGjAKKHR5cGUuZ29vZ2xlYXBpcy5jb20vZ29vZ2xlLnJwYy5SZXRyeUluZm8SBAoCCAM",
            s(7),
        ),
        // A delay of nothing; as many seconds as there can be.
        (
            "CAgSCXNsb3cgZG93bhouCih0eXBlLmdvb2dsZWFwaXMuY29tL2dvb2dsZS5ycGMuUmV0cnlJbmZvEgIKAA==",
            s(0),
        ),
        (
            "CAgSCXNsb3cgZG93bho4Cih0eXBlLmdvb2dsZWFwaXMuY29tL2dvb2dsZS5ycGMuUmV0cnlJbmZvEgwKCgj//////////38=",
            s(i64::MAX as u64),
        ),
        // A second less than nothing, nanoseconds below nought, two thousand million of them.
        (
            "CAgSCXNsb3cgZG93bho5Cih0eXBlLmdvb2dsZWFwaXMuY29tL2dvb2dsZS5ycGMuUmV0cnlJbmZvEg0KCwj///////////8B",
            None,
        ),
        (
            "CAgSCXNsb3cgZG93bho7Cih0eXBlLmdvb2dsZWFwaXMuY29tL2dvb2dsZS5ycGMuUmV0cnlJbmZvEg8KDQgBEPv//////////wE=",
            None,
        ),
        (
            "CAgSCXNsb3cgZG93bho2Cih0eXBlLmdvb2dsZWFwaXMuY29tL2dvb2dsZS5ycGMuUmV0cnlJbmZvEgoKCAgBEICo1rkH",
            None,
        ),
        // A `QuotaFailure`, a message that breaks off, and none at all.
        (
            "CAgSCXNsb3cgZG93bhozCit0eXBlLmdvb2dsZWFwaXMuY29tL2dvb2dsZS5ycGMuUXVvdGFGYWlsdXJlEgQKAggD",
            None,
        ),
        (
            "CAgSCXNsb3cgZG93bhowCih0eXBlLmdvb2dsZWFwaXMuY29tL2dvb2dsZS5ycGMuUmV0cnlJbmZvEgQKAgg=",
            None,
        ),
        ("", None),
        ("not base64!", None),
        ("////////////////", None),
    ] {
        let line = format!("grpc-status-details-bin: {details}");
        assert_eq!(hints(&line).pause(), pause, "{details}");
        // Behind gRPC's own push-back, and before limits.
        let limits = "x-ratelimit-remaining: 0\nx-ratelimit-reset: 9";
        assert_eq!(hints(&format!("{line}\n{limits}")).pause(), pause.or(s(9)), "{details}");
        let both = hints(&format!("{line}\ngrpc-retry-pushback-ms: 5"));
        assert_eq!(both.pause(), ms(5), "{details}");
    }
    let joined = format!("grpc-status-details-bin: , {THREE_SECONDS},junk");
    assert_eq!(hints(&joined).pause(), s(3));
}

#[test]
fn a_hint_for_a_gate_is_the_pause() {
    assert_eq!(Hint::from(&hints("retry-after: 5")), Hint::After(Duration::from_secs(5)));
    assert_eq!(Hint::from(hints("retry-after: soon")), Hint::None);
}

#[test]
fn what_was_read_may_be_kept_compared_and_sent() {
    fn kept<T: Send + Sync + Unpin + Clone + Eq + std::hash::Hash + std::fmt::Debug + 'static>() {}
    kept::<Hints>();
    kept::<PushBack>();
    kept::<QuotaPolicy>();
    kept::<ServiceLimit>();
    kept::<XRateLimit>();
}

/// Every header that is read.
const NAMES: &[&str] = &[
    "retry-after",
    "retry-after-ms",
    "x-ms-retry-after-ms",
    "x-amz-retry-after",
    "grpc-retry-pushback-ms",
    "grpc-status-details-bin",
    "ratelimit",
    "ratelimit-policy",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-ratelimit-reset-after",
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-tokens",
    "x-rate-limit-remaining",
    "x-rate-limit-reset",
    "date",
    "age",
];

/// What holds whatever the headers are.
fn check(headers: &HeaderMap, received: SystemTime) -> Result<(), TestCaseError> {
    let hints = Hints::from_headers(headers, received);
    prop_assert!(hints.pause().is_none_or(|pause| pause <= LONGEST));
    prop_assert!(hints.quota().is_none_or(|(_, until)| until <= LONGEST && !until.is_zero()));
    let pace = hints.pace().map(|pace| pace.as_per_second());
    prop_assert!(pace.is_none_or(|pace| pace.is_finite() && pace > 0.0));
    if hints.is_empty() {
        prop_assert_eq!(hints.pause(), None);
        prop_assert!(hints.may_retry());
    }
    let gate = TimeLock::new();
    gate.try_acquire().expect("it is open").refused(&hints);
    prop_assert!(gate.remaining().is_some_and(|it| it <= Duration::from_secs(24 * 60 * 60)));
    prop_assert_eq!(Hints::from_headers(headers, received), hints);
    Ok(())
}

fn map(lines: Vec<(&'static str, Vec<u8>)>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            headers.append(HeaderName::from_static(name), value);
        }
    }
    headers
}

fn moments() -> impl Strategy<Value = SystemTime> {
    any::<i32>().prop_map(|seconds| {
        let distance = Duration::from_secs(u64::from(seconds.unsigned_abs()));
        if seconds < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance }
    })
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        lines in prop::collection::vec((prop::sample::select(NAMES), any::<Vec<u8>>()), 0..6),
        received in moments(),
    ) {
        check(&map(lines), received)?;
    }

    #[test]
    fn nothing_made_of_its_own_letters_makes_it_panic(
        lines in prop::collection::vec(
            (
                prop::sample::select(NAMES),
                "(-?[0-9]{1,25}(\\.[0-9]{1,12})?(ms|s|m|h|d)?|[a-z0-9:;=,.\"?@ -]{0,24})",
            ),
            0..8,
        ),
        received in moments(),
    ) {
        check(&map(lines.into_iter().map(|(name, value)| (name, value.into_bytes())).collect()), received)?;
    }

    #[test]
    fn nothing_that_looks_like_a_limit_makes_it_panic(
        limits in "\"[a-z]{0,3}\"(;(r|t|q|w|qu|pk|x)=(-?[0-9]{1,18}|\"[a-z-]{0,20}\"|[a-z]{1,3}|:[A-Za-z]{0,4}:)){0,4}",
        policies in "([0-9]{1,16}|\"[a-z]{0,3}\")(;(r|t|q|w|qu|pk|x)=(-?[0-9]{1,18}|\"[a-z-]{0,20}\"|[a-z]{1,3})){0,4}",
    ) {
        let lines = vec![("ratelimit", limits.into_bytes()), ("ratelimit-policy", policies.into_bytes())];
        check(&map(lines), received())?;
    }

    #[test]
    fn nothing_in_a_rich_error_makes_it_panic(
        mut details in Just(THREE_SECONDS.as_bytes().to_vec()),
        at: prop::sample::Index,
        by: prop::sample::Index,
    ) {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        *at.get_mut(&mut details[..]) = *by.get(LETTERS);
        check(&map(vec![("grpc-status-details-bin", details)]), received())?;
    }

    #[test]
    fn what_is_written_as_the_draft_says_is_read_exactly(
        left in 0_u64..1_000_000_000_000_000,
        seconds in 1_u64..1_000_000_000_000_000,
    ) {
        let read = hints(&format!("ratelimit: \"a\";r={left};t={seconds}"));
        prop_assert_eq!(read.quota(), Some((left, Duration::from_secs(seconds))));
        prop_assert_eq!(read.pause().is_some(), left == 0);
        let read = hints(&format!("ratelimit-policy: \"a\";q={left};w={seconds}"));
        prop_assert_eq!(read.policy[0].quota, left);
        prop_assert_eq!(read.pace().is_some(), left > 0);
    }

    #[test]
    fn a_date_and_the_delay_until_then_are_the_same(seconds in 0_u64..1_000_000_000) {
        let instant = 1_700_000_000 + seconds;
        let read = hints(&format!("x-ratelimit-remaining: 0\nx-ratelimit-reset: {instant}"));
        prop_assert_eq!(read.pause(), s(seconds));
        let read = hints(&format!("x-ratelimit-remaining: 0\nx-ratelimit-reset: {instant}000"));
        prop_assert_eq!(read.pause(), s(seconds));
    }
}
