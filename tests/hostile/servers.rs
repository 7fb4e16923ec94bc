//! MySQL and Redis servers that mean no good.

use crosscheck::observation::{FailureKind as Kind, Peer};
use crosscheck::rule::Verdict;
use crosscheck::target::Protocol;

use super::look::{Look, NASTY, PASSWORD, look};
use super::peers::Act::{self, Endless, Hear, Hold, Say};
use super::peers::play;

/// A packet of MySQL's.
fn packet(number: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = u32::try_from(payload.len()).unwrap().to_le_bytes().to_vec();
    packet[3] = number;
    packet.extend(payload);
    packet
}

fn greeting(version: &str, plugin: &str) -> Vec<u8> {
    let middle = b"\0\x09\0\0\x002Cw'\"vz\x18\0\xff\xff\xff\x02\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\0Y5_'D\x15+(\x1ayf0\0";
    packet(0, &[b"\n", version.as_bytes(), middle, plugin.as_bytes(), b"\0"].concat())
}

/// What MySQL 9.7 says first.
pub fn mysql_greeting() -> Vec<u8> {
    greeting("9.7.4-2", "caching_sha2_password")
}

/// Plays MySQL: the greeting, then packets, each after the client has spoken.
async fn mysql(greeting: Vec<u8>, packets: &[&[u8]], end: Act) -> Look {
    let mut acts = vec![Say(greeting)];
    for (number, payload) in (2..).step_by(2).zip(packets) {
        acts.extend([Hear, Say(packet(number, payload))]);
    }
    acts.push(end);
    look(Protocol::Mysql, play(acts).await).await
}

#[tokio::test]
async fn what_a_database_says_is_made_printable() {
    let long = NASTY.repeat(200);
    for text in [NASTY, &long] {
        let seen = mysql(greeting(text, text), &[&[b"\xff\x15\x04#28000", text.as_bytes()].concat()], Hold).await;
        assert_eq!((seen.kind, seen.verdict), (Some(Kind::AuthenticationFailed), Verdict::Fail), "{seen:?}");
        let Some(Peer::Mysql(peer)) = &seen.observation.peer else { panic!("{seen:?}") };
        assert!(peer.version.contains("\\u{202e}") && seen.detail.contains("\\u{202e}"), "{seen:?}");
        // A refusal in place of the greeting.
        let seen = mysql(packet(0, &[b"\xff\x10\x04", text.as_bytes()].concat()), &[], Hold).await;
        assert_eq!(seen.kind, Some(Kind::TooManyConnections), "{seen:?}");
        // A plugin that nobody knows, which the server then wants an answer for.
        let plugin = [b"\xfe", text.as_bytes(), b"\0nonce"].concat();
        let seen = mysql(mysql_greeting(), &[&plugin, b"\xff\x15\x04#28000no"], Hold).await;
        assert_eq!(seen.verdict, Verdict::Inconclusive, "{seen:?}");
        assert!(seen.observation.unlooked.is_some_and(|why| why.contains("\\u{202e}")));
    }
}

#[tokio::test]
async fn a_database_that_repeats_the_password_or_wants_it_in_clear_gets_nothing_told() {
    let words = format!("\u{ff}\u{15}\u{4}#28000no {PASSWORD}");
    let words: Vec<u8> = words.chars().map(|it| u8::try_from(u32::from(it)).unwrap()).collect();
    let seen = mysql(mysql_greeting(), &[&words], Hold).await;
    assert_eq!((seen.kind, seen.detail.as_str()), (Some(Kind::AuthenticationFailed), "no ***"));
    let clear = format!("\u{fe}mysql_clear_password\0{PASSWORD}").into_bytes();
    let seen = mysql(mysql_greeting(), &[&[b"\xfe", &clear[2..]].concat()], Hold).await;
    assert_eq!(seen.kind, Some(Kind::Silent), "{seen:?}");
}

#[tokio::test]
async fn a_login_that_never_ends_is_given_up() {
    let switch = packet(2, b"\xfemysql_native_password\0abcdefghijklmnopqrst\0");
    let more = packet(2, b"\x01\x04");
    for endless in [switch, more, packet(2, b"\x01\x03"), packet(2, &vec![0xfe; 60_000]), packet(2, b"")] {
        let seen = look(Protocol::Mysql, play(vec![Say(mysql_greeting()), Endless(endless.repeat(16))]).await).await;
        assert_eq!(seen.kind, Some(Kind::WrongProtocol), "{seen:?}");
    }
    // A key that is none, one of a size that nobody can work with, and half of one.
    let giant = format!("\u{1}-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", "MIIB".repeat(10_000));
    for key in ["\u{1}-----BEGIN PUBLIC KEY-----\n!!\n-----END PUBLIC KEY-----\n", &giant, "\u{1}-----BEGIN"] {
        let seen = mysql(mysql_greeting(), &[b"\x01\x04", key.as_bytes()], Hold).await;
        assert_eq!(seen.kind, Some(Kind::WrongProtocol), "{seen:?}");
    }
}

#[tokio::test]
async fn rows_and_columns_without_end_are_not_read() {
    let (ok, one) = (&b"\0\0\0\x02\0\0\0"[..], &b"\x01"[..]);
    for endless in [packet(1, b"\x03def"), packet(1, b"\xfe\0\0\x02\0"), packet(1, b"\x011"), packet(1, &[0xfd; 3000])]
    {
        let acts = vec![Say(mysql_greeting()), Hear, Say(packet(2, ok)), Hear, Say(packet(1, one)), Endless(endless)];
        let seen = look(Protocol::Mysql, play(acts).await).await;
        assert!(matches!(seen.kind, Some(Kind::WrongProtocol)), "{seen:?}");
    }
    // Files of ours, a million columns, nothing at all.
    for head in [&b"\xfb/etc/passwd"[..], b"\xfd\x40\x42\x0f", b"\0\0\0\x02\0\0\0", b"", b"\xff"] {
        let acts = vec![Say(mysql_greeting()), Hear, Say(packet(2, ok)), Hear, Say(packet(1, head)), Hold];
        let seen = look(Protocol::Mysql, play(acts).await).await;
        assert_eq!(seen.kind, Some(Kind::WrongProtocol), "{seen:?}");
    }
}

/// Plays Redis: replies, each after a command.
async fn redis(replies: &[&[u8]], end: Act) -> Look {
    let mut acts: Vec<_> = replies.iter().flat_map(|reply| [Hear, Say(reply.to_vec())]).collect();
    acts.push(end);
    look(Protocol::Redis, play(acts).await).await
}

#[tokio::test]
async fn what_redis_says_is_made_printable() {
    for text in [NASTY, &NASTY.repeat(100)] {
        let refused = format!("-ERR {text}\r\n");
        let seen = redis(&[refused.as_bytes()], Hold).await;
        assert_eq!(seen.kind, Some(Kind::ServerRefuses), "{seen:?}");
        let wrong = format!("-WRONGPASS {text} {PASSWORD}\r\n");
        let seen = redis(&[b"+PONG\r\n", wrong.as_bytes()], Hold).await;
        assert_eq!(seen.kind, Some(Kind::AuthenticationFailed), "{seen:?}");
        let status = format!("+{text}\r\n");
        assert_eq!(redis(&[status.as_bytes()], Hold).await.kind, Some(Kind::WrongProtocol));
        let info = format!("redis_version:7{text}\r\nrole:{text}\r\nconnected_clients:-1\r\nmaxclients:{text}\r\n");
        let info = format!("${}\r\n{info}\r\n", info.len());
        let seen = redis(&[b"+PONG\r\n", b"+OK\r\n", info.as_bytes()], Hold).await;
        assert_eq!((seen.kind, seen.verdict), (None, Verdict::Pass), "{seen:?}");
    }
}

#[tokio::test]
async fn replies_without_end_are_not_read() {
    let lines = "a:\r\nrole:\r\n".repeat(40_000);
    let many = format!("${}\r\n{lines}\r\n", lines.len());
    let bytes = [format!("${}\r\n", (512 << 10) - 64).as_bytes(), &vec![0xff; (512 << 10) - 64], b"\r\n"].concat();
    for info in [&many.into_bytes(), &bytes] {
        let seen = redis(&[b"+PONG\r\n", b"+OK\r\n", info], Hold).await;
        assert!(matches!(seen.kind, None | Some(Kind::WrongProtocol)), "{seen:?}");
    }
    let cases: [(&[&[u8]], &[u8]); 8] = [
        (&[], b"*1\r\n"),
        (&[], b"%1\r\n$1\r\na\r\n"),
        (&[b"+PONG\r\n"], b"-"),
        (&[b"+PONG\r\n"], b"+OK"),
        (&[b"+PONG\r\n", b"+OK\r\n"], b"*2\r\n*2\r\n"),
        (&[b"+PONG\r\n", b"+OK\r\n", b"$1000000\r\n"], b"x"),
        (&[b"+PONG\r\n", b"+OK\r\n", b"$9999999999999\r\n"], b"x"),
        (&[b"+PONG\r\n", b"+OK\r\n", b"$-1\r\n"], b"x"),
    ];
    for (replies, endless) in cases {
        let seen = redis(replies, Endless(endless.repeat(4096))).await;
        assert_eq!(seen.kind, Some(Kind::WrongProtocol), "{replies:?}: {seen:?}");
    }
}
