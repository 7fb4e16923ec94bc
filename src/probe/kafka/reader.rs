//! Reads the fields of Kafka's replies from bytes that may say anything.
//!
//! The codec crate writes our requests. Its decoders are not used on what peers send: they reserve room for as many
//! elements as a reply announces, so that a reply of ten bytes can ask for a hundred gigabytes and abort the process.
//! Here nothing is reserved: elements are read one by one until they, or the bytes, end.

/// A position in a reply. Every read gives `None` where the bytes end early or make no sense.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// Whether lengths are varints and tagged fields follow (KIP-482).
    flexible: bool,
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    pub const fn new(bytes: &'a [u8], flexible: bool) -> Self {
        Self { rest: bytes, flexible }
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*head)
    }

    fn skip(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(head)
    }

    /// One signed byte.
    pub fn i8(&mut self) -> Option<i8> {
        self.array().map(i8::from_be_bytes)
    }

    /// Two bytes, big-endian, as are all that follow.
    pub fn i16(&mut self) -> Option<i16> {
        self.array().map(i16::from_be_bytes)
    }

    /// Four bytes.
    pub fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_be_bytes)
    }

    /// Eight bytes.
    pub fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    /// An unsigned varint of at most 32 bits.
    fn varint(&mut self) -> Option<u32> {
        let mut value = 0_u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array()?;
            let bits = u32::from(byte & 0x7f);
            // The fifth byte has room for four bits only.
            if shift == 28 && bits > 0x0f {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// The number of elements that an array announces, not to be trusted; none for a null array.
    pub fn count(&mut self) -> Option<usize> {
        if self.flexible {
            usize::try_from(self.varint()?.saturating_sub(1)).ok()
        } else {
            let count = self.i32()?;
            if count == -1 { Some(0) } else { usize::try_from(count).ok() }
        }
    }

    /// A string; null is read as empty.
    pub fn string(&mut self) -> Option<&'a [u8]> {
        let length = if self.flexible {
            usize::try_from(self.varint()?.saturating_sub(1)).ok()?
        } else {
            let length = self.i16()?;
            if length == -1 { 0 } else { usize::try_from(length).ok()? }
        };
        self.skip(length)
    }

    /// Bytes in the inflexible encoding; null is read as empty.
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        match self.i32()? {
            -1 => Some(&[]),
            length => self.skip(usize::try_from(length).ok()?),
        }
    }

    /// Passes over tagged fields, where there are any.
    pub fn tags(&mut self) -> Option<()> {
        if !self.flexible {
            return Some(());
        }
        for _ in 0..self.varint()? {
            self.varint()?;
            let length = self.varint()?;
            self.skip(usize::try_from(length).ok()?)?;
        }
        Some(())
    }

    /// What was not read.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

/// Text of at most `limit` characters, whatever the bytes are.
pub fn lossy(bytes: &[u8], limit: usize) -> String {
    // A character has at most four bytes.
    String::from_utf8_lossy(&bytes[..bytes.len().min(limit * 4)]).chars().take(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_end_and_fit() {
        for (bytes, value) in [
            (&[0x00][..], Some(0)),
            (&[0x7f], Some(127)),
            (&[0x80, 0x01], Some(128)),
            (&[0xff, 0xff, 0xff, 0xff, 0x0f], Some(u32::MAX)),
            (&[0xff, 0xff, 0xff, 0xff, 0x1f], None),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0x01], None),
            (&[0x80], None),
        ] {
            assert_eq!(Reader::new(bytes, true).varint(), value, "{bytes:?}");
        }
    }

    #[test]
    fn strings_stay_within_the_reply() {
        assert_eq!(Reader::new(b"\0\x03abc", false).string(), Some(&b"abc"[..]));
        assert_eq!(Reader::new(b"\xff\xff", false).string(), Some(&b""[..]));
        assert_eq!(Reader::new(b"\x7f\xffabc", false).string(), None);
        assert_eq!(Reader::new(b"\xff\xfe", false).string(), None);
        assert_eq!(Reader::new(b"\x04abc", true).string(), Some(&b"abc"[..]));
        assert_eq!(Reader::new(b"\0", true).string(), Some(&b""[..]));
        assert_eq!(Reader::new(b"\xff\xff\xff\xff\x0fabc", true).string(), None);
    }

    #[test]
    fn tagged_fields_are_passed_over() {
        let mut reader = Reader::new(b"\x02\x00\x02ab\x01\x00z", true);
        assert_eq!(reader.tags(), Some(()));
        assert_eq!(reader.rest(), b"z");
        assert_eq!(Reader::new(b"\xff\xff\xff\xff\x0f", true).tags(), None);
    }

    #[test]
    fn text_is_bounded_and_never_fails() {
        assert_eq!(lossy("äöü".as_bytes(), 2), "äö");
        assert_eq!(lossy(b"a\xffb", 10), "a\u{fffd}b");
    }
}
