use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{RetryAfter, http_date};

fn delay(text: &str) -> Option<Duration> {
    match RetryAfter::parse(text.as_bytes()) {
        Some(RetryAfter::Delay(delay)) => Some(delay),
        Some(RetryAfter::Date(_)) => panic!("{text:?} was read as a date"),
        None => None,
    }
}

// C7
#[test]
fn huge_and_odd_headers() {
    const LONGEST: Duration = Duration::from_secs(u64::MAX);
    for (text, expected) in [
        ("0", Some(Duration::ZERO)),
        ("120", Some(Duration::from_secs(120))),
        ("  7\t", Some(Duration::from_secs(7))),
        ("007", Some(Duration::from_secs(7))),
        ("18446744073709551615", Some(LONGEST)),
        ("99999999999999999999", Some(LONGEST)),
        ("18446744073709551615.999999999", Some(LONGEST)),
        ("99999999999999999999h", Some(LONGEST)),
        ("1.5", Some(Duration::from_millis(1500))),
        ("0.0000000001", Some(Duration::from_nanos(1))),
        ("500ms", Some(Duration::from_millis(500))),
        ("6m0s", Some(Duration::from_secs(360))),
        ("1h2m3.5s", Some(Duration::from_millis(3_723_500))),
        ("1d", Some(Duration::from_secs(86_400))),
        ("12us", Some(Duration::from_micros(12))),
        ("12µs", Some(Duration::from_micros(12))),
        ("3ns", Some(Duration::from_nanos(3))),
        ("2S", Some(Duration::from_secs(2))),
        ("", None),
        ("-1", None),
        ("+1", None),
        ("1e400", None),
        ("1e3", None),
        ("inf", None),
        ("NaN", None),
        ("1.", None),
        (".5", None),
        ("1.5.5", None),
        ("s", None),
        ("5 s", None),
        ("5m5h", None),
        ("5s5s", None),
        ("5sx", None),
        ("5mss", None),
        ("120, 120", None),
        ("0x10", None),
        ("soon", None),
        ("\u{663}", None),
    ] {
        assert_eq!(delay(text), expected, "{text:?}");
    }
    assert_ne!(delay("99999999999999999999"), Some(Duration::MAX), "that would be for ever");
}

#[test]
fn the_three_forms_of_a_date_name_one_instant() {
    let expected = UNIX_EPOCH + Duration::from_secs(784_111_777);
    for text in [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ] {
        assert_eq!(RetryAfter::parse(text.as_bytes()), Some(RetryAfter::Date(expected)), "{text}");
    }
}

#[test]
fn dates_are_checked() {
    for text in [
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 1900 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 GMTx",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun,06 Nov 1994 08:49:37 GMT",
        "Sxn, 06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sunda, 06-Nov-94 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 199",
        "Sun Nov  6",
        ",",
        ", ",
        "\u{fc}\u{fc}, ",
    ] {
        assert_eq!(RetryAfter::parse(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn dates_far_away_are_read() {
    let date = |text: &str| http_date::parse(text.as_bytes(), SystemTime::now());
    assert_eq!(date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(UNIX_EPOCH));
    assert_eq!(
        date("Thu, 29 Feb 2024 00:00:00 GMT"),
        Some(UNIX_EPOCH + Duration::from_secs(1_709_164_800))
    );
    assert_eq!(
        date("Tue, 29 Feb 2000 23:59:60 GMT"),
        Some(UNIX_EPOCH + Duration::from_secs(951_868_799))
    );
    assert_eq!(
        date("Fri, 31 Dec 9999 23:59:59 GMT"),
        Some(UNIX_EPOCH + Duration::from_secs(253_402_300_799))
    );
    assert_eq!(date("Wed, 31 Dec 1969 23:59:59 GMT"), Some(UNIX_EPOCH - Duration::from_secs(1)));
    assert!(date("Sat, 01 Jan 0000 00:00:00 GMT").is_none());
}

#[test]
fn a_year_of_two_digits_is_at_most_fifty_years_ahead() {
    let now = http_date::parse(b"Mon, 01 Jun 2026 00:00:00 GMT", UNIX_EPOCH).unwrap();
    let year = |text: &str, as_full: &str| {
        assert_eq!(
            http_date::parse(text.as_bytes(), now),
            http_date::parse(as_full.as_bytes(), now),
            "{text}"
        );
    };
    year("Friday, 01-Jun-76 00:00:00 GMT", "Mon, 01 Jun 2076 00:00:00 GMT");
    year("Friday, 01-Jun-77 00:00:00 GMT", "Wed, 01 Jun 1977 00:00:00 GMT");
    year("Friday, 01-Jun-25 00:00:00 GMT", "Sun, 01 Jun 2025 00:00:00 GMT");
}

#[test]
fn a_date_is_relative_to_the_servers_own_clock() {
    let received = UNIX_EPOCH + Duration::from_secs(2_000_000_000);
    let server = received - Duration::from_secs(500);
    let header = RetryAfter::Date(server + Duration::from_secs(30));
    assert_eq!(header.delay(received, Some(server)), Duration::from_secs(30));
    assert_eq!(header.delay(received, None), Duration::ZERO, "past by the local clock");
    assert_eq!(RetryAfter::Delay(Duration::MAX).delay(received, Some(server)), Duration::MAX);
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        if let Some(header) = RetryAfter::parse(&bytes) {
            let _ = header.delay(SystemTime::now(), Some(UNIX_EPOCH));
        }
    }

    #[test]
    fn nothing_made_of_its_own_letters_makes_it_panic(text in "[0-9.:, a-zA-Zµ-]{0,40}") {
        if let Some(header) = RetryAfter::parse(text.as_bytes()) {
            let _ = header.delay(UNIX_EPOCH, None);
        }
    }

    #[test]
    fn whole_seconds_are_read_exactly(seconds: u64) {
        proptest::prop_assert_eq!(delay(&seconds.to_string()), Some(Duration::from_secs(seconds)));
    }

    #[test]
    fn every_date_of_the_calendar_is_read(seconds in 0_u64..253_402_300_800) {
        let (days, time) = (seconds / 86_400, seconds % 86_400);
        // Counted year by year: slow, and obviously right.
        let (mut year, mut day) = (1970, days);
        let leap = |year: u64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        while day >= 365 + u64::from(leap(year)) {
            day -= 365 + u64::from(leap(year));
            year += 1;
        }
        let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let mut month = 0;
        while day >= lengths[month] {
            day -= lengths[month];
            month += 1;
        }
        let month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][month];
        let text = format!("Mon, {:02} {month} {year} {:02}:{:02}:{:02} GMT", day + 1, time / 3600, time / 60 % 60, time % 60);
        proptest::prop_assert_eq!(
            RetryAfter::parse(text.as_bytes()),
            Some(RetryAfter::Date(UNIX_EPOCH + Duration::from_secs(seconds)))
        );
    }
}
