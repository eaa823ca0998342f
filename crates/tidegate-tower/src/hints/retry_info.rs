// How it works
//
// gRPC's rich errors are a message in a header, in base64. Three messages deep is what we look for:
//
//     google.rpc.Status { 3: repeated google.protobuf.Any }
//         Any { 1: name of its type, 2: message }
//             google.rpc.RetryInfo { 1: google.protobuf.Duration { 1: seconds, 2: nanoseconds } }
//
// A message is a series of fields, each a number (which also says how long its value is) and a value. All that is needed
// of that is to walk past the fields that are not sought. What is malformed anywhere is ignored as a whole.

use std::time::Duration;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::fields::Fields;

/// gRPC leaves out the padding, and accepts it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The longest delay of all `RetryInfo` in `grpc-status-details-bin`.
pub(super) fn delay(fields: &Fields<'_>) -> Option<Duration> {
    let lines = fields.lines("grpc-status-details-bin");
    // Lines that somebody on the way has joined.
    let values = lines.flat_map(|line| line.split(|&byte| byte == b','));
    values.filter_map(|value| of_status(&BASE64.decode(value.trim_ascii()).ok()?)).max()
}

fn of_status(status: &[u8]) -> Option<Duration> {
    let details = values(status, 3)?;
    let delays: Option<Vec<Option<Duration>>> = details.into_iter().map(of_detail).collect();
    delays?.into_iter().max()?
}

/// `None` if it is malformed, and nothing inside if it is about something else.
#[expect(clippy::option_option, reason = "malformed is not absent")]
fn of_detail(any: Value<'_>) -> Option<Option<Duration>> {
    let any = any.message()?;
    let Some(name) = values(any, 1)?.pop() else { return Some(None) };
    if !name.message()?.ends_with(b"/google.rpc.RetryInfo") {
        return Some(None);
    }
    let Some(info) = values(any, 2)?.pop() else { return Some(None) };
    match values(info.message()?, 1)?.pop() {
        Some(delay) => Some(Some(duration(delay.message()?)?)),
        None => Some(None),
    }
}

fn duration(message: &[u8]) -> Option<Duration> {
    let number = |field| match values(message, field)?.pop() {
        // Numbers below nought are large ones here.
        Some(value) => value.number().filter(|&number| number <= i64::MAX.unsigned_abs()),
        None => Some(0),
    };
    let (seconds, nanos) = (number(1)?, u32::try_from(number(2)?).ok()?);
    (nanos < 1_000_000_000).then(|| Duration::new(seconds, nanos))
}

enum Value<'a> {
    Number(u64),
    Message(&'a [u8]),
    /// Of a fixed size: nothing that is sought.
    Other,
}

impl<'a> Value<'a> {
    fn number(self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    fn message(self) -> Option<&'a [u8]> {
        match self {
            Self::Message(message) => Some(message),
            _ => None,
        }
    }
}

/// All values of one field; `None` if the message is malformed.
fn values(mut message: &[u8], field: u64) -> Option<Vec<Value<'_>>> {
    let mut found = Vec::new();
    while !message.is_empty() {
        let key = number(&mut message)?;
        let value = match key & 7 {
            0 => Value::Number(number(&mut message)?),
            1 => take(&mut message, 8).map(|_| Value::Other)?,
            2 => {
                let length = usize::try_from(number(&mut message)?).ok()?;
                Value::Message(take(&mut message, length)?)
            }
            5 => take(&mut message, 4).map(|_| Value::Other)?,
            _ => return None,
        };
        if key >> 3 == field {
            found.push(value);
        }
    }
    Some(found)
}

/// Seven bits in each byte, the lowest first; the eighth says that more follow.
fn number(message: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(message, 1)?[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn take<'a>(message: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = message.split_at_checked(length)?;
    *message = rest;
    Some(taken)
}
