// How it works
//
// What the pool and a worker say to each other: frames of a header (16 bytes, little endian) and a body.
//
//     0  "TG"     4  length of the body, u32     8  number of the call, u64
//     2  kind     3  0
//
// The pool opens with `Welcome`, the worker answers with `Hello`, and from then on there is one question and
// one answer at a time: `Call`, and one of the kinds from `Returned` on, with the number of the call. `Goodbye`
// ends the worker. Everything else is a violation, and costs the worker its life.

use std::io::{self, Read};
use std::time::Duration;

/// Raised with every change of what is said.
pub(super) const PROTOCOL: u32 = 1;
pub(super) const HEADER: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// Protocol, build, the longest body.
    Welcome = 1,
    /// Protocol, build.
    Hello,
    /// How much time there is, a function, and its arguments.
    Call,
    /// No more calls.
    Goodbye,
    /// The result.
    Returned,
    /// The message and the place of a panic.
    Panicked,
    /// The worker does not know the function.
    Unknown,
    /// The result has this many bytes, which are too many.
    TooLarge,
    /// Arguments or result could not be converted, for this reason.
    Unreadable,
}

const KINDS: [Kind; 9] = [
    Kind::Welcome,
    Kind::Hello,
    Kind::Call,
    Kind::Goodbye,
    Kind::Returned,
    Kind::Panicked,
    Kind::Unknown,
    Kind::TooLarge,
    Kind::Unreadable,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) length: usize,
    pub(super) call: u64,
}

impl Header {
    /// Reads a header; `Err` says what is wrong with it.
    pub(super) fn parse(bytes: &[u8; HEADER], limit: usize) -> Result<Self, String> {
        let [t, g, kind, zero, a, b, c, d, call @ ..] = *bytes;
        let kind = KINDS.into_iter().find(|it| *it as u8 == kind);
        let (b"TG", Some(kind), 0) = (&[t, g], kind, zero) else {
            return Err(format!("{bytes:?} is not the beginning of a frame"));
        };
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        if length > limit {
            return Err(format!("a frame of {length} bytes, where {limit} is the limit"));
        }
        Ok(Self { kind, length, call: u64::from_le_bytes(call) })
    }
}

/// A frame to be: room for the header.
pub(super) fn blank() -> Vec<u8> {
    vec![0; HEADER]
}

/// Writes the header of `frame`, of which the rest is the body.
pub(super) fn seal(mut frame: Vec<u8>, kind: Kind, call: u64) -> Vec<u8> {
    let length = u32::try_from(frame.len() - HEADER).expect("the body is within the limit");
    frame[..2].copy_from_slice(b"TG");
    (frame[2], frame[3]) = (kind as u8, 0);
    frame[4..8].copy_from_slice(&length.to_le_bytes());
    frame[8..HEADER].copy_from_slice(&call.to_le_bytes());
    frame
}

/// A frame with this body.
pub(super) fn frame(kind: Kind, call: u64, body: &[u8]) -> Vec<u8> {
    let mut frame = blank();
    frame.extend_from_slice(body);
    seal(frame, kind, call)
}

/// Writes all of it to a socket that blocks.
pub(super) fn write_all(mut to: impl io::Write, frame: &[u8]) -> io::Result<()> {
    to.write_all(frame)
}

/// Reads a whole frame from a socket that blocks.
pub(super) fn read(mut from: impl Read, limit: usize) -> io::Result<(Header, Vec<u8>)> {
    let mut header = [0; HEADER];
    from.read_exact(&mut header)?;
    let header = Header::parse(&header, limit).map_err(io::Error::other)?;
    let mut body = Vec::with_capacity(header.length.min(1 << 20));
    from.take(header.length as u64).read_to_end(&mut body)?;
    if body.len() < header.length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok((header, body))
}

/// The body of `Welcome` (with the longest body) and `Hello` (without).
pub(super) fn greeting(build: u64, limit: Option<usize>) -> Vec<u8> {
    let mut body = PROTOCOL.to_le_bytes().to_vec();
    body.extend(build.to_le_bytes());
    body.extend(limit.into_iter().flat_map(|limit| (limit as u64).to_le_bytes()));
    body
}

/// Protocol, build and, if there is one, limit.
pub(super) fn read_greeting(body: &[u8]) -> Option<(u32, u64, Option<u64>)> {
    let (protocol, rest) = body.split_first_chunk()?;
    let (build, rest) = rest.split_first_chunk()?;
    let limit = rest.first_chunk().map(|limit| u64::from_le_bytes(*limit));
    Some((u32::from_le_bytes(*protocol), u64::from_le_bytes(*build), limit))
}

/// A question that there is no hurry about.
const NO_END: u64 = u64::MAX;

/// The beginning of the body of `Call`, which the arguments follow.
pub(super) fn question(key: &str, signature: u64) -> Vec<u8> {
    let mut frame = blank();
    frame.extend(NO_END.to_le_bytes());
    let length = u16::try_from(key.len()).expect("a path of a function is shorter than 64 KiB");
    frame.extend(length.to_le_bytes());
    frame.extend(key.as_bytes());
    frame.extend(signature.to_le_bytes());
    frame
}

/// Says in a question how much time there is; `None` is no end of it.
pub(super) fn give_time(question: &mut [u8], time: Option<Duration>) {
    let nanos = time.and_then(|time| u64::try_from(time.as_nanos()).ok()).unwrap_or(NO_END);
    question[HEADER..HEADER + 8].copy_from_slice(&nanos.to_le_bytes());
}

/// What a worker is asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Question<'a> {
    pub(super) time: Option<Duration>,
    pub(super) key: &'a str,
    pub(super) signature: u64,
    pub(super) args: &'a [u8],
}

pub(super) fn read_question(body: &[u8]) -> Option<Question<'_>> {
    let (nanos, rest) = body.split_first_chunk()?;
    let nanos = u64::from_le_bytes(*nanos);
    let (length, rest) = rest.split_first_chunk()?;
    let (key, rest) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
    let (signature, args) = rest.split_first_chunk()?;
    Some(Question {
        time: (nanos != NO_END).then(|| Duration::from_nanos(nanos)),
        key: std::str::from_utf8(key).ok()?,
        signature: u64::from_le_bytes(*signature),
        args,
    })
}
