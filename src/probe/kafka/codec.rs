//! The questions that the probe asks a broker, and what their answers say.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, FetchRequest, MetadataRequest, RequestHeader, SaslAuthenticateRequest,
    SaslHandshakeRequest, TopicName,
};
use kafka_protocol::protocol::{Encodable, StrBytes};

use super::reader::{Reader, lossy};
use crate::text;

/// At most as many brokers of one answer are kept.
pub const MOST_BROKERS: usize = 1000;

/// The longest host name that is kept, in characters; DNS allows 253.
pub const LONGEST_HOST: usize = 255;

/// A request, encoded up to its correlation id. Not `Debug`: a password may be in it.
pub struct Question {
    /// Which API.
    pub key: ApiKey,
    /// Its version.
    pub version: i16,
    body: BytesMut,
}

impl Question {
    /// Encodes a request.
    pub fn new<B: Encodable>(key: ApiKey, version: i16, body: &B) -> Self {
        let mut bytes = BytesMut::new();
        // The encoder refuses only fields that a version lacks; the constructors below set none of these. A body that
        // stayed short would be refused by the broker, and said so.
        let encoded = body.encode(&mut bytes, version);
        debug_assert!(encoded.is_ok(), "{key:?} {version}: {encoded:?}");
        Self { key, version, body: bytes }
    }

    /// What the broker offers. From version 3 on a client says who it is.
    pub fn api_versions(version: i16) -> Self {
        let mut body = ApiVersionsRequest::default();
        if version >= 3 {
            body = body
                .with_client_software_name(StrBytes::from_static_str("crosscheck"))
                .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
        }
        Self::new(ApiKey::ApiVersions, version, &body)
    }

    /// The cluster and its brokers, no topics. Only versions from 1 on tell no topics from all topics.
    pub fn metadata(version: i16) -> Self {
        // Before version 4 the field does not exist and counts as true; with no topic named nothing can be created.
        let body = MetadataRequest::default().with_topics(Some(Vec::new())).with_allow_auto_topic_creation(version < 4);
        Self::new(ApiKey::Metadata, version, &body)
    }

    /// Asks for a SASL mechanism, to be told which there are.
    pub fn sasl_handshake(version: i16, mechanism: &str) -> Self {
        let body = SaslHandshakeRequest::default().with_mechanism(StrBytes::from_string(mechanism.to_owned()));
        Self::new(ApiKey::SaslHandshake, version, &body)
    }

    /// A message of a login.
    pub fn sasl_authenticate(version: i16, message: &[u8]) -> Self {
        let body = SaslAuthenticateRequest::default().with_auth_bytes(Bytes::copy_from_slice(message));
        Self::new(ApiKey::SaslAuthenticate, version, &body)
    }

    /// The records of a topic's partition 0 from the start, at most half a second after they are there.
    pub fn fetch(topic: &str) -> Self {
        let partition = FetchPartition::default().with_partition_max_bytes(64 * 1024);
        let topic = FetchTopic::default()
            .with_topic(TopicName(StrBytes::from_string(topic.to_owned())))
            .with_partitions(vec![partition]);
        let body = FetchRequest::default()
            .with_replica_id((-1).into())
            .with_max_wait_ms(500)
            .with_min_bytes(1)
            .with_max_bytes(64 * 1024)
            .with_topics(vec![topic]);
        Self::new(ApiKey::Fetch, FETCH_VERSION, &body)
    }

    /// The whole frame, its length first.
    pub fn frame(&self, correlation: i32) -> BytesMut {
        let header = RequestHeader::default()
            .with_request_api_key(self.key as i16)
            .with_request_api_version(self.version)
            .with_correlation_id(correlation)
            .with_client_id(Some(StrBytes::from_static_str("crosscheck")));
        let mut frame = BytesMut::new();
        frame.put_i32(0);
        let version = self.key.request_header_version(self.version);
        let encoded = header.encode(&mut frame, version);
        debug_assert!(encoded.is_ok(), "{encoded:?}");
        frame.put_slice(&self.body);
        let length = i32::try_from(frame.len() - 4).unwrap_or(i32::MAX);
        frame[..4].copy_from_slice(&length.to_be_bytes());
        frame
    }

    /// Whether the answer's header has tagged fields after the correlation id.
    pub fn has_tagged_header(&self) -> bool {
        self.key.response_header_version(self.version) >= 1
    }
}

/// Every release since 0.11 offers this version of Fetch.
pub const FETCH_VERSION: i16 = 4;

/// The name of an error code as Kafka's documentation has it, such as `InvalidRequest`.
pub fn error_name(code: i16) -> String {
    ResponseError::try_from_code(code).map_or_else(|| "no error".into(), |error| error.to_string())
}

/// The APIs that a peer offers: for each key the least and the greatest version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Apis(BTreeMap<i16, (i16, i16)>);

impl Apis {
    /// The greatest version that both sides speak.
    pub fn version(&self, key: ApiKey, ours: RangeInclusive<i16>) -> Option<i16> {
        let &(least, greatest) = self.0.get(&(key as i16))?;
        let version = greatest.min(*ours.end());
        (version >= least && version >= *ours.start()).then_some(version)
    }

    /// The greatest version that the peer speaks of an API.
    pub fn greatest(&self, key: ApiKey) -> Option<i16> {
        self.0.get(&(key as i16)).map(|&(_, greatest)| greatest)
    }

    /// Whether these are the APIs of a `KRaft` controller: those of its quorum, and no Metadata.
    pub fn are_a_controllers(&self) -> bool {
        let quorum = [ApiKey::Vote, ApiKey::BeginQuorumEpoch, ApiKey::EndQuorumEpoch, ApiKey::DescribeQuorum];
        self.greatest(ApiKey::Metadata).is_none() && quorum.into_iter().any(|key| self.greatest(key).is_some())
    }
}

impl FromIterator<(i16, (i16, i16))> for Apis {
    fn from_iter<I: IntoIterator<Item = (i16, (i16, i16))>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

/// Reads an answer to `ApiVersions`: an error code and the APIs. With code 35 (unsupported version) the answer has the
/// form of version 0, whatever was asked (KIP-511).
pub fn api_versions(reply: &[u8], version: i16) -> Option<(i16, Apis)> {
    let unsupported = reply.starts_with(&UNSUPPORTED_VERSION.to_be_bytes());
    let mut reader = Reader::new(reply, version >= 3 && !unsupported);
    let error = reader.i16()?;
    // Before 2.4 a broker gave the code alone.
    if unsupported && reader.rest().is_empty() {
        return Some((error, Apis::default()));
    }
    let mut apis = BTreeMap::new();
    for _ in 0..reader.count()? {
        let key = reader.i16()?;
        let range = (reader.i16()?, reader.i16()?);
        reader.tags()?;
        apis.insert(key, range);
    }
    Some((error, Apis(apis)))
}

/// The version of an API is not supported.
pub const UNSUPPORTED_VERSION: i16 = 35;

/// What Metadata says of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The cluster's id; older versions have none.
    pub cluster_id: Option<String>,
    /// The brokers, at most [`MOST_BROKERS`], as they stand there: nothing is made printable yet.
    pub brokers: Vec<Broker>,
    /// How many brokers there were.
    pub listed: usize,
}

/// A broker as a listener advertises it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Its id.
    pub id: i32,
    /// Its host, bounded.
    pub host: String,
    /// Its port; 0 where the number is no port.
    pub port: u16,
}

/// The versions of Metadata that [`metadata`] reads.
pub const METADATA_VERSIONS: RangeInclusive<i16> = 1..=12;

/// Reads an answer to Metadata up to the topics.
pub fn metadata(reply: &[u8], version: i16) -> Option<Metadata> {
    let mut reader = Reader::new(reply, version >= 9);
    if version >= 3 {
        reader.i32()?; // throttle time
    }
    let mut found = Metadata { listed: reader.count()?, ..Metadata::default() };
    for index in 0..found.listed {
        let id = reader.i32()?;
        let host = reader.string()?;
        let port = reader.i32()?;
        reader.string()?; // rack
        reader.tags()?;
        if index < MOST_BROKERS {
            let port = u16::try_from(port).unwrap_or(0);
            found.brokers.push(Broker { id, host: lossy(host, LONGEST_HOST), port });
        }
    }
    if version >= 2 {
        let id = text::line(&lossy(reader.string()?, 128), 128);
        found.cluster_id = (!id.is_empty()).then_some(id);
    }
    reader.i32()?; // controller's id
    Some(found)
}

/// Reads an answer to `SaslHandshake`: the error code and the mechanisms.
pub fn sasl_handshake(reply: &[u8]) -> Option<(i16, Vec<String>)> {
    let mut reader = Reader::new(reply, false);
    let error = reader.i16()?;
    let mut mechanisms = Vec::new();
    for index in 0..reader.count()? {
        let mechanism = reader.string()?;
        if index < 16 {
            mechanisms.push(lossy(mechanism, 40));
        }
    }
    Some((error, mechanisms))
}

/// Reads an answer to `SaslAuthenticate` before its version 2: the error code, the broker's words, its message.
pub fn sasl_authenticate(reply: &[u8]) -> Option<(i16, String, String)> {
    let mut reader = Reader::new(reply, false);
    let error = reader.i16()?;
    let words = lossy(reader.string()?, 300);
    Some((error, words, String::from_utf8_lossy(reader.bytes()?).into_owned()))
}

/// Reads an answer to Fetch for one partition: its error code and the bytes of its records.
pub fn fetch(reply: &[u8]) -> Option<(i16, &[u8])> {
    let mut reader = Reader::new(reply, false);
    reader.i32()?; // throttle time
    if reader.count()? == 0 {
        return None;
    }
    reader.string()?; // topic
    if reader.count()? == 0 {
        return None;
    }
    reader.i32()?; // partition
    let error = reader.i16()?;
    reader.i64()?; // high watermark
    reader.i64()?; // last stable offset
    for _ in 0..reader.count()? {
        reader.i64()?; // producer of an aborted transaction
        reader.i64()?; // and its first offset
    }
    Some((error, reader.bytes()?))
}
