use super::*;

#[test]
fn a_burst_passes_and_then_the_rate_holds() {
    let start = Instant::now();
    let mut bucket = Bucket::new("10/s".parse().unwrap(), 3, start);
    for _ in 0..3 {
        assert_eq!(bucket.take(start), Ok(()));
    }
    assert_eq!(bucket.take(start), Err(Duration::from_secs(1)));
    assert_eq!(bucket.take(start + Duration::from_millis(101)), Ok(()));
    assert!(bucket.take(start + Duration::from_millis(102)).is_err());
}

#[test]
fn a_bucket_that_stands_still_holds_no_more_than_the_burst() {
    let start = Instant::now();
    let mut bucket = Bucket::new("10/s".parse().unwrap(), 2, start);
    let later = start + Duration::from_secs(3600);
    assert_eq!([bucket.take(later), bucket.take(later)], [Ok(()), Ok(())]);
    assert!(bucket.take(later).is_err());
}

#[test]
fn what_it_asks_to_wait_is_enough_and_in_whole_seconds() {
    let start = Instant::now();
    for rate in ["0.3/s", "1/s", "7/s", "20/m"] {
        let mut bucket = Bucket::new(rate.parse().unwrap(), 1, start);
        assert_eq!(bucket.take(start), Ok(()));
        let wait = bucket.take(start).unwrap_err();
        assert_eq!(wait.subsec_nanos(), 0);
        assert_eq!(bucket.take(start + wait), Ok(()), "{rate}");
    }
}

#[test]
fn a_rate_is_a_positive_number_of_requests_in_a_unit_of_time() {
    assert_eq!("50".parse(), Ok(Rate(50.0)));
    assert_eq!("7200/h".parse(), Ok(Rate(2.0)));
    assert_eq!("0.5/s".parse::<Rate>().unwrap().to_string(), "0.5/s");
    for junk in ["", "/s", "-1/s", "0/s", "inf/s", "nan", "1/d", "1e9/s", "50/s/s", "50 per second"]
    {
        assert_eq!(junk.parse::<Rate>(), Err(BadRate), "{junk:?}");
    }
}
