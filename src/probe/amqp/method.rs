//! The methods of a connection, on the wire.
//!
//! A frame is a type, a channel, four bytes of length, its payload and an end mark; the payload of a method begins with the
//! ids of its class and of itself. Specification, sections 2.3 and 4.2.

use super::Exchange;
use crate::probe::Fault;
use crate::text;

/// The frames of a connection are of this size at most until another one was agreed on, in bytes (4.2.3); some brokers say
/// more of themselves nevertheless.
const LONGEST: u32 = 64 << 10;

/// The most frames that have no meaning here (heartbeats) before one that has.
const MOST_HEARTBEATS: usize = 4;

/// The end mark of a frame.
const END: u8 = 0xce;

/// The class of all methods here.
const CONNECTION: u16 = 10;

/// How the frame of `Connection.Start` begins: a method, on channel 0, shorter than 64 KiB.
pub(super) const START: &[u8] = &[1, 0, 0, 0, 0];

/// What a broker may say within a handshake.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Method {
    Start(Start),
    Secure,
    Tune(Tune),
    OpenOk,
    Close(Close),
    CloseOk,
}

/// What a broker says of itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Start {
    /// Its properties that are text.
    pub(super) properties: Vec<(String, String)>,
    /// How it takes logins.
    pub(super) mechanisms: Vec<String>,
}

/// What a broker proposes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tune {
    pub(super) channels: u16,
    pub(super) frame: u32,
}

/// Why a broker ends a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Close {
    pub(super) code: u16,
    pub(super) text: String,
}

impl Start {
    /// A property, printable and bounded.
    pub(super) fn property(&self, name: &str) -> Option<String> {
        let found = self.properties.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| text::line(value, 60)).filter(|value| !value.is_empty())
    }
}

/// Reads the next method.
pub(super) async fn read(exchange: &mut Exchange) -> Result<Method, Fault> {
    for _ in 0..MOST_HEARTBEATS {
        let head = exchange.bytes(7).await?;
        if head[0] == 8 {
            exchange.bytes(1).await?;
            continue;
        }
        return read_after(exchange, &head).await;
    }
    Err(exchange.garbled("it sends heartbeats and no answer"))
}

/// Reads the rest of a method's frame, after its seven bytes of head.
pub(super) async fn read_after(exchange: &mut Exchange, head: &[u8]) -> Result<Method, Fault> {
    let [1, 0, 0, length @ ..] = head else { return Err(exchange.garbled("it sent a frame that is no method")) };
    let length = length.try_into().map_or(0, u32::from_be_bytes);
    if !(4..=LONGEST).contains(&length) {
        return Err(exchange.stranger(head.to_vec()).await);
    }
    // What was checked of the first bytes holds for the head alone: from here on the end mark says whether it is a frame.
    exchange.recognise();
    let payload = exchange.bytes(length as usize).await?;
    if exchange.bytes(1).await? != [END] {
        return Err(exchange.garbled("its frame has no end mark"));
    }
    parse(&payload).ok_or_else(|| exchange.garbled("it sent a method that cannot be read"))
}

/// Reads a method: the ids of class and method, then its arguments.
pub(super) fn parse(payload: &[u8]) -> Option<Method> {
    let mut rest = Rest(payload);
    if rest.short()? != CONNECTION {
        return None;
    }
    Some(match rest.short()? {
        10 => {
            // The version of the protocol.
            if rest.take(2)? != [0, 9] {
                return None;
            }
            let properties = table(rest.long_string()?);
            let mechanisms = String::from_utf8_lossy(rest.long_string()?).into_owned();
            let mechanisms = mechanisms.split_ascii_whitespace().take(16).map(|name| text::line(name, 40)).collect();
            rest.long_string()?;
            Method::Start(Start { properties, mechanisms })
        }
        20 => Method::Secure,
        30 => Method::Tune(Tune { channels: rest.short()?, frame: rest.long()? }),
        41 => Method::OpenOk,
        50 => {
            let code = rest.short()?;
            Method::Close(Close { code, text: String::from_utf8_lossy(rest.short_string()?).into_owned() })
        }
        51 => Method::CloseOk,
        _ => return None,
    })
}

/// The fields of a table that are text, as far as it can be read: what a later one is made of does not matter then.
fn table(bytes: &[u8]) -> Vec<(String, String)> {
    let (mut rest, mut found) = (Rest(bytes), Vec::new());
    while found.len() < 64 {
        let Some((name, kind)) = rest.short_string().zip(rest.take(1)) else { break };
        let value = match kind[0] {
            b't' | b'b' | b'B' => rest.take(1),
            b's' | b'u' | b'U' => rest.take(2),
            b'I' | b'i' | b'f' => rest.take(4),
            b'l' | b'L' | b'd' | b'T' => rest.take(8),
            b'D' => rest.take(5),
            b'S' | b'F' | b'A' | b'x' => rest.long_string(),
            b'V' => rest.take(0),
            _ => break,
        };
        let Some(value) = value else { break };
        if kind == b"S" {
            found.push((String::from_utf8_lossy(name).into_owned(), String::from_utf8_lossy(value).into_owned()));
        }
    }
    found
}

/// What is left of a payload.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn short(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn long(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn short_string(&mut self) -> Option<&'a [u8]> {
        let length = self.take(1)?[0];
        self.take(usize::from(length))
    }

    fn long_string(&mut self) -> Option<&'a [u8]> {
        let length = self.long()?;
        self.take(usize::try_from(length).ok()?)
    }
}

/// A method's frame on channel 0.
fn frame(method: u16, arguments: &[u8]) -> Vec<u8> {
    let length = u32::try_from(arguments.len() + 4).unwrap_or(u32::MAX);
    let mut frame = vec![1, 0, 0];
    frame.extend(length.to_be_bytes());
    frame.extend(CONNECTION.to_be_bytes());
    frame.extend(method.to_be_bytes());
    frame.extend(arguments);
    frame.push(END);
    frame
}

fn long_string(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], bytes].concat()
}

fn short_string(bytes: &[u8]) -> Option<Vec<u8>> {
    let length = u8::try_from(bytes.len()).ok()?;
    Some([&[length][..], bytes].concat())
}

/// `Connection.StartOk` by PLAIN. Who says that he understands it is told why a login is refused; others are cut off.
///
/// <https://www.rabbitmq.com/docs/auth-notification>
pub(super) fn start_ok(user: &str, password: &str) -> Vec<u8> {
    let capability = b"\x1cauthentication_failure_closet\x01";
    let product = [&b"\x07productS"[..], &long_string(b"crosscheck")].concat();
    let capabilities = [&b"\x0ccapabilitiesF"[..], &long_string(capability)].concat();
    let properties = long_string(&[product, capabilities].concat());
    let response = long_string(format!("\0{user}\0{password}").as_bytes());
    frame(11, &[&properties[..], b"\x05PLAIN", &response, b"\x05en_US"].concat())
}

/// `Connection.TuneOk`: what the broker proposes, without heartbeats.
pub(super) fn tune_ok(tune: &Tune) -> Vec<u8> {
    frame(31, &[&tune.channels.to_be_bytes()[..], &tune.frame.to_be_bytes(), &[0, 0]].concat())
}

/// `Connection.Open` of a virtual host; `None` where no name is that long.
pub(super) fn open(host: &str) -> Option<Vec<u8>> {
    Some(frame(40, &[&short_string(host.as_bytes())?[..], &[0, 0]].concat()))
}

/// `Connection.Close`: nothing is wrong.
pub(super) fn close() -> Vec<u8> {
    frame(50, &[&200_u16.to_be_bytes()[..], b"\x04done", &[0; 4]].concat())
}

/// `Connection.CloseOk`.
pub(super) fn close_ok() -> Vec<u8> {
    frame(51, &[])
}
