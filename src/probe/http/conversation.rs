//! Questions over one connection: the first, whose answer counts, and those that tell more of a server that is known.

use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Bytes};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::header::{CONTENT_TYPE, HeaderMap};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

use super::tap::Tap;
use super::tell::{self, Known};
use crate::catalog::Acquaintance;
use crate::observation::Application;

/// The most that is read of an answer's head, in bytes; clients stop earlier, most at 8 to 64 KiB.
pub const MOST_HEAD: usize = 256 << 10;
/// The most headers that are read.
const MOST_HEADERS: usize = 1000;
/// The most that is read of a body, in bytes.
const MOST_BODY: usize = 64 << 10;
/// The same of an answer that is a list of everything, such as Prometheus' targets; below what is read in all.
const MOST_LIST: usize = 512 << 10;
/// How long a body is read that only tells who it is: some never end.
const MOST_PATIENCE: Duration = Duration::from_millis(500);

/// A request without a body.
pub type Question = Request<Empty<Bytes>>;

/// What came back: the head, and the start of the body where it was read.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// Why the body may go on, where it was read and may.
    pub cut: Option<&'static str>,
}

/// What a conversation gave.
pub struct Talk {
    /// The answer to the first question.
    pub answer: Answer,
    /// How long it took.
    pub took: Duration,
    /// Who it is, where that was told.
    pub application: Option<Application>,
    /// What could not be asked of it.
    pub note: Option<String>,
}

/// What is asked: first for one path, and once it is known who answers, for others.
pub struct Questions<'a> {
    /// Makes the request for a path.
    pub request: &'a dyn Fn(&str) -> Option<Question>,
    /// The first path.
    pub path: &'a str,
    /// Who may be told by its answer.
    pub known: &'a [Acquaintance],
    /// Whether the body of its answer is wanted, whatever it is.
    pub wants_body: bool,
}

/// Sends the request and reads the answer; `None` is the end of the time.
pub async fn ask<S>(tap: Tap<S>, request: Question, until: Instant) -> Result<Answer, Option<hyper::Error>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    within(tap, async |mut sender| one(&mut sender, request, Reading::Failures, until).await).await
}

/// Asks the first question and, where its answer tells who it is, the others. What becomes of those fails nothing.
pub async fn talk<S>(
    tap: Tap<S>,
    first: Question,
    questions: &Questions<'_>,
    until: Instant,
) -> Result<Talk, Option<hyper::Error>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let started = Instant::now();
    within(tap, async |mut sender| {
        let reading = match questions.known {
            _ if questions.wants_body => Reading::Wanted,
            [] => Reading::Failures,
            _ => Reading::Start,
        };
        let answer = one(&mut sender, first, reading, until).await?;
        let took = started.elapsed();
        let mut talk = Talk { answer, took, application: None, note: None };
        let Some(mut known) = Known::by(questions.known, questions.path, &talk.answer) else { return Ok(talk) };
        for more in known.questions() {
            let path = more.path.as_deref().unwrap_or_default();
            let Some(request) = (questions.request)(path) else { continue };
            // Only here: a peer may say something before it is asked, which is heard as its answer while nobody waits.
            let Ok(Ok(())) = timeout_at(until, sender.ready()).await else {
                known.untold(path);
                break;
            };
            let reading = if more.reader.is_some() { Reading::Everything } else { Reading::Start };
            let Ok(answer) = one(&mut sender, request, reading, until).await else {
                known.untold(path);
                break;
            };
            known.told(more, &answer);
        }
        (talk.application, talk.note) = known.finish();
        Ok(talk)
    })
    .await
}

/// Runs a conversation over a connection of its own.
async fn within<S, T>(
    tap: Tap<S>,
    work: impl AsyncFnOnce(SendRequest<Empty<Bytes>>) -> Result<T, Option<hyper::Error>>,
) -> Result<T, Option<hyper::Error>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // Where clients differ in what they put up with, the most patient ones are followed.
    let (sender, connection) = Builder::new()
        .max_buf_size(MOST_HEAD)
        .max_headers(MOST_HEADERS)
        .title_case_headers(true)
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .ignore_invalid_headers_in_responses(true)
        .handshake(TokioIo::new(tap))
        .await?;
    let conversation = work(sender);
    tokio::pin!(conversation, connection);
    tokio::select! {
        biased;
        result = &mut conversation => result,
        // The connection is over; the conversation knows how.
        _ = &mut connection => conversation.await,
    }
}

/// How much of an answer's body is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// Its start, where the status means failure.
    Failures,
    /// Its start, where it is of a kind that could tell something.
    Start,
    /// Its start, whatever it is and as long as there is time.
    Wanted,
    /// All of it, where it is of a kind that could tell something.
    Everything,
}

async fn one(
    sender: &mut SendRequest<Empty<Bytes>>,
    request: Question,
    reading: Reading,
    until: Instant,
) -> Result<Answer, Option<hyper::Error>> {
    let sent = sender.send_request(request);
    let (head, body) = timeout_at(until, sent).await.map_err(|_| None)??.into_parts();
    let failed = head.status.is_client_error() || head.status.is_server_error();
    let tells = tell::is_of_interest(head.headers.get(CONTENT_TYPE));
    let soon = until.min(Instant::now() + MOST_PATIENCE);
    let (body, cut) = match reading {
        Reading::Wanted => read(body, MOST_BODY, until).await,
        Reading::Everything if tells => read(body, MOST_LIST, until).await,
        _ if failed => read(body, MOST_BODY, until).await,
        Reading::Start if tells => read(body, MOST_BODY, soon).await,
        _ => (Vec::new(), None),
    };
    Ok(Answer { status: head.status, headers: head.headers, body, cut })
}

/// The start of a body: what came until the time or the bound was reached, or the body failed; and why it may go on.
async fn read(
    mut body: impl Body<Data = Bytes> + Unpin,
    most: usize,
    until: Instant,
) -> (Vec<u8>, Option<&'static str>) {
    let mut bytes = Vec::new();
    let cut = loop {
        match timeout_at(until, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                let Ok(data) = frame.into_data() else { continue };
                let room = most - bytes.len();
                bytes.extend_from_slice(&data[..data.len().min(room)]);
                if data.len() > room {
                    break Some("the body is too large to be read whole");
                }
            }
            Ok(None) => break None,
            Ok(Some(Err(_))) => break Some("the body broke off"),
            Err(_) => break Some("the body did not come to its end in time"),
        }
    };
    (bytes, cut)
}
