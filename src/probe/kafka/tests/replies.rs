//! What Kafka 4.1.0 sent, read as it was meant.

use bytes::Bytes;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsResponse, DescribeConfigsResponse, FetchResponse, MetadataResponse, SaslHandshakeResponse,
};
use kafka_protocol::protocol::Decodable;

use super::super::codec::{self, Question};
use super::super::describe;
use super::*;

/// The body of a recorded frame: what follows its length, its correlation id and `more` bytes of its header.
fn body(frame: &[u8], more: usize) -> Bytes {
    Bytes::copy_from_slice(&frame[8 + more..])
}

#[test]
fn our_reader_and_the_codec_crate_agree() {
    let mut bytes = body(&recorded!("api-versions"), 0);
    let (error, apis) = codec::api_versions(&bytes, 3).unwrap();
    let theirs = ApiVersionsResponse::decode(&mut bytes, 3).unwrap();
    let same = theirs.api_keys.iter().map(|it| (it.api_key, (it.min_version, it.max_version))).collect();
    assert_eq!((error, apis), (theirs.error_code, same));
    assert_eq!(theirs.api_keys.len(), 73);

    let mut bytes = body(&recorded!("metadata"), 1);
    let ours = codec::metadata(&bytes, 12).unwrap();
    let theirs = MetadataResponse::decode(&mut bytes, 12).unwrap();
    assert_eq!(ours.cluster_id.as_deref(), theirs.cluster_id.as_deref());
    assert_eq!(ours.cluster_id.as_deref(), Some("5L6g3nShT-eMCtK--X86sw"));
    for (ours, theirs) in ours.brokers.iter().zip(&theirs.brokers) {
        assert_eq!((ours.id, ours.host.as_str(), i32::from(ours.port)), (*theirs.node_id, &*theirs.host, theirs.port));
    }
    assert_eq!((ours.listed, ours.brokers.len(), theirs.brokers.len()), (2, 2, 2));

    let mut bytes = body(&recorded!("describe-foreign-broker"), 1);
    let ours = describe::answer(&bytes, 4, &[]).unwrap();
    let ours = (ours.error, ours.words);
    let theirs = DescribeConfigsResponse::decode(&mut bytes, 4).unwrap();
    assert_eq!(ours, (42, "Unexpected broker id, expected 1 or empty string, but received 2".into()));
    assert_eq!(
        (ours.0, Some(ours.1.as_str())),
        (theirs.results[0].error_code, theirs.results[0].error_message.as_deref())
    );

    let mut bytes = body(&recorded!("sasl-handshake"), 0);
    let ours = codec::sasl_handshake(&bytes).unwrap();
    let theirs = SaslHandshakeResponse::decode(&mut bytes, 1).unwrap();
    assert_eq!(ours, (33, vec!["PLAIN".into(), "SCRAM-SHA-256".into()]));
    assert_eq!(ours.0, theirs.error_code);

    let mut bytes = body(&recorded!("fetch"), 0);
    let ours = bytes.clone();
    let ours = codec::fetch(&ours).unwrap();
    let theirs = FetchResponse::decode(&mut bytes, 4).unwrap();
    let partition = &theirs.responses[0].partitions[0];
    assert_eq!(ours, (0, partition.records.as_deref().unwrap()));
    assert!(ours.1.windows(12).any(|it| it == b"hello-record"));
}

#[test]
fn nothing_can_be_created_by_asking() {
    // Version 12: an empty array (not null, which means all), no creation, no operations, no tags.
    let frame = Question::metadata(12).frame(7);
    assert!(frame.ends_with(b"\0\x0acrosscheck\0\x01\0\0\0"), "{frame:?}");
    // Version 1: an empty array and nothing else.
    assert!(Question::metadata(1).frame(7).ends_with(b"\0\x0acrosscheck\0\0\0\0"));
    assert_eq!(frame[..12], [0, 0, 0, 25, 0, 3, 0, 12, 0, 0, 0, 7]);
}

#[test]
fn every_version_that_we_speak_can_be_asked() {
    for version in codec::METADATA_VERSIONS {
        assert_eq!(Question::metadata(version).frame(1)[7], u8::try_from(version).unwrap());
    }
    for version in describe::VERSIONS {
        assert!(describe::question(version, -1, &[]).frame(1).windows(7).any(|it| it == b"node.id"));
    }
    for version in 0..=3 {
        assert_eq!(Question::api_versions(version).key, ApiKey::ApiVersions);
        assert_eq!(Question::api_versions(version).frame(1)[7], u8::try_from(version).unwrap());
    }
    assert!(Question::sasl_handshake(1, "CROSSCHECK-NONE").frame(1).ends_with(b"CROSSCHECK-NONE"));
    assert!(Question::fetch("t").frame(1).windows(5).any(|it| it == b"\0\x01t\0\0"));
}

#[test]
fn cut_short_or_mangled_replies_are_never_read_past_their_end() {
    type Read = fn(&[u8]) -> bool;
    let reads: [(Bytes, Read); 5] = [
        (body(&recorded!("api-versions"), 0), |it| codec::api_versions(it, 3).is_some()),
        (body(&recorded!("metadata"), 1), |it| codec::metadata(it, 12).is_some()),
        (body(&recorded!("describe-foreign-broker"), 1), |it| describe::answer(it, 4, &[]).is_some()),
        (body(&recorded!("sasl-handshake"), 0), |it| codec::sasl_handshake(it).is_some()),
        (body(&recorded!("fetch"), 0), |it| codec::fetch(it).is_some()),
    ];
    for (bytes, read) in reads {
        assert!(read(&bytes));
        assert!(!read(&bytes[..bytes.len() / 2]));
        for cut in 0..bytes.len() {
            read(&bytes[..cut]);
            for wrong in [0x00, 0x7f, 0x80, 0xff] {
                let mut mangled = bytes.to_vec();
                mangled[cut..(cut + 4).min(bytes.len())].fill(wrong);
                read(&mangled);
            }
        }
    }
}

#[tokio::test]
async fn a_controllers_listener_is_told_apart() {
    let broker = Broker::new().with(API_VERSIONS, 3, recorded!("api-versions-controller"));
    let seen = look(broker.start().await, SECOND).await;
    let words = "a KRaft controller's listener, which serves no clients";
    assert_eq!(failure(&seen), Some((PhaseName::Request, FailureKind::WrongProtocol, words)));
    assert!(peer(&seen).controller);
}

#[tokio::test]
async fn a_broker_that_knows_only_older_versions_is_asked_for_one() {
    let mut older = vec![0; 8];
    older.extend([0, 0, 0, 0, 0, 2]); // no error, two APIs
    older.extend([0, 3, 0, 0, 0, 5]); // Metadata to version 5
    older.extend([0, 18, 0, 0, 0, 2]);
    older.extend([0, 0, 0, 0]); // throttle time
    let mut metadata = vec![0; 12];
    metadata.extend(b"\0\0\0\x01\0\0\0\x07\0\x01k\0\0\x23\x84\xff\xff\0\x01c\0\0\0\x07\0\0\0\0");
    let broker = Broker::default()
        .with(API_VERSIONS, 3, recorded!("api-versions-unsupported"))
        .with(API_VERSIONS, 2, frame(older))
        .with(METADATA, 5, frame(metadata));
    let seen = look(broker.start().await, SECOND).await;
    assert_eq!(peer(&seen).cluster_id.as_deref(), Some("c"));
    assert_eq!(peer(&seen).brokers, [(7, "k".into(), 9092)]);
    assert_eq!((peer(&seen).release.as_deref(), failure(&seen)), (None, None));
}

#[tokio::test]
async fn a_listener_that_wants_sasl_is_proved_to() {
    let broker = Broker::new().with(SASL_HANDSHAKE, 1, recorded!("sasl-handshake"));
    let seen = look(broker.start().await, SECOND).await;
    let words = "the listener wants SASL authentication (PLAIN and SCRAM-SHA-256)";
    assert_eq!(failure(&seen), Some((PhaseName::Request, FailureKind::AuthenticationRequired, words)));

    // One that wants none closed the connection for another reason.
    let broker = Broker::new().with(SASL_HANDSHAKE, 1, recorded!("sasl-handshake-without-sasl"));
    let seen = look(broker.start().await, SECOND).await;
    let words = "closed the connection on Metadata";
    assert_eq!(failure(&seen), Some((PhaseName::Request, FailureKind::Closed, words)));
}

#[tokio::test]
async fn a_broker_without_brokers_is_not_ready() {
    let broker = Broker::new().with(METADATA, 12, metadata("c", &[]));
    let seen = look(broker.start().await, SECOND).await;
    let words = "the broker lists no brokers yet";
    assert_eq!(failure(&seen), Some((PhaseName::Request, FailureKind::ServerRefuses, words)));
}

#[tokio::test]
async fn a_record_is_read_back_or_the_brokers_error_is_told() {
    let address = Broker::new().with(FETCH, 4, recorded!("fetch")).start().await;
    let leader = Target::new(Protocol::Kafka, "127.0.0.1", address.port());
    let read = async |mark: &[u8]| {
        let mut attempt = Attempt::new(Instant::now() + SECOND / 5, Options::default());
        super::super::read_back::await_record(&mut attempt, &leader, "kprec", mark).await.map_err(|fault| fault.detail)
    };
    assert_eq!(read(b"hello-record").await, Ok(()));
    assert_eq!(read(b"hello-other").await, Err("the record did not come back in time (no error)".into()));

    let mut refused = recorded!("fetch");
    // The error code stands after the header, throttle time, both counts, the topic's name and the partition.
    refused[8 + 4 + 4 + 7 + 4 + 4..][..2].copy_from_slice(&29_i16.to_be_bytes());
    let address = Broker::new().with(FETCH, 4, refused).start().await;
    let leader = Target::new(Protocol::Kafka, "127.0.0.1", address.port());
    let mut attempt = Attempt::new(Instant::now() + SECOND, Options::default());
    let read = super::super::read_back::await_record(&mut attempt, &leader, "kprec", b"hello-other").await;
    assert_eq!(read.map_err(|fault| fault.detail), Err("Fetch: TopicAuthorizationFailed".into()));
}
