//! `MongoDB`, and what speaks its protocol: `hello`, which needs no login.
//!
//! <https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/> (`OP_MSG`, from 3.6 on),
//! <https://www.mongodb.com/docs/manual/reference/command/hello/>. The answer names the replica set, its primary and its
//! members: a client that is given `replicaSet` goes to these. No login is tried.

mod bson;
#[cfg(test)]
mod tests;

use self::bson::{Document, Value};
use super::exchange::Exchange;
use super::{Attempt, Fault, Stop, Stream, ended};
use crate::observation::{Depth, FailureKind, MongodbPeer, Peer, PhaseName};
use crate::plan::Security;
use crate::target::Target;
use crate::text;

/// What is meant to be there.
const EXPECTED: &str = "a MongoDB server";

/// The longest message that is read, in bytes. An answer has some 300, and more with many members.
const LONGEST: u32 = 64 << 10;

/// The most that is read from a server in all, in bytes.
const MOST: usize = 160 << 10;

/// The most members of a replica set that are told; a set has 50 at most.
const MOST_MEMBERS: usize = 50;

/// The number of `OP_MSG`.
const MESSAGE: u32 = 2013;

/// What a server without a configuration says of itself.
const NOT_INITIATED: &str = "the replica set has not been initiated: clients that name it find no member";

/// Looks at the target.
///
/// # Errors
/// [`Stop`] when a step failed.
pub async fn look(attempt: &mut Attempt, target: &Target, security: &Security) -> Result<(), Stop> {
    let stream = attempt.connect(target).await?;
    let end = converse(attempt, stream).await;
    ended::explain(attempt, target, security).await;
    end
}

/// As [`look`], over a connection that stands.
pub(crate) async fn converse(attempt: &mut Attempt, stream: impl Stream + 'static) -> Result<(), Stop> {
    let mut exchange = Exchange::new(stream, EXPECTED, MOST, begins);
    let mut recognised = false;
    let answer = attempt.step(PhaseName::Handshake, hello(&mut exchange, &mut recognised)).await;
    if recognised {
        attempt.reached(Depth::Answered);
        let peer = answer.as_ref().map_or_else(|_| MongodbPeer::default(), peer);
        attempt.observation.peer = Some(Peer::Mongodb(peer));
    }
    if answer?.flag("isreplicaset") == Some(true) {
        attempt.observation.notes.push(NOT_INITIATED.into());
    }
    Ok(())
}

/// Whether these may be the first bytes of an answer: four bytes of length, the server's number, ours, `OP_MSG`.
fn begins(said: &[u8]) -> bool {
    let length = said.first_chunk().is_none_or(|length| (21..=LONGEST).contains(&u32::from_le_bytes(*length)));
    let rest = said.get(8..).unwrap_or_default();
    let answers =
        |number: u8| super::exchange::starts(rest, &[&[number, 0, 0, 0][..], &MESSAGE.to_le_bytes()].concat());
    length && (rest.is_empty() || answers(1) || answers(2))
}

/// Asks `hello`, or what it was called before 5.0 and its last releases.
async fn hello(exchange: &mut Exchange, recognised: &mut bool) -> Result<Document, Fault> {
    for (number, command) in [(1, "hello"), (2, "isMaster")] {
        exchange.send(&question(number, command)).await;
        let answer = read(exchange, number).await?;
        *recognised = true;
        let code = answer.number("code");
        match answer.number("ok") {
            Some(1) => return Ok(answer),
            // No such command.
            Some(_) if code == Some(59) => {}
            Some(_) => {
                // Unauthorized, and that a login is needed first.
                let kind = match code {
                    Some(13 | 18) => FailureKind::AuthenticationRequired,
                    _ => FailureKind::ServerRefuses,
                };
                let words = answer.text("errmsg").unwrap_or("it refuses without words");
                return Err(Fault::new(kind, words));
            }
            None => return Err(exchange.garbled("its answer does not say whether it worked")),
        }
    }
    Err(exchange.garbled("it knows neither hello nor isMaster"))
}

/// `{ <command>: 1, $db: "admin" }`, in the one section of a message without flags.
fn question(number: u32, command: &str) -> Vec<u8> {
    let mut document = vec![0x10];
    document.extend(command.as_bytes());
    document.extend(b"\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0");
    let size = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
    let mut message = Vec::new();
    for word in [size(16 + 4 + 1 + 4 + document.len()), number, 0, MESSAGE, 0] {
        message.extend(word.to_le_bytes());
    }
    message.push(0);
    message.extend(size(4 + document.len()).to_le_bytes());
    message.extend(document);
    message
}

/// Reads the answer to a question: its document.
async fn read(exchange: &mut Exchange, number: u32) -> Result<Document, Fault> {
    let head = exchange.bytes(16).await?;
    let word = |at: usize| head.get(at..at + 4).and_then(|it| it.try_into().ok()).map_or(0, u32::from_le_bytes);
    let length = word(0);
    if !(21..=LONGEST).contains(&length) || word(8) != number || word(12) != MESSAGE {
        return Err(exchange.stranger(head).await);
    }
    exchange.recognise();
    let body = exchange.bytes(length as usize - 16).await?;
    // Flags, and the section of the answer itself; a checksum may follow.
    body.get(4..)
        .and_then(|section| section.strip_prefix(&[0]))
        .and_then(Document::read)
        .ok_or_else(|| exchange.garbled("its answer cannot be read"))
}

/// What an answer tells.
fn peer(answer: &Document) -> MongodbPeer {
    let line = |name: &str| answer.text(name).map(|value| text::line(value, 200));
    let writable = answer.flag("isWritablePrimary").or_else(|| answer.flag("ismaster"));
    let members = match answer.get("hosts") {
        Some(Value::Texts(hosts)) => hosts.iter().take(MOST_MEMBERS).map(|host| text::line(host, 200)).collect(),
        _ => Vec::new(),
    };
    let role = if answer.text("msg") == Some("isdbgrid") {
        Some("router")
    } else if answer.flag("arbiterOnly") == Some(true) {
        Some("arbiter")
    } else if answer.flag("secondary") == Some(true) {
        Some("secondary")
    } else if answer.text("setName").is_some() && writable == Some(true) {
        Some("primary")
    } else {
        None
    };
    MongodbPeer {
        release: answer.number("maxWireVersion").and_then(release).map(Into::into),
        replica_set: line("setName"),
        primary: line("primary"),
        members,
        role: role.map(Into::into),
        writable,
    }
}

/// The release that speaks this version of the protocol first; others that speak it name that of the one they stand for.
///
/// <https://github.com/mongodb/specifications/blob/master/source/wireversion-featurelist/wireversion-featurelist.md>
fn release(wire: i64) -> Option<&'static str> {
    Some(match wire {
        6 => "3.6",
        7 => "4.0",
        8 => "4.2",
        9 => "4.4",
        13 => "5.0",
        17 => "6.0",
        21 => "7.0",
        25 => "8.0",
        _ => return None,
    })
}
