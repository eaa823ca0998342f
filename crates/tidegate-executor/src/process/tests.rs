use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tidegate_test::poll_once;
use tokio::sync::Semaphore;

use super::core::Core;
use super::frame::{self, HEADER, Header, Kind, Question};
use super::leash::{Leash, Spoils};
use super::stderr::Tail;
use super::{ProcessPool, StartError};

proptest! {
    #[test]
    fn a_frame_is_read_as_it_was_written(call: u64, body: Vec<u8>) {
        let frame = frame::frame(Kind::Returned, call, &body);
        let (header, read) = frame::read(&frame[..], body.len()).unwrap();
        let expected = Header { kind: Kind::Returned, length: body.len(), call };
        prop_assert_eq!((header, &read), (expected, &body));
        if !body.is_empty() {
            prop_assert!(frame::read(&frame[..], body.len() - 1).is_err());
        }
        prop_assert!(frame::read(&frame[..frame.len() - 1], body.len()).is_err());
    }

    #[test]
    fn whatever_arrives_is_a_header_or_an_error(bytes: [u8; HEADER], limit: usize) {
        if let Ok(header) = Header::parse(&bytes, limit) {
            prop_assert!(header.length <= limit);
        }
    }

    #[test]
    fn whatever_arrives_is_a_question_or_none(body: Vec<u8>) {
        if let Some(read) = frame::read_question(&body) {
            prop_assert_eq!(read.key.len() + read.args.len() + 18, body.len());
        }
        let _ = frame::read_greeting(&body);
    }

    #[test]
    fn a_question_is_read_as_it_was_written(
        key in ".{0,200}",
        signature: u64,
        args: Vec<u8>,
        time: Option<Duration>,
    ) {
        let mut question = frame::question(&key, signature);
        question.extend(&args);
        let expected = Question { time: None, key: &key, signature, args: &args };
        prop_assert_eq!(frame::read_question(&question[HEADER..]), Some(expected));

        // Of what is longer than a number of nanoseconds can say, and than any clock, there is no end.
        let time = time.filter(|time| time.as_nanos() < u64::MAX.into());
        frame::give_time(&mut question, time);
        let expected = Question { time, key: &key, signature, args: &args };
        prop_assert_eq!(frame::read_question(&question[HEADER..]), Some(expected));
    }

    #[test]
    fn the_tail_is_the_end_of_what_was_written(parts: Vec<String>, limit in 0..50_usize) {
        let tail = Tail::new(limit);
        parts.iter().for_each(|part| tail.push(part.as_bytes()));
        let whole = parts.concat().into_bytes();
        let end = &whole[whole.len().saturating_sub(limit)..];
        prop_assert_eq!(tail.text(), String::from_utf8_lossy(end));
    }
}

#[tokio::test]
async fn a_program_that_does_not_begin_with_init_is_not_started_again() {
    assert_eq!(ProcessPool::builder().build().await.unwrap_err(), StartError::NotInitialised);
}

#[tokio::test]
async fn who_was_reaped_is_nobody_any_more() {
    let slots = Arc::new(Semaphore::new(1));
    let slot = Arc::clone(&slots).try_acquire_owned().expect("there is one");
    let mut child = std::process::Command::new("true").spawn().expect("every Unix has it");
    let leash = Leash::new(&child);
    assert_eq!(leash.id(), Some(child.id()));
    assert!(leash.reap(&mut child).0.is_some());
    // Another process may have its id by now.
    assert_eq!(leash.id(), None);
    leash.kill();
    leash.keep(Spoils::new(Some(slot), None));
    assert_eq!(slots.available_permits(), 1, "nothing is kept for it");
}

// No test can have a pool closed at the very moment in which a process is there and not yet in its book.
#[tokio::test]
async fn a_shutdown_waits_for_a_process_that_is_being_started() {
    let core = Arc::new(Core::new(ProcessPool::builder().0));
    let expected = core.expect();
    assert!(expected.is_some());
    let mut shutdown = pin!(core.shutdown(Duration::MAX));
    assert!(poll_once(shutdown.as_mut()).is_pending());
    assert!(core.expect().is_none(), "nothing is started any more");
    drop(expected);
    assert_eq!(shutdown.await, 0);
}
