//! One GET in HTTP/1.1 (RFC 9112): a status is an answer, whatever it is. Redirections are not followed.

mod questions;
mod tap;

use std::error::Error;
use std::io;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Bytes};
use hyper::header::{ACCEPT, CONNECTION, HOST, HeaderMap, HeaderName, LOCATION, SERVER, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use self::questions::Body as Content;
use self::tap::Tap;
use super::tls::{self, Trouble};
use super::{Attempt, Fault, Stop};
use crate::observation::{Depth, FailureKind, HttpPeer, Peer, PhaseName};
use crate::plan::Security;
use crate::target::{Protocol, Target};
use crate::text;

/// The most that is read of an answer's head, in bytes; clients stop earlier, most at 8 to 64 KiB.
const MOST_HEAD: usize = 256 << 10;
/// The most headers that are read.
const MOST_HEADERS: usize = 1000;
/// The most that is read of a body, in bytes.
const MOST_BODY: usize = 64 << 10;
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

/// What came back: the head, and the start of the body where it was wanted or the status means failure.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Content,
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
    let wants_body = questions::need_body(&attempt.questions);
    let work = async {
        let request = request(target).map_err(Trouble::Fault)?;
        ask(tap, request, wants_body, until).await.map_err(|error| trouble(error.as_ref(), &said.bytes(), started))
    };
    let answer = tls::step(attempt, PhaseName::Request, work).await?;
    attempt.reached(Depth::Answered);
    let wants_tls = target.protocol == Protocol::Http && wants_tls(&answer);
    let mut peer = peer(&answer);
    peer.told = questions::answer(&attempt.questions, &answer.headers, &answer.body);
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
    let answer = ask(Tap::new(stream), request(&renamed).ok()?, false, until).await.ok()?;
    Some(answer.status.as_u16())
}

fn request(target: &Target) -> Result<Request<Empty<Bytes>>, Fault> {
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
        .header(ACCEPT, "*/*")
        .header(CONNECTION, "close");
    request
        .body(Empty::new())
        .map_err(|error| Fault::new(FailureKind::WrongProtocol, format!("cannot be asked for: {error}")))
}

/// Sends the request and reads the answer, its body where that is wanted; an error of `None` is the end of the time.
async fn ask<S>(
    tap: Tap<S>,
    request: Request<Empty<Bytes>>,
    wants_body: bool,
    until: Instant,
) -> Result<Answer, Option<hyper::Error>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // Where clients differ in what they put up with, the most patient ones are followed.
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(MOST_HEAD)
        .max_headers(MOST_HEADERS)
        .title_case_headers(true)
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .ignore_invalid_headers_in_responses(true)
        .handshake(TokioIo::new(tap))
        .await?;
    let conversation = async {
        let response = timeout_at(until, sender.send_request(request)).await.map_err(|_| None)??;
        let (head, body) = response.into_parts();
        let failed = head.status.is_client_error() || head.status.is_server_error();
        let none = Content { bytes: Vec::new(), cut: None };
        let body = if failed || wants_body { read(body, until).await } else { none };
        Ok(Answer { status: head.status, headers: head.headers, body })
    };
    tokio::pin!(conversation, connection);
    tokio::select! {
        biased;
        answer = &mut conversation => answer,
        // The connection is over; the conversation knows how.
        _ = &mut connection => conversation.await,
    }
}

/// The start of a body: what came until the time or the bound was reached, or the body failed.
async fn read(mut body: impl Body<Data = Bytes> + Unpin, until: Instant) -> Content {
    let mut bytes = Vec::new();
    let cut = loop {
        match timeout_at(until, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                let Ok(data) = frame.into_data() else { continue };
                let room = MOST_BODY - bytes.len();
                bytes.extend_from_slice(&data[..data.len().min(room)]);
                if data.len() > room {
                    break Some("the body is larger than 64 KiB");
                }
            }
            Ok(None) => break None,
            Ok(Some(Err(_))) => break Some("the body broke off"),
            Err(_) => break Some("the body did not come to its end in time"),
        }
    };
    Content { bytes, cut }
}

fn peer(answer: &Answer) -> HttpPeer {
    let header = |name: HeaderName, limit| {
        let value = answer.headers.get(name)?.as_bytes();
        let value = String::from_utf8_lossy(&value[..value.len().min(MOST_SEARCHED)]).into_owned();
        Some(text::line(&text::redact(&value), limit)).filter(|value| !value.is_empty())
    };
    let body = &answer.body.bytes;
    let start = &body[..body.len().min(MOST_SEARCHED)];
    let body = text::line(&text::redact(&String::from_utf8_lossy(start)), MOST_SHOWN);
    let failed = answer.status.is_client_error() || answer.status.is_server_error();
    HttpPeer {
        status: answer.status.as_u16(),
        server: header(SERVER, 100),
        location: header(LOCATION, 300),
        body: Some(body).filter(|body| failed && !body.is_empty()),
        ..HttpPeer::default()
    }
}

/// Whether a server refused the request because it was not sent over TLS.
fn wants_tls(answer: &Answer) -> bool {
    let body = String::from_utf8_lossy(&answer.body.bytes);
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
mod tests;
