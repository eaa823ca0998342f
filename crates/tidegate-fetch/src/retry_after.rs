//! What the headers of a refusal say about when to come back.

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use tidegate_time_lock::RetryAfter;

/// How long the server asks to wait; `None` when it does not say, or says nothing that makes sense.
///
/// A date counts from the server's own clock, if it tells it. Of several headers the longest counts.
pub(crate) fn pause(headers: &HeaderMap, received: SystemTime) -> Option<Duration> {
    let date = match headers.get(DATE).map(|value| RetryAfter::parse(value.as_bytes())) {
        Some(Some(RetryAfter::Date(date))) => Some(date),
        _ => None,
    };
    let pause = |value: &reqwest::header::HeaderValue| {
        RetryAfter::parse(value.as_bytes()).map(|after| after.delay(received, date))
    };
    headers.get_all(RETRY_AFTER).iter().filter_map(pause).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[(&'static str, &'static str)]) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        for &(name, value) in lines {
            headers.append(name, value.parse().unwrap());
        }
        pause(&headers, SystemTime::now())
    }

    #[test]
    fn seconds_and_dates_are_understood() {
        assert_eq!(of(&[("retry-after", "7")]), Some(Duration::from_secs(7)));
        let date = ("date", "Sun, 06 Nov 1994 08:49:30 GMT");
        let later = ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(of(&[date, later]), Some(Duration::from_secs(7)));
        assert_eq!(of(&[later, date]), Some(Duration::from_secs(7)));
    }

    #[test]
    fn a_date_that_is_past_asks_for_nothing() {
        assert_eq!(of(&[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")]), Some(Duration::ZERO));
    }

    #[test]
    fn the_longest_of_several_counts() {
        let lines = [("retry-after", "1"), ("retry-after", "soon"), ("retry-after", "3")];
        assert_eq!(of(&lines), Some(Duration::from_secs(3)));
    }

    #[test]
    fn junk_says_nothing() {
        for junk in ["", "-5", "soon", "NaN", "0x10", "1 2", "Sun, 99 Nov 1994 08:49:37 GMT"] {
            assert_eq!(of(&[("retry-after", junk)]), None, "{junk:?}");
        }
        assert!(of(&[("retry-after", "99999999999999999999999999")]).is_some());
    }
}
