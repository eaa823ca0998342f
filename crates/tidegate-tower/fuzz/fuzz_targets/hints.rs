//! Headers that are made to be misread: nothing panics, and what comes out is within bounds.
#![no_main]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use libfuzzer_sys::fuzz_target;
use tidegate_time_lock::{RetryAfter, TimeLock, Verdict};
use tidegate_tower::Hints;
use tidegate_tower::classify::{
    ClassifyHead, Discord, GitHub, Grpc, Head, Http, Nginx, OpenAi,
};

const LONGEST: Duration = Duration::from_secs(u64::MAX);
const STATUSES: [u16; 6] = [200, 301, 403, 429, 503, 529];

// The first two bytes are a status and a time, the rest headers, one a line.
fuzz_target!(|data: &[u8]| {
    let [status, age, lines @ ..] = data else { return };
    let status = StatusCode::from_u16(STATUSES[usize::from(*status) % STATUSES.len()]).unwrap();
    let received = UNIX_EPOCH + Duration::from_secs(u64::from(*age) << 24);
    let headers = headers(lines);

    let hints = Hints::from_headers(&headers, received);
    assert!(hints.pause().is_none_or(|pause| pause <= LONGEST));
    assert!(hints.quota().is_none_or(|(_, until)| until <= LONGEST && !until.is_zero()));
    let pace = hints.pace().map(|pace| pace.as_per_second());
    assert!(pace.is_none_or(|pace| pace.is_finite() && pace > 0.0));
    let gate = TimeLock::new();
    gate.try_acquire().unwrap().refused(&hints);
    assert!(gate.is_locked());

    let head = Head::new(status, &headers).received_at(received);
    let judges: [&dyn ClassifyHead; 6] = [&Http, &Nginx, &GitHub, &Discord, &OpenAi, &Grpc];
    for verdict in judges.map(|judge| judge.classify_head(&head)) {
        if let Verdict::Refused { after, .. } = verdict {
            assert!(after.is_none_or(|after| after <= LONGEST));
        }
    }
    let _ = GitHub.classify_with_body(&head, lines);

    if let Some(header) = RetryAfter::parse(lines) {
        assert!(header.delay(received, None) <= LONGEST);
        let _ = header.delay(SystemTime::now(), Some(received));
    }
});

fn headers(lines: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.split(|&byte| byte == b'\n').take(64) {
        let colon = line.iter().position(|&byte| byte == b':').unwrap_or(0);
        let (name, value) = line.split_at(colon);
        let name = HeaderName::from_bytes(name);
        let value = HeaderValue::from_bytes(value.get(1..).unwrap_or_default());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}
