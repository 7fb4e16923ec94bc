//! The targets: every reader of bytes that others wrote. Each takes any input, must not panic, and holds what it says.

use std::cell::RefCell;
use std::path::Path;

use crosscheck::catalog::Format;
use crosscheck::compose;
use crosscheck::config::Config;
use crosscheck::derive::files::{format, placeholders};
use crosscheck::derive::{address, declared};
use crosscheck::fuzzing;
use crosscheck::observation::{Observation, Peer, PhaseName};
use crosscheck::plan::Credentials;
use crosscheck::probe::wire::{Line, Order, Reply, read_line};
use crosscheck::stack::{Stack, dotenv, interpolate};
use crosscheck::target::{Protocol, Target};
use crosscheck::text;

/// A target by the name of its folder in `corpus/`.
pub type Run = fn(&[u8]);

/// Every target, by name.
pub const ALL: [(&str, Run); 25] = [
    ("address", address),
    ("amqp", amqp),
    ("certificate", certificate),
    ("command", command),
    ("compose", compose),
    ("config", config),
    ("declared", declared),
    ("dns", dns),
    ("dotenv", dotenv),
    ("files", files),
    ("grpc", grpc),
    ("http", http),
    ("kafka", kafka),
    ("kafka_answers", kafka_answers),
    ("memcached", memcached),
    ("mongodb", mongodb),
    ("mysql", mysql),
    ("nats", nats),
    ("postgres", postgres),
    ("proc_net_tcp", proc_net_tcp),
    ("redis", redis),
    ("system_files", system_files),
    ("text", text),
    ("wire", wire),
    ("zookeeper", zookeeper),
];

/// The password of the client that talks to servers that are played. Seeds repeat it, as servers do.
const PASSWORD: &str = "pa55-w0rd";

thread_local! {
    static RUNTIME: RefCell<tokio::runtime::Runtime> = RefCell::new(
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime without sockets"),
    );
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    RUNTIME.with_borrow(|runtime| runtime.block_on(work))
}

/// Splits the first byte off: it chooses among variants.
fn choice(input: &[u8]) -> (u8, &[u8]) {
    input.split_first().map_or((0, &[]), |(&first, rest)| (first, rest))
}

/// Splits text at its first two line feeds with nothing between, or gives it twice.
fn halves(input: &[u8]) -> (String, String) {
    let text = String::from_utf8_lossy(input);
    let (first, second) = text.split_once("\n\n").unwrap_or((&text, &text));
    (first.to_owned(), second.to_owned())
}

/// Nothing in this text can steer a terminal.
fn assert_printable(text: &str) {
    assert!(!text.contains(text::is_unprintable), "not printable: {text:?}");
}

/// Every text of an observation is printable, and the client's password is in none that came once it may have been sent.
fn assert_safe(seen: &Observation) {
    let mut later: Vec<&str> = Vec::new();
    later.extend(seen.unlooked.as_deref());
    later.extend(seen.failure.as_ref().map(|failure| failure.detail.as_str()));
    later.extend(seen.notes.iter().map(String::as_str));
    let mut texts: Vec<&str> = later.clone();
    match &seen.peer {
        Some(Peer::Kafka(peer)) => {
            texts.extend(peer.cluster_id.as_deref());
            texts.extend(peer.release.as_deref());
            texts.extend(peer.brokers.iter().map(|(_, host, _)| host.as_str()));
        }
        Some(Peer::Mysql(peer)) => {
            texts.extend([&*peer.product, &*peer.version].into_iter().chain(peer.plugin.as_deref()));
        }
        Some(Peer::Postgres(peer)) => {
            texts.extend(peer.authentication.as_deref());
            later.extend(peer.version.as_deref());
        }
        Some(Peer::Redis(peer)) => {
            later.extend(peer.version.as_deref().into_iter().chain(peer.role.as_deref()));
        }
        Some(Peer::Amqp(peer)) => {
            texts.extend([&peer.product, &peer.version, &peer.cluster].into_iter().filter_map(Option::as_deref));
            texts.extend(peer.mechanisms.iter().map(String::as_str));
        }
        Some(Peer::Memcached(peer)) => texts.extend(peer.version.as_deref()),
        Some(Peer::Nats(peer)) => {
            texts.extend([&peer.version, &peer.name, &peer.cluster].into_iter().filter_map(Option::as_deref));
        }
        Some(Peer::Zookeeper(peer)) => texts.extend(peer.version.as_deref().into_iter().chain(peer.mode.as_deref())),
        Some(Peer::Mongodb(peer)) => {
            texts.extend([&peer.replica_set, &peer.primary, &peer.role].into_iter().filter_map(Option::as_deref));
            texts.extend(peer.members.iter().map(String::as_str));
        }
        Some(Peer::Grpc(_)) | None => {}
        Some(Peer::Http(peer)) => {
            texts.extend([&peer.server, &peer.location, &peer.body].into_iter().filter_map(Option::as_deref));
        }
        Some(Peer::Tcp { banner }) => texts.extend(banner.as_deref()),
    }
    for text in texts.iter().chain(&later) {
        assert_printable(text);
        assert!(text.len() < 8 * 1024, "{} bytes", text.len());
    }
    let logged_in = seen.phases.iter().any(|phase| phase.name == PhaseName::Login);
    for text in later.iter().filter(|_| logged_in) {
        assert!(!text.contains(PASSWORD), "the password is in {text:?}");
    }
}

/// A whole conversation with a server that says the input, whatever it is asked.
fn converse(protocol: Protocol, database: Option<&str>, input: &[u8]) -> Observation {
    let (chosen, said) = choice(input);
    let credentials =
        Credentials { user: ["", "app"][usize::from(chosen >> 1 & 1)].into(), password: Some(PASSWORD.into()) };
    let mut request = fuzzing::request(protocol, (chosen & 1 == 1).then_some(credentials));
    request.target.path = database.map(Into::into).filter(|_| chosen & 4 != 0);
    request.options.spare_cache = chosen & 8 != 0;
    let seen = block_on(fuzzing::converse(&request, said));
    assert_safe(&seen);
    seen
}

/// The greeting and the login of MySQL, and the answers to the first questions.
pub fn mysql(input: &[u8]) {
    converse(Protocol::Mysql, Some("shop"), input);
}

/// The login of PostgreSQL, and the answer to the first question.
pub fn postgres(input: &[u8]) {
    let seen = converse(Protocol::Postgres, Some("shop"), input);
    assert!(seen.failure.is_some() || seen.unlooked.is_some() || input.len() > 5, "passed without an answer: {seen:?}");
}

/// Redis, from `PING` to `INFO`.
pub fn redis(input: &[u8]) {
    let seen = converse(Protocol::Redis, Some("3"), input);
    assert!(seen.failure.is_some() || input.len() > 7, "passed without an answer to PING: {seen:?}");
}

/// AMQP 0-9-1, from `Connection.Start` to the end.
pub fn amqp(input: &[u8]) {
    let seen = converse(Protocol::Amqp, Some("shop"), input);
    answered(&seen, matches!(seen.peer, Some(Peer::Amqp(_))));
}

/// memcached's version.
pub fn memcached(input: &[u8]) {
    let seen = converse(Protocol::Memcached, None, input);
    answered(&seen, matches!(seen.peer, Some(Peer::Memcached(_))));
}

/// NATS, from `INFO` to `PONG`.
pub fn nats(input: &[u8]) {
    let seen = converse(Protocol::Nats, None, input);
    answered(&seen, matches!(seen.peer, Some(Peer::Nats(_))));
}

/// The answer to `srvr`, or that to a session.
pub fn zookeeper(input: &[u8]) {
    let seen = converse(Protocol::Zookeeper, None, input);
    answered(&seen, matches!(seen.peer, Some(Peer::Zookeeper(_))));
}

/// The answer to `hello`.
pub fn mongodb(input: &[u8]) {
    let seen = converse(Protocol::Mongodb, None, input);
    answered(&seen, matches!(seen.peer, Some(Peer::Mongodb(_))));
}

/// The settings of a server of HTTP/2.
pub fn grpc(input: &[u8]) {
    let seen = converse(Protocol::Grpc, None, input);
    answered(&seen, matches!(seen.peer, Some(Peer::Grpc(_))));
}

/// What passes has answered as what it was taken for.
fn answered(seen: &Observation, as_meant: bool) {
    assert!(as_meant || seen.failure.is_some() || seen.unlooked.is_some(), "passed without an answer: {seen:?}");
}

/// An HTTP answer.
pub fn http(input: &[u8]) {
    let seen = converse(Protocol::Http, Some("/health?x=1"), input);
    let answered = matches!(&seen.peer, Some(Peer::Http(peer)) if (100..1000).contains(&peer.status));
    assert!(answered || seen.failure.is_some() || seen.unlooked.is_some(), "{seen:?}");
}

/// A broker's frames, from `ApiVersions` to Metadata.
pub fn kafka(input: &[u8]) {
    let seen = converse(Protocol::Kafka, None, input);
    let answered = matches!(&seen.peer, Some(Peer::Kafka(_)));
    assert!(answered || seen.failure.is_some(), "{seen:?}");
}

/// One answer of a broker: a byte for the API, one for its version, then the answer without its header.
pub fn kafka_answers(input: &[u8]) {
    if let [key, version, reply @ ..] = input {
        let _ = fuzzing::kafka_answer(i16::from(*key), i16::from(*version), reply);
    }
}

/// A datagram in answer to the question for `kafka.shop.test`.
pub fn dns(input: &[u8]) {
    let (chosen, datagram) = choice(input);
    let addresses = fuzzing::dns_reply("kafka.shop.test", chosen & 1 == 1, datagram).unwrap_or_default();
    assert!(addresses.iter().all(|address| address.is_ipv6() == (chosen & 1 == 1)), "{addresses:?}");
}

/// `/etc/hosts` and `/etc/resolv.conf`, an empty line between them.
pub fn system_files(input: &[u8]) {
    let (hosts, resolv_conf) = halves(input);
    let (_, servers, candidates) = fuzzing::system_files(&hosts, &resolv_conf, "kafka");
    assert!((1..=3).contains(&servers.len()), "{servers:?}");
    assert!((1..=17).contains(&candidates.len()) && candidates.iter().any(|name| name == "kafka"), "{candidates:?}");
}

/// `/proc/net/tcp`.
pub fn proc_net_tcp(input: &[u8]) {
    match fuzzing::proc_net_tcp(input) {
        Ok(listeners) => assert!(listeners.len() <= input.len() / 8, "{listeners:?}"),
        Err(words) => assert_printable(&words),
    }
}

/// A certificate in DER, or one with the input as its last bytes.
pub fn certificate(input: &[u8]) {
    for name in fuzzing::certificate(input, "app.shop.test").unwrap_or_default() {
        assert_printable(&name);
        assert!(name.len() < 2048, "{} bytes", name.len());
    }
}

/// Lines between crosscheck and its probe.
pub fn wire(input: &[u8]) {
    let (mut rest, mut line) = (input, Vec::new());
    while let Ok(Line::Whole) = block_on(read_line(&mut rest, &mut line)) {
        if let Ok(order) = serde_json::from_slice::<Order>(&line) {
            let again = serde_json::to_vec(&order).expect("an order is JSON");
            let read = serde_json::from_slice::<Order>(&again).expect("what was written can be read");
            assert_eq!(again, serde_json::to_vec(&read).expect("an order is JSON"));
        }
        if let Ok(Reply::Seen { observation, .. }) = serde_json::from_slice::<Reply>(&line) {
            let again = serde_json::to_vec(&observation).expect("an observation is JSON");
            assert_eq!(observation, serde_json::from_slice(&again).expect("what was written can be read"));
        }
    }
}

/// Compose files: read, planned as if all of it ran, and every place within the text.
pub fn compose(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (first, second) = halves(input);
    let set = compose::Set {
        files: ["/x/a.yaml", "/x/b.yaml"].map(Into::into).into(),
        directory: "/x".into(),
        variables: [("V".to_owned(), "kafka:9092".to_owned())].into(),
    };
    let read = |path: &Path| match path.to_str() {
        Some("/x/a.yaml") => Ok(first.clone()),
        Some("/x/b.yaml") => Ok(second.clone()),
        // Whatever else is named has all of it.
        _ => Ok(text.clone().into_owned()),
    };
    match compose::read(&set, &["*".to_owned()], &read) {
        Ok(project) => {
            let stack = compose::as_stack(&project, "x");
            for connection in crosscheck::derive::all(&stack, Some(&project), &[], Path::new("/x")) {
                assert_printable(&connection.target.to_string());
                assert!(connection.origin.location.is_none_or(|at| at.line > 0 && at.column > 0));
            }
        }
        Err(error) => assert_printable(&error.to_string()),
    }
}

/// What users declare in a file of their own, towards a stack with two services.
pub fn config(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let compose = "services: {app: {image: a}, db: {image: mysql}}";
    let set = compose::Set { files: vec!["/x/a.yaml".into()], directory: "/x".into(), ..compose::Set::default() };
    let Ok(project) = compose::read(&set, &[], &|_| Ok(compose.to_owned())) else { return };
    let stack = compose::as_stack(&project, "x");
    let mut config = Config::default();
    let look = |name: &str| (name == "V").then(|| "db:3306".to_owned());
    if let Err(error) = config.text(Path::new("/x/crosscheck.yaml"), &text, &look, Path::new("/x")) {
        return assert_printable(&error.to_string());
    }
    for expectation in &config.expect {
        match expectation.derive(&stack, Some(&project)) {
            Ok(found) => found.iter().for_each(|it| assert_printable(&it.origin.value.clone().unwrap_or_default())),
            Err(error) => assert_printable(&error.to_string()),
        }
    }
}

/// Configuration files, in the format that the first byte chooses.
pub fn files(input: &[u8]) {
    const FORMATS: [Format; 15] = [
        Format::Yaml,
        Format::Json,
        Format::Toml,
        Format::Properties,
        Format::Ini,
        Format::Env,
        Format::Words,
        Format::Nginx,
        Format::Haproxy,
        Format::Caddyfile,
        Format::Hcl,
        Format::Logstash,
        Format::Xml,
        Format::K6,
        Format::Hadoop,
    ];
    let (first, rest) = choice(input);
    let text = String::from_utf8_lossy(rest);
    // Some formats end a line with a carriage return alone.
    let lines = text.split(['\n', '\r']).count() + 1;
    for entry in format::entries(FORMATS[usize::from(first) % FORMATS.len()], &text) {
        assert!(entry.line >= 1 && entry.column >= 1 && usize::try_from(entry.line).is_ok_and(|line| line <= lines));
        // What fills placeholders in may hold some itself, and this one without an end.
        let filled = placeholders::fill(&entry.value, &|name| (name.len() > 1).then(|| entry.value.clone()));
        assert!(filled.len() <= (entry.value.len() + 1) * 80 * (entry.value.len() + 1));
    }
}

/// A `.env` file whose values refer to others.
pub fn dotenv(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let outer = |name: &str| (name == "HOME").then(|| "/root".to_owned());
    let _ = interpolate::interpolate(&text, &outer);
    match dotenv::parse(&text, &outer) {
        Ok(variables) => {
            for name in variables.keys() {
                assert!(!name.is_empty() && !name.contains(char::is_whitespace), "{name:?}");
            }
        }
        Err((line, _)) => assert!((1..=text.matches('\n').count() + 1).contains(&line), "line {line}"),
    }
}

/// A value in which an address may stand.
pub fn address(input: &[u8]) {
    let value = String::from_utf8_lossy(input);
    let found = address::parse(&value);
    let shown = address::shown(&value, &found);
    assert_printable(&shown);
    for address in &found {
        assert!(!address.host.is_empty() && address.port != Some(0), "{address:?}");
        assert!(
            address.host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte)),
            "{address:?}"
        );
        let port = address.port.unwrap_or(9092);
        let target = Target::new(Protocol::Tcp, address.host.as_str(), port).to_string();
        let again = address::parse(&target);
        let again: Vec<_> = again.iter().map(|it| (it.host.as_str(), it.port)).collect();
        assert_eq!(again, [(address.host.as_str(), Some(port))], "{target}");
        if let Some(password) = address.credentials.as_ref().and_then(|known| known.password.as_ref()) {
            assert_hidden(secrecy::ExposeSecret::expose_secret(password), &value, &shown);
        }
    }
    // Whatever stands before an `@` is a stand-in, the number of a voter, or Oracle's bare mark.
    for (at, _) in shown.match_indices('@') {
        let before = shown[..at].rsplit(['/', ',', ';', ':', '@', ' ']).next().unwrap_or_default();
        assert!(before.ends_with("***") || before.bytes().all(|byte| byte.is_ascii_digit()), "{shown:?}");
    }
}

/// The password does not stand in what is shown, unless it stands elsewhere in the value too.
fn assert_hidden(password: &str, value: &str, shown: &str) {
    let [password, value, shown] = [password, value, shown].map(str::to_ascii_lowercase);
    let telling = password.len() >= 6 && password.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if telling && value.matches(&password).count() <= 1 {
        assert!(!shown.contains(&password), "{password:?} of {value:?} is in {shown:?}");
    }
}

/// What a user declares, or names as a target.
pub fn declared(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let stack = Stack::default();
    match declared::derive(&stack, &[text.clone().into_owned()], None) {
        Ok(found) => {
            for connection in found {
                let Target { protocol, host, port, .. } = &connection.target;
                // Of a name alone, a port says nothing.
                assert!(!host.is_empty() && (*port != 0 || *protocol == Protocol::Dns), "{connection:?}");
                assert_printable(&connection.origin.value.unwrap_or_default());
            }
        }
        Err(error) => assert_told(&error.to_string()),
    }
    if let Err(error) = declared::target(&stack, &text) {
        assert_told(&error.to_string());
    }
}

/// A container's command and healthcheck, a word a line.
pub fn command(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let words: Vec<_> = text.split('\n').map(str::to_owned).collect();
    for words in
        [words, ["sh", "-c", &text].map(str::to_owned).to_vec(), ["CMD-SHELL", &text].map(str::to_owned).to_vec()]
    {
        for connection in fuzzing::command(&words) {
            assert!(!connection.target.host.is_empty() && connection.target.port != 0, "{connection:?}");
            assert_printable(&connection.origin.name);
            assert_printable(&connection.origin.value.unwrap_or_default());
        }
    }
}

/// An error of a user's own input: bounded, printable.
fn assert_told(words: &str) {
    assert_printable(words);
    assert!(words.len() < 4096, "{} bytes", words.len());
}

/// What is made of any text before it is shown.
pub fn text(input: &[u8]) {
    let raw = String::from_utf8_lossy(input);
    let shown = text::line(&raw, 100);
    assert_printable(&shown);
    assert_eq!(text::line(&shown, 2000), shown, "a second time changes nothing");
    let redacted = text::redact(&raw);
    for word in redacted.split("://").skip(1).filter_map(|rest| rest.split(char::is_whitespace).next()) {
        // A secret parameter that is hidden may take the blank with it that ended a URL.
        if let (Some((user, _)), false) = (word.rsplit_once('@'), raw.contains('=')) {
            assert!(user.ends_with("***"), "{user:?} is left of {raw:?}");
        }
    }
    let arguments: Vec<_> = raw.split('\n').map(str::to_owned).collect();
    assert_eq!(text::redact_arguments(&arguments).len(), arguments.len());
}
