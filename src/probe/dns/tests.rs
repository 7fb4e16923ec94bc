use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME};
use hickory_proto::rr::{RData, Record, RecordType};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// What a server does with a question: the datagrams that it sends back.
type Script = fn(question: &Message, nth: usize) -> Vec<Vec<u8>>;

/// A server on 127.0.0.`last` that follows a script; over TCP it gives the first datagram of `over_tcp`.
async fn server(last: u8, script: Script, over_tcp: Option<Script>) -> SocketAddr {
    let socket = tokio::net::UdpSocket::bind((Ipv4Addr::new(127, 0, 0, last), 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    if let Some(script) = over_tcp {
        let listener = TcpListener::bind(address).await.unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut bytes = vec![0; usize::from(stream.read_u16().await.unwrap())];
                stream.read_exact(&mut bytes).await.unwrap();
                for answer in script(&Message::from_vec(&bytes).unwrap(), 0) {
                    stream.write_u16(u16::try_from(answer.len()).unwrap()).await.unwrap();
                    stream.write_all(&answer).await.unwrap();
                }
            }
        });
    }
    tokio::spawn(async move {
        let mut bytes = [0; 1024];
        for nth in 0.. {
            let (length, peer) = socket.recv_from(&mut bytes).await.unwrap();
            for answer in script(&Message::from_vec(&bytes[..length]).unwrap(), nth) {
                socket.send_to(&answer, peer).await.unwrap();
            }
        }
    });
    address
}

/// The name that a question is about, without the root's dot, and the type it asks for.
fn asked(question: &Message) -> (String, RecordType) {
    let query = &question.queries[0];
    (query.name().to_ascii().trim_end_matches('.').to_owned(), query.query_type())
}

/// An answer to a question: a code, and records as owner and data.
fn answer(question: &Message, code: ResponseCode, records: &[(&str, RData)]) -> Message {
    let mut message = question.clone();
    message.metadata.message_type = MessageType::Response;
    message.metadata.response_code = code;
    for (owner, data) in records {
        message.add_answer(Record::from_rdata(dns_name(owner).unwrap(), 60, data.clone()));
    }
    message
}

fn bytes(message: &Message) -> Vec<Vec<u8>> {
    vec![message.to_vec().unwrap()]
}

fn code(question: &Message, code: ResponseCode) -> Vec<Vec<u8>> {
    bytes(&answer(question, code, &[]))
}

fn a(last: u8) -> RData {
    RData::A(A(Ipv4Addr::new(10, 0, 0, last)))
}

fn aaaa() -> RData {
    RData::AAAA(AAAA(V6.parse().unwrap()))
}

fn cname(target: &str) -> RData {
    RData::CNAME(CNAME(dns_name(target).unwrap()))
}

const V6: &str = "2001:db8::1";

/// 10.0.0.1 for every name.
fn knows(question: &Message, _: usize) -> Vec<Vec<u8>> {
    let (name, kind) = asked(question);
    let records = if kind == RecordType::A { vec![(name.as_str(), a(1))] } else { Vec::new() };
    bytes(&answer(question, ResponseCode::NoError, &records))
}

fn silent(_: &Message, _: usize) -> Vec<Vec<u8>> {
    Vec::new()
}

fn nxdomain(question: &Message, _: usize) -> Vec<Vec<u8>> {
    code(question, ResponseCode::NXDomain)
}

fn servfail(question: &Message, _: usize) -> Vec<Vec<u8>> {
    code(question, ResponseCode::ServFail)
}

fn refused(question: &Message, _: usize) -> Vec<Vec<u8>> {
    code(question, ResponseCode::Refused)
}

fn config(servers: &[SocketAddr]) -> Config {
    Config { servers: servers.to_vec(), search: Vec::new(), ndots: 0 }
}

async fn look(host: &str, config: &Config, timeout: Duration) -> Result<Resolved, Fault> {
    look_up(host, "", config, Instant::now() + timeout).await
}

const PLENTY: Duration = Duration::from_secs(20);

/// The addresses and the resolver, or the kind of failure and its words.
fn shown(result: Result<Resolved, Fault>) -> String {
    match result {
        Ok(found) => format!(
            "{} from {}",
            text::list(&found.addresses.iter().map(ToString::to_string).collect::<Vec<_>>()),
            found.resolver
        ),
        Err(fault) => format!("{:?}: {}", fault.kind, fault.detail),
    }
}

#[tokio::test]
async fn what_one_server_answers() {
    let cases: [(&str, Script, Option<Script>, &str); 13] = [
        ("an address", knows, None, "10.0.0.1 from DNS server 127.0.0.1"),
        ("no such name", nxdomain, None, "NameNotFound: DNS server 127.0.0.1 answered NXDOMAIN for kafka"),
        (
            "no address",
            |question, _| code(question, ResponseCode::NoError),
            None,
            "NameNotFound: DNS server 127.0.0.1 has no address for kafka",
        ),
        ("failure", servfail, None, "ResolverFailed: DNS server 127.0.0.1 answered SERVFAIL"),
        ("refusal", refused, None, "ResolverFailed: DNS server 127.0.0.1 answered REFUSED"),
        (
            "an unheard-of code",
            |question, _| code(question, ResponseCode::NotZone),
            None,
            "ResolverFailed: DNS server 127.0.0.1 answered with code 10",
        ),
        (
            "A, and SERVFAIL for AAAA",
            |question, nth| {
                if asked(question).1 == RecordType::A { knows(question, nth) } else { servfail(question, nth) }
            },
            None,
            "10.0.0.1 from DNS server 127.0.0.1",
        ),
        (
            "A, and never anything for AAAA",
            |question, nth| if asked(question).1 == RecordType::A { knows(question, nth) } else { Vec::new() },
            None,
            "10.0.0.1 from DNS server 127.0.0.1",
        ),
        (
            "aliases, in disorder, with a stranger's address among them",
            |question, _| {
                let records = [
                    ("b.example", a(7)),
                    ("stranger", a(9)),
                    ("a.example", cname("B.example")),
                    ("KAFKA", cname("a.example")),
                    ("b.example", a(8)),
                    ("b.example", a(7)),
                ];
                bytes(&answer(question, ResponseCode::NoError, &records))
            },
            None,
            "10.0.0.7 and 10.0.0.8 from DNS server 127.0.0.1",
        ),
        (
            "aliases in a circle",
            |question, _| {
                let records = [("kafka", cname("a")), ("a", cname("kafka"))];
                bytes(&answer(question, ResponseCode::NoError, &records))
            },
            None,
            "NameNotFound: DNS server 127.0.0.1 has no address for kafka",
        ),
        (
            "garbage, wrong numbers and wrong questions before the truth",
            |question, nth| {
                let lie = answer(question, ResponseCode::NXDomain, &[]);
                let [mut number, mut name, mut query] = [lie.clone(), lie.clone(), lie];
                number.metadata.id ^= 1;
                name.queries[0].set_name(dns_name("kafkb").unwrap());
                query.metadata.message_type = MessageType::Query;
                let lies = [number, name, query].map(|message| message.to_vec().unwrap());
                let garbage = [Vec::new(), vec![0; 11], vec![0xff; 600], vec![0xc0; 4000]];
                garbage.into_iter().chain(lies).chain(knows(question, nth)).collect()
            },
            None,
            "10.0.0.1 from DNS server 127.0.0.1",
        ),
        (
            "too much for a datagram",
            |question, _| {
                let mut message = answer(question, ResponseCode::NoError, &[]);
                message.metadata.truncation = true;
                bytes(&message)
            },
            Some(knows),
            "10.0.0.1 from DNS server 127.0.0.1",
        ),
        (
            "a first datagram that is lost",
            |question, nth| if nth < 2 { Vec::new() } else { knows(question, nth) },
            None,
            "10.0.0.1 from DNS server 127.0.0.1",
        ),
    ];
    for (what, script, over_tcp, expected) in cases {
        let server = server(1, script, over_tcp).await;
        assert_eq!(shown(look("kafka", &config(&[server]), PLENTY).await), expected, "{what}");
    }
}

#[tokio::test]
async fn truncation_without_tcp_is_a_failure_of_the_server() {
    let server = server(
        1,
        |question, _| {
            let mut message = answer(question, ResponseCode::NoError, &[]);
            message.metadata.truncation = true;
            bytes(&message)
        },
        None,
    );
    let result = shown(look("kafka", &config(&[server.await]), PLENTY).await);
    assert_eq!(
        result,
        "ResolverFailed: DNS server 127.0.0.1 answered that its answer needs TCP, and over TCP: connection refused"
    );
}

#[tokio::test]
async fn the_next_server_is_asked_when_one_fails_or_is_silent() {
    let (no, fails, mute, yes) = (
        server(2, refused, None).await,
        server(3, servfail, None).await,
        server(4, silent, None).await,
        server(5, knows, None).await,
    );
    let found = "10.0.0.1 from DNS server 127.0.0.5";
    assert_eq!(shown(look("kafka", &config(&[no, fails, yes]), PLENTY).await), found);

    let started = Instant::now();
    assert_eq!(shown(look("kafka", &config(&[mute, yes]), PLENTY).await), found);
    assert!(started.elapsed() >= Duration::from_millis(900) && started.elapsed() < PLENTY, "{:?}", started.elapsed());

    let all = shown(look("kafka", &config(&[no, fails]), PLENTY).await);
    assert_eq!(all, "ResolverFailed: DNS server 127.0.0.2 answered REFUSED; DNS server 127.0.0.3 answered SERVFAIL");
}

#[tokio::test]
async fn silence_and_floods_end_at_the_deadline() {
    let mute = server(2, silent, None).await;
    let flood = server(3, |_, _| vec![vec![0; 500]; 2000], None).await;
    let closed = {
        let socket = tokio::net::UdpSocket::bind("127.0.0.4:0").await.unwrap();
        socket.local_addr().unwrap()
    };
    let started = Instant::now();
    let fault = look("kafka", &config(&[closed, mute, flood]), Duration::from_millis(1500)).await.unwrap_err();
    assert!(started.elapsed() < PLENTY);
    assert_eq!(fault.kind, FailureKind::ResolverFailed);
    let parts: Vec<_> = fault.detail.split("; ").collect();
    assert_eq!(parts[0], "DNS server 127.0.0.4 cannot be asked: connection refused");
    assert!(parts[1].starts_with("DNS server 127.0.0.2 did not answer within "), "{}", parts[1]);
    assert!(parts[2].starts_with("DNS server 127.0.0.3 did not answer within "), "{}", parts[2]);
}

#[tokio::test]
async fn a_reply_from_elsewhere_is_not_heard() {
    // The forger knows number and question, and lies from another port before the server speaks.
    let real = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = real.local_addr().unwrap();
    tokio::spawn(async move {
        let forger = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut buffer = [0; 1024];
        loop {
            let (length, peer) = real.recv_from(&mut buffer).await.unwrap();
            let question = Message::from_vec(&buffer[..length]).unwrap();
            forger.send_to(&nxdomain(&question, 0)[0], peer).await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
            real.send_to(&knows(&question, 0)[0], peer).await.unwrap();
        }
    });
    assert_eq!(shown(look("kafka", &config(&[address]), PLENTY).await), "10.0.0.1 from DNS server 127.0.0.1");
}

#[tokio::test]
async fn search_domains_are_tried_as_glibc_does() {
    fn corporate(question: &Message, nth: usize) -> Vec<Vec<u8>> {
        match asked(question).0.as_str() {
            "leaked.corp.example" | "plain" => knows(question, nth),
            name if name.ends_with("fails") || name.ends_with("fails.corp.example") => {
                if name.starts_with("inner") == name.contains("corp") {
                    servfail(question, nth)
                } else {
                    nxdomain(question, nth)
                }
            }
            _ => nxdomain(question, nth),
        }
    }
    let server = server(1, corporate, None).await;
    let with = |ndots| Config { servers: vec![server], search: vec!["corp.example".into()], ndots };
    for (ndots, host, expected) in [
        (0, "plain", "10.0.0.1 from DNS server 127.0.0.1"),
        (1, "plain.", "10.0.0.1 from DNS server 127.0.0.1"),
        (1, "plain", "10.0.0.1 from DNS server 127.0.0.1"),
        (0, "leaked", "10.0.0.1 from DNS server 127.0.0.1, as leaked.corp.example"),
        (1, "leaked", "10.0.0.1 from DNS server 127.0.0.1, as leaked.corp.example"),
        (0, "leaked.", "NameNotFound: DNS server 127.0.0.1 answered NXDOMAIN for leaked"),
        // Asked for as it is first: that answer counts, whatever the search domain's server does.
        (
            0,
            "innerfails",
            "NameNotFound: DNS server 127.0.0.1 answered NXDOMAIN for innerfails; DNS server 127.0.0.1 answered SERVFAIL",
        ),
        (
            1,
            "innerfails",
            "ResolverFailed: DNS server 127.0.0.1 answered SERVFAIL; DNS server 127.0.0.1 answered NXDOMAIN for innerfails",
        ),
        (
            0,
            "fails",
            "ResolverFailed: DNS server 127.0.0.1 answered SERVFAIL; DNS server 127.0.0.1 answered NXDOMAIN for fails.corp.example",
        ),
    ] {
        assert_eq!(shown(look(host, &with(ndots), PLENTY).await), expected, "{host} with ndots {ndots}");
    }
}

#[tokio::test]
async fn the_order_is_a_clients_and_the_number_is_bounded() {
    fn many(question: &Message, _: usize) -> Vec<Vec<u8>> {
        let records: Vec<_> = match asked(question).1 {
            RecordType::A => (0..40).map(|last| ("kafka", a(last))).collect(),
            _ => vec![("kafka", aaaa())],
        };
        bytes(&answer(question, ResponseCode::NoError, &records))
    }
    let found = look("kafka", &config(&[server(1, many, None).await]), PLENTY).await.unwrap();
    assert_eq!(found.addresses.len(), MOST_ADDRESSES);
    let v6: IpAddr = V6.parse().unwrap();
    // A machine with a route to IPv6 tries it first; another one keeps it for last, where the bound cuts it off.
    assert_eq!(found.addresses[0] == v6, has_route(&v6));
    let order = in_order(vec![Ipv4Addr::LOCALHOST.into()], vec![v6]);
    assert_eq!(order.len(), 2);
    assert_eq!(order[0] == v6, has_route(&v6));
}

#[tokio::test]
async fn files_come_first_and_some_names_need_no_server() {
    let nobody = config(&["127.0.0.1:9".parse().unwrap()]);
    let until = Instant::now() + PLENTY;
    let hosts = "127.0.0.1 localhost\n10.0.0.2 Kafka\n10.0.0.1 kafka\n";
    assert_eq!(shown(look_up("kafka", hosts, &nobody, until).await), "10.0.0.2 and 10.0.0.1 from hosts file");
    assert_eq!(shown(look_up("LOCALHOST", hosts, &nobody, until).await), "127.0.0.1 from hosts file");
    for system in [false, true] {
        assert_eq!(shown(resolve("10.0.0.9", system, until).await), "10.0.0.9 from address");
        assert_eq!(shown(resolve("::1", system, until).await), "::1 from address");
    }
    let known = shown(resolve("shop.localhost", false, until).await);
    assert_eq!(known, "127.0.0.1 and ::1 from localhost by definition");
}

#[tokio::test]
async fn what_cannot_be_a_name_does_not_exist() {
    let yes = config(&[server(1, knows, None).await]);
    let long = "a".repeat(64);
    let longer = ["b"; 130].join(".");
    for host in ["", ".", "a..b", &long, &longer] {
        let fault = look(host, &yes, PLENTY).await.unwrap_err();
        assert_eq!(fault.kind, FailureKind::NameNotFound, "{host}: {}", fault.detail);
    }
    for host in ["my_service", "UPPER", "xn--bcher-kva", "bücher"] {
        assert_eq!(shown(look(host, &yes, PLENTY).await), "10.0.0.1 from DNS server 127.0.0.1", "{host}");
    }
}
