//! Peers that are no brokers, or wish us ill.

use super::*;

/// What is seen of a peer that says `said` to whoever connects, in pieces of `piece` bytes, and then does nothing.
async fn said(said: Vec<u8>, piece: usize, time: Duration) -> Observation {
    let (listener, address) = listen().await;
    let peer = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // First the question, so that it is read and the connection is not reset.
        let mut question = [0; 256];
        let _ = stream.read(&mut question).await;
        for piece in said.chunks(piece) {
            if stream.write_all(piece).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
        while matches!(stream.read(&mut question).await, Ok(1..)) {}
    });
    let seen = look(address, time).await;
    peer.abort();
    seen
}

fn kind(observation: &Observation) -> Option<(PhaseName, FailureKind)> {
    failure(observation).map(|(phase, kind, _)| (phase, kind))
}

const SOON: Duration = Duration::from_millis(300);

#[tokio::test]
async fn lengths_that_no_answer_has_are_not_waited_for() {
    for length in [i32::MAX, (256 << 10) + 1, -1, i32::MIN, 0, 3] {
        let seen = said(length.to_be_bytes().to_vec(), 4, SECOND).await;
        assert_eq!(kind(&seen), Some((PhaseName::Handshake, FailureKind::WrongProtocol)), "{length}");
    }
}

#[tokio::test]
async fn an_announced_length_takes_no_memory() {
    // The longest that is waited for, and only its start comes.
    let mut start = (256_i32 << 10).to_be_bytes().to_vec();
    start.extend([0; 100]);
    let seen = said(start, 50, SOON).await;
    let (phase, kind, words) = failure(&seen).unwrap();
    assert_eq!((phase, kind), (PhaseName::Handshake, FailureKind::Silent));
    assert!(words.starts_with("104 bytes of an answer to ApiVersions, then not the rest within "), "{words}");
}

#[tokio::test]
async fn announced_elements_take_no_memory() {
    // Version 3 announces four thousand million APIs in five bytes, version 2 two thousand million.
    for reply in [&[0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f][..], &[0, 35, 0x7f, 0xff, 0xff, 0xff]] {
        let mut body = vec![0; 8];
        body.extend(reply);
        let seen = look(Broker::default().with(API_VERSIONS, 3, frame(body)).start().await, SECOND).await;
        let words = "what came is no answer of Kafka's to ApiVersions";
        assert_eq!(failure(&seen), Some((PhaseName::Handshake, FailureKind::WrongProtocol, words)));
    }
    let mut metadata = vec![0; 13];
    metadata.extend([0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0]);
    let seen = look(Broker::new().with(METADATA, 12, frame(metadata)).start().await, SECOND).await;
    assert_eq!(kind(&seen), Some((PhaseName::Request, FailureKind::WrongProtocol)));
}

#[tokio::test]
async fn one_byte_at_a_time_is_read_to_the_end() {
    let mut answer = recorded!("api-versions");
    answer[4..8].copy_from_slice(b"\r\n\r\n");
    let seen = said(answer, 1, SECOND).await;
    // ApiVersions came; Metadata was then waited for.
    assert_eq!(kind(&seen), Some((PhaseName::Request, FailureKind::Silent)));
    assert_eq!(peer(&seen).release.as_deref(), Some("4.1"));
}

#[tokio::test]
async fn an_answer_to_another_question_is_none() {
    let mut answer = recorded!("api-versions");
    answer[4..8].copy_from_slice(b"\0\0\0\0");
    let seen = said(answer, 4096, SECOND).await;
    assert_eq!(kind(&seen), Some((PhaseName::Handshake, FailureKind::WrongProtocol)));
}

#[tokio::test]
async fn what_a_stranger_says_is_named_and_printable() {
    let seen = said(b"HTTP/1.1 400 Bad\x1b[31m Request\r\n".to_vec(), 3, SECOND).await;
    let words = "not a Kafka broker: an HTTP server answered: HTTP/1.1 400 Bad\\u{1b}[31m Request";
    assert_eq!(failure(&seen), Some((PhaseName::Handshake, FailureKind::WrongProtocol, words)));

    let seen = said(b"\x15\x03\x03\0\x02\x02\x46".to_vec(), 7, SECOND).await;
    let words = "answered with a TLS alert: it expects TLS";
    assert_eq!(failure(&seen), Some((PhaseName::Handshake, FailureKind::TlsExpected, words)));
}

#[tokio::test]
async fn silence_an_end_and_a_reset_are_told_apart() {
    let seen = said(Vec::new(), 1, SOON).await;
    assert_eq!(kind(&seen), Some((PhaseName::Handshake, FailureKind::Silent)));

    let seen = look(Broker::default().start().await, SECOND).await;
    let words = "closed the connection on ApiVersions";
    assert_eq!(failure(&seen), Some((PhaseName::Handshake, FailureKind::Closed, words)));

    let (listener, address) = listen().await;
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.readable().await.unwrap();
            // What was sent is left unread, which resets the connection.
            drop(stream);
        }
    });
    let seen = look(address, SECOND).await;
    assert_eq!(kind(&seen), Some((PhaseName::Handshake, FailureKind::Reset)));
}
