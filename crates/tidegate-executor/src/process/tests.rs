use proptest::prelude::*;

use super::frame::{self, HEADER, Header, Kind};
use super::stderr::Tail;

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
        if let Some((key, _, args)) = frame::read_question(&body) {
            prop_assert_eq!(key.len() + args.len() + 10, body.len());
        }
        let _ = frame::read_greeting(&body);
    }

    #[test]
    fn a_question_is_read_as_it_was_written(key in ".{0,200}", signature: u64, args: Vec<u8>) {
        let mut question = frame::question(&key, signature);
        question.extend(&args);
        let read = frame::read_question(&question[HEADER..]);
        prop_assert_eq!(read, Some((key.as_str(), signature, &args[..])));
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
