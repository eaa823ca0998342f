use std::net::Ipv4Addr;

use super::*;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn epoch(epoch: u64) -> Option<Epoch> {
    Some(Epoch { client: 1, epoch })
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn a_request_of_a_later_epoch_before_the_pause_is_over_was_sent_while_shut() {
    let (mut witness, now) = (Witness::default(), Instant::now());
    witness.refused(HERE, epoch(4), now, ms(1000));
    assert!(witness.sent_while_shut(HERE, epoch(5), now + ms(1)));
    assert!(witness.sent_while_shut(HERE, epoch(5), now + ms(999)));
    assert!(!witness.sent_while_shut(HERE, epoch(5), now + ms(1000)));
}

#[test]
fn a_request_of_the_same_epoch_was_on_its_way() {
    let (mut witness, now) = (Witness::default(), Instant::now());
    witness.refused(HERE, epoch(4), now, ms(1000));
    assert!(!witness.sent_while_shut(HERE, epoch(4), now + ms(900)));
    assert!(!witness.sent_while_shut(HERE, epoch(3), now + ms(900)));
}

#[test]
fn the_longest_refusal_of_an_epoch_counts() {
    let (mut witness, now) = (Witness::default(), Instant::now());
    witness.refused(HERE, epoch(4), now, ms(2000));
    witness.refused(HERE, epoch(4), now + ms(1), ms(1000));
    assert!(witness.sent_while_shut(HERE, epoch(5), now + ms(1500)));
}

#[test]
fn one_client_knows_nothing_of_anothers_gate() {
    let (mut witness, now) = (Witness::default(), Instant::now());
    witness.refused(HERE, epoch(0), now, ms(1000));
    assert!(!witness.sent_while_shut(HERE, Some(Epoch { client: 2, epoch: 9 }), now + ms(1)));
    assert!(!witness.sent_while_shut(HERE, None, now + ms(900)));
}

#[test]
fn a_client_that_tells_nothing_is_judged_by_time() {
    let (mut witness, now) = (Witness::default(), Instant::now());
    witness.refused(HERE, None, now, ms(2000));
    assert!(!witness.sent_while_shut(HERE, None, now + ms(100)), "on its way");
    assert!(witness.sent_while_shut(HERE, None, now + ms(1000)));
    assert!(!witness.sent_while_shut(HERE, None, now + ms(2000)), "over");
    // A new pause has a new tolerance.
    witness.refused(HERE, None, now + ms(3000), ms(2000));
    assert!(!witness.sent_while_shut(HERE, None, now + ms(3100)));
    assert!(witness.sent_while_shut(HERE, None, now + ms(4900)));
}

#[test]
fn clients_are_forgotten_when_their_pauses_are_over() {
    let (mut witness, now) = (Witness::default(), Instant::now());
    for client in 0..10_000 {
        let at = now + ms(client);
        witness.refused(HERE, Some(Epoch { client, epoch: 0 }), at, ms(100));
    }
    assert!(witness.clients.len() <= MANY + 1, "{}", witness.clients.len());
}

#[test]
fn an_epoch_survives_the_journey_as_text() {
    let epoch = Epoch { client: u64::MAX, epoch: 17 };
    assert_eq!(epoch.to_string().parse(), Ok(epoch));
    for junk in
        ["", "-", "7", "x-7", "c0ffee-", "c0ffee--7", "c0ffee-7-7", "1-99999999999999999999999"]
    {
        assert_eq!(junk.parse::<Epoch>(), Err(BadEpoch), "{junk:?}");
    }
}
