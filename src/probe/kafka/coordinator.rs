//! `FindCoordinator`: which broker keeps a consumer group's place. Asked only where the topic for it exists, since
//! brokers make that topic for whoever asks.

use std::ops::RangeInclusive;

use kafka_protocol::messages::{ApiKey, FindCoordinatorRequest};
use kafka_protocol::protocol::StrBytes;

use super::codec::Question;
use super::reader::Reader;

/// The versions that are read here.
pub const VERSIONS: RangeInclusive<i16> = 1..=4;

/// No broker is there for this group: the partition that it belongs to has no leader.
pub const NOT_AVAILABLE: i16 = 15;

/// From this version on several groups are asked for at once.
const SEVERAL: i16 = 4;

/// The question for one consumer group.
pub fn question(version: i16, group: &str) -> Question {
    let group = StrBytes::from_string(group.to_owned());
    let body = FindCoordinatorRequest::default().with_key_type(0);
    let body = if version >= SEVERAL { body.with_coordinator_keys(vec![group]) } else { body.with_key(group) };
    Question::new(ApiKey::FindCoordinator, version, &body)
}

/// Reads the answer: the error code and the broker's id.
pub fn answer(reply: &[u8], version: i16) -> Option<(i16, i32)> {
    let mut reader = Reader::new(reply, version >= 3);
    reader.i32()?; // throttle time
    if version < SEVERAL {
        let error = reader.i16()?;
        reader.string()?; // the broker's words
        return Some((error, reader.i32()?));
    }
    if reader.count()? == 0 {
        return None;
    }
    reader.string()?; // the group
    let id = reader.i32()?;
    reader.string()?; // host
    reader.i32()?; // port
    Some((reader.i16()?, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let single = b"\0\0\0\0\0\x0f\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0";
        assert_eq!(answer(single, 2), Some((NOT_AVAILABLE, -1)));
        let several = b"\0\0\0\0\x02\x02g\0\0\0\x02\x03k2\0\0\x23\x84\0\0\0\0\0";
        assert_eq!(answer(several, 4), Some((0, 2)));
        assert_eq!(answer(b"\0\0\0\0\x01\0", 4), None);
        for version in VERSIONS {
            assert!(question(version, "billing").frame(1).windows(7).any(|it| it == b"billing"));
        }
    }

    #[test]
    fn an_answer_cut_short_is_none() {
        let several = b"\0\0\0\0\x02\x02g\0\0\0\x02\x03k2\0\0\x23\x84\0\0";
        for cut in 0..several.len() {
            assert_eq!(answer(&several[..cut], 4), None);
        }
    }
}
