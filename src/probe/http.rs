//! One GET in HTTP/1.1 (RFC 9112): a status is an answer, whatever it is. Redirections are not followed. Where the answer tells
//! who it is, by what the catalogue says, more is asked over the same connection, which fails nothing.

mod conversation;
mod questions;
mod scrapes;
mod spring;
mod tap;
mod tell;

use std::error::Error;
use std::io;
use std::time::Duration;

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONNECTION, HOST, HeaderName, LOCATION, SERVER, USER_AGENT, WWW_AUTHENTICATE};
use hyper::{Request, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use self::conversation::{Answer, MOST_HEAD, Questions, ask, talk};
use self::tap::Tap;
use super::tls::{self, Trouble};
use super::{Attempt, Fault, Stop};
use crate::observation::{Depth, FailureKind, HttpPeer, Peer, PhaseName};
use crate::plan::Security;
use crate::target::{Protocol, Target};
use crate::text;

/// How much of a body is kept, in characters.
const MOST_SHOWN: usize = 300;
/// How much of a header or a body is searched for secrets before it is shown, in bytes: more than can be shown, so that
/// hiding them does not leave too little; less than all, as it costs time.
const MOST_SEARCHED: usize = 4096;
/// What is kept clear before the caller's deadline, so that what did come is told.
const MARGIN: Duration = Duration::from_millis(10);
/// What may not stand in a request's path as it is.
const UNSAFE: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'\\').add(b'^').add(b'`').add(b'{').add(b'|').add(b'}');
/// What servers say in a 400 when they are spoken to without TLS: nginx, Go, Apache, Tomcat.
const TLS_WANTED: [&str; 4] = [
    "plain HTTP request was sent to HTTPS port",
    "Client sent an HTTP request to an HTTPS server",
    "speaking plain HTTP to an SSL-enabled server port",
    "This combination of host and port requires TLS",
];

/// Asks for the target's path, `/` without one.
///
/// # Errors
/// [`Stop`] when no HTTP answer came. A status that means failure is no failure here.
pub async fn look(attempt: &mut Attempt, target: &Target, security: &Security) -> Result<(), Stop> {
    let stream = attempt.connect(target).await?;
    match target.protocol {
        Protocol::Https => {
            let stream = tls::wrap(attempt, stream, &target.host, security).await?;
            Box::pin(exchange(attempt, stream, target)).await
        }
        _ => Box::pin(exchange(attempt, stream, target)).await,
    }
}

/// Request and answer over a connection that stands.
pub(crate) async fn exchange<S>(attempt: &mut Attempt, stream: S, target: &Target) -> Result<(), Stop>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let started = Instant::now();
    let until = attempt.deadline.checked_sub(MARGIN).unwrap_or(attempt.deadline);
    let tap = Tap::new(stream);
    let said = tap.said();
    let known = std::mem::take(&mut attempt.acquaintances);
    let wants_body = questions::need_body(&attempt.questions);
    let path = target.path.as_deref().unwrap_or("/");
    let more = |path: &str| {
        let target = Target { path: Some(path.to_owned()), ..target.clone() };
        request(&target, true).ok()
    };
    let questions = Questions { request: &more, path, known: &known, wants_body };
    let work = async {
        let request = request(target, !known.is_empty()).map_err(Trouble::Fault)?;
        talk(tap, request, &questions, until).await.map_err(|error| trouble(error.as_ref(), &said.bytes(), started))
    };
    let talk = tls::step(attempt, PhaseName::Request, Box::pin(work)).await?;
    // What was asked beside does not count.
    if let Some(phase) = attempt.observation.phases.last_mut() {
        phase.micros = u64::try_from(talk.took.as_micros()).unwrap_or(u64::MAX);
    }
    attempt.reached(Depth::Answered);
    attempt.observation.notes.extend(talk.note);
    let answer = talk.answer;
    let wants_tls = target.protocol == Protocol::Http && wants_tls(&answer);
    let mut peer = HttpPeer { application: talk.application, ..peer(&answer) };
    peer.told = questions::answer(&attempt.questions, &answer);
    if answer.status == StatusCode::BAD_REQUEST && target.protocol == Protocol::Http && !wants_tls {
        peer.without_underscore = without_underscore(attempt, target, until).await;
    }
    attempt.observation.peer = Some(Peer::Http(peer));
    if wants_tls {
        let fault = Fault::new(FailureKind::TlsExpected, "answered that this port wants HTTPS");
        return Err(attempt.fail(PhaseName::Request, fault));
    }
    Ok(())
}

/// The status of the same request to the same server, had its host hyphens for underscores: the one question that tells
/// whether the name is what is refused. `None` where the host has no underscore, or no answer came.
async fn without_underscore(attempt: &Attempt, target: &Target, until: Instant) -> Option<u16> {
    let address = attempt.observation.connected.filter(|_| target.host.contains('_'))?;
    let renamed = Target { host: target.host.replace('_', "-"), ..target.clone() };
    let stream = timeout_at(until, TcpStream::connect((address, target.port))).await.ok()?.ok()?;
    let answer = ask(Tap::new(stream), request(&renamed, false).ok()?, until).await.ok()?;
    Some(answer.status.as_u16())
}

/// The request for a target's path; where the connection `stays`, it may be used again.
fn request(target: &Target, stays: bool) -> Result<Request<Empty<Bytes>>, Fault> {
    let path = target.path.as_deref().unwrap_or_default().split('#').next().unwrap_or_default();
    let slash = if path.starts_with('/') { "" } else { "/" };
    let path = format!("{slash}{}", utf8_percent_encode(path, UNSAFE));
    let host = match (Some(target.port) == target.protocol.default_port(), target.host.contains(':')) {
        (true, true) => format!("[{}]", target.host),
        (true, false) => target.host.clone(),
        (false, _) => target.address(),
    };
    let request = Request::get(path)
        .header(HOST, host)
        .header(USER_AGENT, concat!("crosscheck/", env!("CARGO_PKG_VERSION")))
        .header(ACCEPT, "*/*");
    let request = if stays { request } else { request.header(CONNECTION, "close") };
    request
        .body(Empty::new())
        .map_err(|error| Fault::new(FailureKind::WrongProtocol, format!("cannot be asked for: {error}")))
}

fn peer(answer: &Answer) -> HttpPeer {
    let header = |name: HeaderName, limit| {
        let value = answer.headers.get(name)?.as_bytes();
        let value = String::from_utf8_lossy(&value[..value.len().min(MOST_SEARCHED)]).into_owned();
        Some(text::line(&text::redact(&value), limit)).filter(|value| !value.is_empty())
    };
    let body = &answer.body;
    let start = &body[..body.len().min(MOST_SEARCHED)];
    let body = text::line(&text::redact(&String::from_utf8_lossy(start)), MOST_SHOWN);
    let failed = answer.status.is_client_error() || answer.status.is_server_error();
    HttpPeer {
        status: answer.status.as_u16(),
        server: header(SERVER, 100),
        location: header(LOCATION, 300),
        body: Some(body).filter(|body| failed && !body.is_empty()),
        login: header(WWW_AUTHENTICATE, 100).filter(|_| answer.status == StatusCode::UNAUTHORIZED).map(|asked| {
            let scheme = asked.split_whitespace().next().unwrap_or_default();
            scheme.trim_end_matches(',').to_owned()
        }),
        ..HttpPeer::default()
    }
}

/// Whether a server refused the request because it was not sent over TLS.
fn wants_tls(answer: &Answer) -> bool {
    let body = String::from_utf8_lossy(&answer.body);
    answer.status == StatusCode::BAD_REQUEST && TLS_WANTED.iter().any(|words| body.contains(words))
}

/// Why no answer came, from the error (`None`: the time was over) and the peer's first bytes.
fn trouble(error: Option<&hyper::Error>, said: &[u8], started: Instant) -> Trouble {
    let cause = error.and_then(|error| error.source()?.downcast_ref::<io::Error>());
    if let Some(cause) =
        cause.filter(|cause| cause.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<rustls::Error>))
    {
        return tls::trouble(cause, &[]);
    }
    if is_http2(said) {
        return Trouble::Limit("the peer speaks HTTP/2 only, and only HTTP/1.1 is spoken here".into());
    }
    let after = text::millis(started.elapsed());
    let is_http = said.starts_with(b"HTTP/") || b"HTTP/".starts_with(said);
    let (kind, words) = match (error, cause) {
        // A TLS alert or handshake record; plain HTTP never starts so.
        _ if matches!(said, [0x15 | 0x16, 3, ..]) => (FailureKind::TlsExpected, "answered in TLS".into()),
        _ if !is_http => {
            let said = text::line(&String::from_utf8_lossy(said), 80);
            (FailureKind::WrongProtocol, format!("no HTTP: the peer said {said:?}"))
        }
        (None, _) if said.is_empty() => {
            (FailureKind::Silent, format!("connected and asked, then no answer within {after}"))
        }
        (None, _) => (FailureKind::Silent, format!("only the start of an HTTP answer came within {after}")),
        (Some(error), _) if error.is_parse_too_large() => {
            (FailureKind::WrongProtocol, format!("the head of its HTTP answer is larger than {} KiB", MOST_HEAD >> 10))
        }
        (Some(error), _) if error.is_parse() => {
            (FailureKind::WrongProtocol, format!("its HTTP answer cannot be read: {error}"))
        }
        (Some(_), Some(cause)) => {
            let fault = Fault::from_io(cause);
            (fault.kind, fault.detail)
        }
        (Some(_), None) if said.is_empty() => (FailureKind::Closed, "closed the connection without an answer".into()),
        (Some(_), None) => (FailureKind::Closed, "closed the connection in the middle of its HTTP answer".into()),
    };
    Trouble::Fault(Fault::new(kind, words))
}

/// Whether these bytes start an HTTP/2 connection: an empty or small SETTINGS frame on stream 0 (RFC 9113, section
/// 3.4).
fn is_http2(said: &[u8]) -> bool {
    matches!(said, [0, 0, length, 4, 0, 0, 0, 0, 0, ..] if length % 6 == 0)
}

#[cfg(test)]
mod application_tests;
#[cfg(test)]
mod tests;
