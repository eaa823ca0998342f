// How it works
//
// RFC 9110 5.6.7 knows three forms; a reader must accept all of them:
//
//     Sun, 06 Nov 1994 08:49:37 GMT     IMF-fixdate
//     Sunday, 06-Nov-94 08:49:37 GMT    RFC 850, two digits of the year
//     Sun Nov  6 08:49:37 1994          asctime
//
// The name of the day is read and not believed. Days are counted from 1970-01-01 with the usual civil calendar
// formula (years that begin in March, eras of 400 years).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Reads an HTTP date; `now` settles which century a year of two digits belongs to.
pub(super) fn parse(value: &[u8], now: SystemTime) -> Option<SystemTime> {
    let comma = value.iter().position(|&byte| byte == b',');
    match comma {
        Some(at) => {
            let (day_name, rest) = (&value[..at], value[at + 1..].strip_prefix(b" ")?);
            match day_name.len() {
                3 => {
                    day_of_week(day_name)?;
                    imf_fixdate(rest)
                }
                _ => {
                    day_of_week(day_name.get(..3)?)?;
                    day_name.ends_with(b"day").then_some(())?;
                    rfc850(rest, now)
                }
            }
        }
        None => asctime(value),
    }
}

/// `06 Nov 1994 08:49:37 GMT`
fn imf_fixdate(text: &[u8]) -> Option<SystemTime> {
    let mut text = Text(text);
    let day = text.number(2)?;
    text.expect(b" ")?;
    let month = text.month()?;
    text.expect(b" ")?;
    let year = text.number(4)?;
    text.expect(b" ")?;
    let time = text.time()?;
    text.expect(b" GMT")?;
    text.end()?;
    date(year, month, day, time)
}

/// `06-Nov-94 08:49:37 GMT`
fn rfc850(text: &[u8], now: SystemTime) -> Option<SystemTime> {
    let mut text = Text(text);
    let day = text.number(2)?;
    text.expect(b"-")?;
    let month = text.month()?;
    text.expect(b"-")?;
    let short = text.number(2)?;
    text.expect(b" ")?;
    let time = text.time()?;
    text.expect(b" GMT")?;
    text.end()?;
    // More than 50 years ahead means the most recent year past with these digits.
    let this_year = year_of(now);
    let mut year = this_year - this_year % 100 + short;
    if year > this_year + 50 {
        year = year.checked_sub(100)?;
    }
    date(year, month, day, time)
}

/// `Sun Nov  6 08:49:37 1994`
fn asctime(text: &[u8]) -> Option<SystemTime> {
    let mut text = Text(text);
    day_of_week(text.take(3)?)?;
    text.expect(b" ")?;
    let month = text.month()?;
    text.expect(b" ")?;
    let day = match text.expect(b" ") {
        Some(()) => text.number(1)?,
        None => text.number(2)?,
    };
    text.expect(b" ")?;
    let time = text.time()?;
    text.expect(b" ")?;
    let year = text.number(4)?;
    text.end()?;
    date(year, month, day, time)
}

/// What is left to read.
struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    fn expect(&mut self, what: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(what)?;
        Some(())
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    /// Exactly `len` digits.
    fn number(&mut self, len: usize) -> Option<u64> {
        self.take(len)?.iter().try_fold(0, |sum, byte| {
            byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0'))
        })
    }

    /// The number of a month, 1 to 12.
    fn month(&mut self) -> Option<u64> {
        const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
        let name = self.take(3)?;
        let at = MONTHS.chunks_exact(3).position(|month| month.eq_ignore_ascii_case(name))?;
        Some(at as u64 + 1)
    }

    /// `08:49:37`, in seconds; a leap second counts as the one before it.
    fn time(&mut self) -> Option<u64> {
        let hours = self.number(2)?;
        self.expect(b":")?;
        let minutes = self.number(2)?;
        self.expect(b":")?;
        let seconds = self.number(2)?;
        (hours < 24 && minutes < 60 && seconds <= 60)
            .then(|| (hours * 60 + minutes) * 60 + seconds.min(59))
    }
}

fn day_of_week(name: &[u8]) -> Option<()> {
    const DAYS: &[u8; 21] = b"MonTueWedThuFriSatSun";
    DAYS.chunks_exact(3).any(|day| day.eq_ignore_ascii_case(name)).then_some(())
}

/// The instant of a civil date, if there is such a day.
fn date(year: u64, month: u64, day: u64, time: u64) -> Option<SystemTime> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + u64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if day == 0 || day > length {
        return None;
    }
    // Years begin in March, so that the leap day is the last of its year.
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let from_march = (month + 9) % 12;
    let day_of_year = (153 * from_march + 2) / 5 + day - 1;
    let day_of_era = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year;
    const TO_1970: u64 = 719_468;
    let seconds = day_of_era * 86_400 + time;
    match seconds.checked_sub(TO_1970 * 86_400) {
        Some(after) => UNIX_EPOCH.checked_add(Duration::from_secs(after)),
        None => UNIX_EPOCH.checked_sub(Duration::from_secs(TO_1970 * 86_400 - seconds)),
    }
}

/// The civil year of an instant (of 1970 for anything before it).
fn year_of(now: SystemTime) -> u64 {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    // A year is 365.2425 days; a day more or less around New Year's Eve does not matter here.
    1970 + seconds / 31_556_952
}
