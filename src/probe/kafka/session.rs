//! A connection over which a broker has said what it offers.

use bytes::Bytes;
use kafka_protocol::messages::ApiKey;
use tokio::time::Instant;

use super::codec::{self, Apis, Metadata, Question};
use super::coordinator;
use super::describe::{self, Description};
use super::link::{Link, garbled};
use crate::observation::FailureKind;
use crate::probe::{Fault, Stream};

/// An open connection and the APIs that its peer offers.
#[derive(Debug)]
pub struct Session {
    link: Link,
    /// What is offered.
    pub apis: Apis,
}

/// What came of asking a broker whether it is the one that was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// It is.
    Confirmed,
    /// It is another one: this one, where it told.
    Another(Option<i32>),
    /// It may not be asked, for this reason.
    Untold(String),
}

impl Session {
    /// Asks what the peer offers. Version 3 is asked first, as clients do; a broker that does not know it says which it
    /// knows (KIP-511), or is taken to know version 0.
    ///
    /// # Errors
    /// As [`Link::ask`] has them; `ServerRefuses` with an error code of the broker's.
    pub async fn open(stream: impl Stream + 'static, deadline: Instant) -> Result<Self, Fault> {
        let mut link = Link::new(stream, deadline);
        let (mut error, mut apis) = api_versions(&mut link, 3).await?;
        if error == codec::UNSUPPORTED_VERSION {
            let version = apis.version(ApiKey::ApiVersions, 0..=2).unwrap_or(0);
            (error, apis) = api_versions(&mut link, version).await?;
        }
        if error != 0 {
            let words = format!("refused ApiVersions: {}", codec::error_name(error));
            return Err(Fault::new(FailureKind::ServerRefuses, words));
        }
        Ok(Self { link, apis })
    }

    /// Asks who the brokers are.
    ///
    /// # Errors
    /// As [`Link::ask`] has them.
    pub async fn metadata(&mut self, version: i16) -> Result<Metadata, Fault> {
        let reply = self.link.ask(&Question::metadata(version)).await?;
        codec::metadata(&reply, version).ok_or_else(|| garbled(ApiKey::Metadata))
    }

    /// Names a SASL mechanism; the error code, and the mechanisms that the listener has.
    ///
    /// # Errors
    /// As [`Link::ask`] has them.
    pub async fn sasl_handshake(&mut self, version: i16, mechanism: &str) -> Result<(i16, Vec<String>), Fault> {
        let reply = self.link.ask(&Question::sasl_handshake(version, mechanism)).await?;
        codec::sasl_handshake(&reply).ok_or_else(|| garbled(ApiKey::SaslHandshake))
    }

    /// Says a message of a login; the error code, the broker's words for it, and its message.
    ///
    /// # Errors
    /// As [`Link::ask`] has them.
    pub async fn sasl_authenticate(&mut self, version: i16, message: &[u8]) -> Result<(i16, String, String), Fault> {
        let reply = self.link.ask(&Question::sasl_authenticate(version, message)).await?;
        codec::sasl_authenticate(&reply).ok_or_else(|| garbled(ApiKey::SaslAuthenticate))
    }

    /// Asks a broker for settings that it gives of itself only, and whether it knows these topics.
    ///
    /// # Errors
    /// As [`Link::ask`] has them.
    pub async fn identify(&mut self, id: i32, topics: &[String]) -> Result<(Identity, Description), Fault> {
        let Some(version) = self.apis.version(ApiKey::DescribeConfigs, describe::VERSIONS) else {
            return Ok((Identity::Untold("it offers no DescribeConfigs".into()), Description::default()));
        };
        let reply = self.link.ask(&describe::question(version, id, topics)).await?;
        let said = describe::answer(&reply, version, topics).ok_or_else(|| garbled(ApiKey::DescribeConfigs))?;
        Ok((judge_identity(said.error, &said.words), said))
    }

    /// Asks who coordinates a consumer group: the error code and the broker's id; `None` where that cannot be asked.
    ///
    /// # Errors
    /// As [`Link::ask`] has them.
    pub async fn coordinator(&mut self, group: &str) -> Result<Option<(i16, i32)>, Fault> {
        let Some(version) = self.apis.version(ApiKey::FindCoordinator, coordinator::VERSIONS) else { return Ok(None) };
        let reply = self.link.ask(&coordinator::question(version, group)).await?;
        coordinator::answer(&reply, version).map(Some).ok_or_else(|| garbled(ApiKey::FindCoordinator))
    }

    /// The bytes of the records in a topic's partition 0, and the error code in their place.
    ///
    /// # Errors
    /// As [`Link::ask`] has them.
    pub async fn fetch(&mut self, topic: &str) -> Result<(i16, Bytes), Fault> {
        let reply = self.link.ask(&Question::fetch(topic)).await?;
        let (error, records) = codec::fetch(&reply).ok_or_else(|| garbled(ApiKey::Fetch))?;
        Ok((error, reply.slice_ref(records)))
    }
}

async fn api_versions(link: &mut Link, version: i16) -> Result<(i16, Apis), Fault> {
    let reply = link.ask(&Question::api_versions(version)).await?;
    codec::api_versions(&reply, version).ok_or_else(|| garbled(ApiKey::ApiVersions))
}

/// Only words that speak of the broker's id tell of another broker: the code alone (42, invalid request) may have other
/// causes.
fn judge_identity(error: i16, words: &str) -> Identity {
    match error {
        0 => Identity::Confirmed,
        _ if words.to_ascii_lowercase().contains("unexpected broker id") => Identity::Another(expected_id(words)),
        29 | 31 => Identity::Untold("no permission to read broker settings".into()),
        _ => Identity::Untold(format!("broker settings are refused: {}", codec::error_name(error))),
    }
}

/// The id in `Unexpected broker id, expected 1 or empty string, but received 2`.
fn expected_id(words: &str) -> Option<i32> {
    let (_, after) = words.split_once(", expected ")?;
    after.split(|it: char| !it.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_foreign_id_is_another_broker() {
        for (words, id) in [
            ("Unexpected broker id, expected 12 or empty string, but received 2", Some(12)),
            ("Unexpected broker id, expected 1, but received 2", Some(1)),
            ("unexpected broker id", None),
        ] {
            assert_eq!(judge_identity(42, words), Identity::Another(id));
        }
        assert_eq!(judge_identity(0, ""), Identity::Confirmed);
        for (error, why) in [
            (42, "broker settings are refused: InvalidRequest"),
            (31, "no permission to read broker settings"),
            (-1, "broker settings are refused: UnknownServerError"),
            (9999, "broker settings are refused: Unknown error code: 9999"),
        ] {
            assert_eq!(judge_identity(error, "no"), Identity::Untold(why.into()));
        }
    }
}
