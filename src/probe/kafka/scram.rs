//! A client's side of SCRAM (RFC 5802, RFC 7677): proves that it knows the password without saying it, and holds the
//! server to prove the same. No channel binding, as in Kafka, and names and passwords as they are: Kafka's own clients
//! prepare neither.

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac, pbkdf2};
use secrecy::{ExposeSecret, SecretString};

/// A server that asks for more rounds than this would keep us busy; Kafka allows no more than 16384.
const MOST_ROUNDS: u32 = 100_000;

/// The header of a message without channel binding, and the same in Base64.
const HEADER: (&str, &str) = ("n,,", "biws");

/// Which hash is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SCRAM-SHA-256.
    Sha256,
    /// SCRAM-SHA-512.
    Sha512,
}

/// A conversation under way.
pub struct Scram {
    hash: Hash,
    user: String,
    nonce: String,
}

/// What proves in the end that the server knows the password too.
#[derive(PartialEq, Eq)]
pub struct ServerSignature(Vec<u8>);

impl Scram {
    /// Begins with a nonce of its own; `None` where the system gives no random numbers.
    pub fn new(hash: Hash, user: &str) -> Option<Self> {
        let mut bytes = [0; 18];
        SystemRandom::new().fill(&mut bytes).ok()?;
        Some(Self::with_nonce(hash, user, STANDARD.encode(bytes)))
    }

    fn with_nonce(hash: Hash, user: &str, nonce: String) -> Self {
        // A comma would end the name, and an equals sign starts an escape.
        Self { hash, user: user.replace('=', "=3D").replace(',', "=2C"), nonce }
    }

    fn first_bare(&self) -> String {
        format!("n={},r={}", self.user, self.nonce)
    }

    /// The first message.
    pub fn first(&self) -> String {
        format!("{}{}", HEADER.0, self.first_bare())
    }

    /// The answer to the server's first message, and what the server must say to that.
    ///
    /// # Errors
    /// Says what is wrong with the server's message.
    pub fn last(&self, server: &str, password: &SecretString) -> Result<(String, ServerSignature), &'static str> {
        let mut parts = server.split(',');
        let mut part = |name: &str| parts.next().and_then(|part| part.strip_prefix(name));
        let nonce = part("r=").filter(|nonce| nonce.len() > self.nonce.len() && nonce.starts_with(&self.nonce));
        let nonce = nonce.ok_or("its nonce does not continue ours")?;
        let salt = part("s=").and_then(|salt| STANDARD.decode(salt).ok()).ok_or("its salt cannot be read")?;
        let rounds = part("i=").and_then(|rounds| rounds.parse::<NonZeroU32>().ok()).ok_or("it names no rounds")?;
        if rounds.get() > MOST_ROUNDS {
            return Err("it asks for more rounds than are sensible");
        }
        let salted = self.hash.stretch(password.expose_secret().as_bytes(), &salt, rounds);
        let client = self.hash.mac(&salted, b"Client Key");
        let stored = digest::digest(self.hash.digest(), client.as_ref());
        let without_proof = format!("c={},r={nonce}", HEADER.1);
        let all = format!("{},{server},{without_proof}", self.first_bare());
        let signature = self.hash.mac(stored.as_ref(), all.as_bytes());
        let proof: Vec<u8> = client.as_ref().iter().zip(signature.as_ref()).map(|(a, b)| a ^ b).collect();
        let key = self.hash.mac(&salted, b"Server Key");
        let expected = self.hash.mac(key.as_ref(), all.as_bytes());
        let message = format!("{without_proof},p={}", STANDARD.encode(proof));
        Ok((message, ServerSignature(expected.as_ref().to_vec())))
    }
}

impl ServerSignature {
    /// Whether the server's last message proves that it knows the password.
    pub fn is_in(&self, server: &str) -> bool {
        let said = server.split(',').next().and_then(|part| part.strip_prefix("v="));
        said.and_then(|said| STANDARD.decode(said).ok()) == Some(self.0.clone())
    }
}

impl Hash {
    fn digest(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha512 => &digest::SHA512,
        }
    }

    fn mac(self, key: &[u8], message: &[u8]) -> hmac::Tag {
        let algorithm = match self {
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        };
        hmac::sign(&hmac::Key::new(algorithm, key), message)
    }

    fn stretch(self, password: &[u8], salt: &[u8], rounds: NonZeroU32) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Self::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        };
        let mut out = vec![0; self.digest().output_len()];
        pbkdf2::derive(algorithm, rounds, salt, password, &mut out);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    const SERVER: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    fn pencil() -> SecretString {
        SecretString::from("pencil".to_owned())
    }

    /// The example in RFC 7677, section 3.
    #[test]
    fn the_standards_example_is_followed() {
        let scram = Scram::with_nonce(Hash::Sha256, "user", NONCE.into());
        assert_eq!(scram.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let (last, signature) = scram.last(SERVER, &pencil()).unwrap();
        assert_eq!(
            last,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert!(signature.is_in("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
        for other in ["v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "v=", "e=invalid-proof", ""] {
            assert!(!signature.is_in(other), "{other}");
        }
    }

    #[test]
    fn the_longer_hash_gives_a_longer_proof() {
        let scram = Scram::with_nonce(Hash::Sha512, "user", NONCE.into());
        let (last, signature) = scram.last(SERVER, &pencil()).unwrap();
        let proof = last.rsplit_once(",p=").unwrap().1;
        assert_eq!((STANDARD.decode(proof).unwrap().len(), signature.0.len()), (64, 64));
    }

    #[test]
    fn names_are_escaped_and_nonces_are_new() {
        let first = Scram::with_nonce(Hash::Sha256, "a=b,c", NONCE.into()).first();
        assert_eq!(first, "n,,n=a=3Db=2Cc,r=rOprNGfwEbeRWgbNEkqO");
        let nonce = || Scram::new(Hash::Sha256, "u").unwrap().nonce;
        assert_ne!(nonce(), nonce());
    }

    #[test]
    fn a_server_that_does_not_follow_is_refused() {
        let scram = Scram::with_nonce(Hash::Sha256, "user", NONCE.into());
        for server in [
            "",
            "r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            // A nonce without a part of the server's own.
            "r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "r=rOprNGfwEbeRWgbNEkqOx,s=*,i=4096",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=0",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4000000000",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==",
        ] {
            assert!(scram.last(server, &pencil()).is_err(), "{server}");
        }
    }
}
