//! What a broker hands out is tried, and who is there is asked.

use super::*;

/// A broker that advertises these, the target itself under the id 1.
async fn seen(cluster: &str, others: &[(i32, &str, i32)], time: Duration) -> (Observation, Arc<AtomicUsize>) {
    let (listener, address) = listen().await;
    let mut brokers = vec![(1, "127.0.0.1", i32::from(address.port()))];
    brokers.extend(others);
    let broker = Broker::new().with(METADATA, 12, metadata(cluster, &brokers));
    let connections = Arc::clone(&broker.connections);
    tokio::spawn(broker.serve(listener));
    (look(address, time).await, connections)
}

#[tokio::test]
async fn the_targets_own_address_needs_no_second_connection() {
    let (seen, connections) = seen("c", &[], SECOND).await;
    assert_eq!((failure(&seen), seen.redirects.len()), (None, 1));
    let redirect = &seen.redirects[0];
    assert_eq!((redirect.name.as_str(), redirect.id, redirect.host.as_str()), ("broker 1", Some(1), "127.0.0.1"));
    assert_eq!((failure(&redirect.observation), peer(&redirect.observation).identified), (None, Some(true)));
    assert_eq!(redirect.observation.connected, seen.connected);
    assert_eq!(peer(&seen).release.as_deref(), Some("4.1"));
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn each_redirect_has_its_own_outcome_in_the_order_of_metadata() {
    let port = |address: SocketAddr| i32::from(address.port());
    let listed = metadata("c", &[(1, "elsewhere", 1)]);
    let twin = Broker::new().with(METADATA, 12, listed.clone());
    let foreign = twin.clone().with(DESCRIBE_CONFIGS, 4, recorded!("describe-foreign-broker"));
    let mut denied = recorded!("describe-foreign-broker");
    denied[14..16].copy_from_slice(&31_i16.to_be_bytes()); // cluster authorization failed
    denied[17..59].fill(b'x');
    let denied = twin.clone().with(DESCRIBE_CONFIGS, 4, denied);
    let other = Broker::new().with(METADATA, 12, metadata("another", &[(1, "elsewhere", 1)]));
    let mut mute = twin.clone();
    mute.replies.remove(&(DESCRIBE_CONFIGS, 4));
    let twin = port(twin.start().await);
    let (closed, unused) = listen().await;
    drop(closed);
    let here = "127.0.0.1";
    let others = [
        (2, here, twin),
        (3, here, port(foreign.start().await)),
        (4, here, port(denied.start().await)),
        (5, here, port(other.start().await)),
        (6, here, port(unused)),
        (7, "", 9092),
        (8, here, 0),
        (9, "a b", 9092),
        (10, here, 70_000),
        (11, here, port(mute.start().await)),
    ];
    let (seen, _) = seen("c", &others, SECOND).await;
    assert_eq!(failure(&seen), None);
    let found: Vec<_> = seen.redirects.iter().map(|it| (it.id.unwrap(), failure(&it.observation))).collect();
    assert_eq!(
        found,
        [
            (1, None),
            (2, None),
            (3, Some((PhaseName::Request, FailureKind::WrongIdentity, "broker 1 answers in place of broker 3"))),
            (4, None),
            (
                5,
                Some((
                    PhaseName::Request,
                    FailureKind::WrongIdentity,
                    "what answers there is another cluster: another, not c"
                ))
            ),
            (6, Some((PhaseName::Connect, FailureKind::Refused, "connection refused"))),
            (7, Some((PhaseName::Resolve, FailureKind::NameNotFound, "advertised without a host"))),
            (
                8,
                Some((
                    PhaseName::Connect,
                    FailureKind::Unreachable,
                    "advertised without a port that could be connected to"
                ))
            ),
            (9, Some((PhaseName::Resolve, FailureKind::NameNotFound, "advertised with a host that can be no name"))),
            (
                10,
                Some((
                    PhaseName::Connect,
                    FailureKind::Unreachable,
                    "advertised without a port that could be connected to"
                ))
            ),
            (11, None),
        ]
    );
    let identified: Vec<_> = [1, 2, 3].map(|it: usize| peer(&seen.redirects[it].observation).identified).to_vec();
    assert_eq!(identified, [Some(true), Some(false), None]);
    let notes = &seen.redirects[3].observation.notes;
    assert_eq!(notes, &["identified by its cluster id alone: no permission to read broker settings"]);
    let unlooked = seen.redirects[10].observation.unlooked.as_deref();
    let words = "broker 11 answers, but could not be identified: closed the connection on DescribeConfigs";
    assert_eq!(unlooked, Some(words));
}

#[tokio::test]
async fn an_address_that_had_no_time_to_answer_did_not_fail() {
    let (silent, address) = listen().await;
    let others = [(2, "127.0.0.1", i32::from(address.port()))];
    let (soon, _) = seen("c", &others, SECOND * 45 / 100).await;
    let observation = &soon.redirects[1].observation;
    assert_eq!(failure(observation), None);
    assert!(observation.unlooked.as_ref().unwrap().starts_with("no answer, but only "), "{observation:?}");

    let (late, _) = seen("c", &others, SECOND * 12 / 10).await;
    let observation = &late.redirects[1].observation;
    assert_eq!(observation.failure.as_ref().unwrap().kind, FailureKind::Silent);
    assert_eq!(observation.unlooked, None);
    drop(silent);
}

#[tokio::test]
async fn more_brokers_than_are_looked_at_leave_the_rest_open() {
    // No address of theirs can be tried, so that this is about the number alone.
    let brokers = vec![(1, "", 9092); 10_000];
    let address = Broker::new().with(METADATA, 12, metadata("c", &brokers)).start().await;
    let seen = look(address, SECOND * 10).await;
    assert_eq!(seen.unlooked.as_deref(), Some("the broker lists 10000 brokers, of which 1000 were looked at"));
    assert_eq!((seen.redirects.len(), peer(&seen).brokers.len(), failure(&seen)), (1000, 1000, None));
}
