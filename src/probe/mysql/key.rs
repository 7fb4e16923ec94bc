//! The server's RSA key, under which a password crosses a connection without TLS.
//!
//! `mysql_common` encrypts, but it panics on a key that is none, and a giant key would keep it busy for hours. What a
//! peer sends is therefore taken apart here first.

use mysql_common::crypto::der::parse_pub_key_pkcs8;
use mysql_common::crypto::rsa::{GetRandom, Pkcs1OaepPadding, PublicKey};
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;

/// The lengths of a modulus that are worked with, in bytes: 1,024 to 8,192 bits. Servers make keys of 2,048.
const MODULUS: std::ops::RangeInclusive<usize> = 128..=1024;

/// The longest exponent, in bytes; it is 65,537 in practice.
const EXPONENT: usize = 4;

/// What OAEP with SHA-1 adds to a message, in bytes (RFC 8017, section 7.1.1).
const PADDING: usize = 42;

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
const INTEGER: u8 = 0x02;

/// Encrypts a message under a public key in PEM (RFC 7468); `None` when it is no usable RSA key or the message is too
/// long for it.
pub(super) fn encrypt(message: &[u8], pem: &[u8]) -> Option<Vec<u8>> {
    let key = SubjectPublicKeyInfoDer::from_pem_slice(pem).ok()?;
    let modulus = modulus_length(key.as_ref())?;
    if message.len() + PADDING > modulus {
        return None;
    }
    let (modulus, exponent) = parse_pub_key_pkcs8(key.as_ref());
    Some(PublicKey::new(modulus, exponent).encrypt_block(message, Pkcs1OaepPadding::new(GetRandom)))
}

/// Checks that this is a `SubjectPublicKeyInfo` (RFC 5280) around an `RSAPublicKey` (RFC 8017) of a sane size, in the
/// one encoding that DER allows; returns the length of the modulus in bytes.
fn modulus_length(der: &[u8]) -> Option<usize> {
    let (outer, []) = element(SEQUENCE, der)? else { return None };
    let (_algorithm, outer) = element(SEQUENCE, outer)?;
    let (bits, []) = element(BIT_STRING, outer)? else { return None };
    // A count of unused bits comes first, and there are none.
    let (key, []) = element(SEQUENCE, bits.strip_prefix(&[0])?)? else { return None };
    let (modulus, key) = element(INTEGER, key)?;
    let (exponent, []) = element(INTEGER, key)? else { return None };
    // A zero byte in front keeps the highest bit from being a sign; an RSA modulus fills its bytes and is odd.
    let modulus = modulus.strip_prefix(&[0])?;
    let sane = MODULUS.contains(&modulus.len())
        && modulus[0] & 0x80 != 0
        && modulus.last().is_some_and(|byte| byte & 1 == 1)
        && (1..=EXPONENT).contains(&exponent.len())
        && exponent[0] & 0x80 == 0
        && exponent.iter().any(|&byte| byte != 0);
    sane.then_some(modulus.len())
}

/// Splits the element with this tag off the front: its content, and what follows it.
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = der.strip_prefix(&[tag])?.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81 => (usize::from(*rest.first()?), &rest[1..]),
        0x82 => (usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?])), &rest[2..]),
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A key as MySQL sends it.
    pub const PEM: &[u8] = include_bytes!("testdata/public_key.pem");

    #[test]
    fn a_real_key_encrypts() {
        let once = encrypt(b"secret\0", PEM).expect("a key of 2,048 bits");
        assert_eq!(once.len(), 256);
        assert_ne!(once, encrypt(b"secret\0", PEM).expect("the same key"), "the padding is random");
    }

    #[test]
    fn a_message_fits_or_is_refused() {
        assert!(encrypt(&[7; 214], PEM).is_some());
        assert!(encrypt(&[7; 215], PEM).is_none());
    }

    #[test]
    fn no_bytes_make_it_fall_over() {
        let der = SubjectPublicKeyInfoDer::from_pem_slice(PEM).expect("a key");
        let der = der.as_ref();
        assert_eq!(modulus_length(der), Some(256));
        for end in 0..der.len() {
            assert_eq!(modulus_length(&der[..end]), None, "cut at {end}");
            for byte in [0, 1, 0x30, 0x7f, 0x80, 0x82, 0xff] {
                let mut bent = der.to_vec();
                bent[end] = byte;
                // Whatever passes the check must not panic in the library. The modulus itself is only a number.
                let frame = end < 40 || end + 8 >= der.len();
                if frame && modulus_length(&bent).is_some() {
                    let (modulus, exponent) = parse_pub_key_pkcs8(&bent);
                    let _ =
                        PublicKey::new(modulus, exponent).encrypt_block(b"secret", Pkcs1OaepPadding::new(GetRandom));
                }
            }
        }
        for garbage in [
            &b""[..],
            b"-----BEGIN PUBLIC KEY-----",
            b"-----BEGIN PUBLIC KEY-----\n!!\n-----END PUBLIC KEY-----\n",
            // Well-formed outside, nothing inside.
            b"-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n",
            &[0xff; 300],
        ] {
            assert_eq!(encrypt(b"secret", garbage), None);
        }
    }
}
