//! Connections to the engine: opened within a limit of time, kept for the next request, through no proxy.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bollard::{BollardRequest, ClientVersion, Docker};
use hyper::body::Incoming;
use hyper::{Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::endpoint::{Address, Endpoint};
use super::error::StackError;
use super::ssh::{self, Tunnel};
use super::tls;

/// How long a connection may take to open, TLS included.
const CONNECTING: Duration = Duration::from_secs(5);
/// The same where `ssh` logs in first, one after another where many connections are wanted at once.
const LOGGING_IN: Duration = ssh::LOGIN.saturating_mul(2);
/// How long the engine may take to begin an answer. Importing an image is the slowest thing that it is asked for.
const ANSWERING: u64 = 60;
/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(30);

/// How an engine is reached; cheap to copy.
#[derive(Clone)]
pub struct Connector(Arc<Way>);

enum Way {
    Socket(PathBuf),
    Tcp(String, u16),
    Tls(String, u16, ServerName<'static>, TlsConnector),
    Ssh(Tunnel),
}

impl Connector {
    /// The way to an endpoint; nothing is opened yet.
    ///
    /// # Errors
    ///
    /// TLS files that cannot be used, or a host that no certificate can name.
    pub fn to(endpoint: &Endpoint) -> Result<Self, StackError> {
        let way = match (&endpoint.address, &endpoint.tls) {
            (Address::Socket(path), _) => Way::Socket(path.clone()),
            (Address::Ssh(destination), _) => Way::Ssh(Tunnel::new(destination.clone())),
            (Address::Tcp(host, port), None) => Way::Tcp(host.clone(), *port),
            (Address::Tcp(host, port), Some(files)) => {
                let name = ServerName::try_from(host.clone()).map_err(|_| StackError::Address {
                    value: endpoint.to_string(),
                    origin: endpoint.origin.to_string(),
                    reason: "no certificate can be made out to this host".to_owned(),
                })?;
                let config = tls::client(endpoint, files)?;
                Way::Tls(host.clone(), *port, name, TlsConnector::from(Arc::new(config)))
            }
        };
        Ok(Self(Arc::new(way)))
    }
}

/// How requests are sent: what keeps the connections open, whatever type its requests have.
type Sender = dyn Fn(BollardRequest) -> Sent + Send + Sync;
type Sent = Pin<Box<dyn Future<Output = Result<Response<Incoming>, bollard::errors::Error>> + Send>>;

/// An engine's API over one pool of connections.
#[derive(Clone)]
pub struct Transport {
    host: String,
    send: Arc<Sender>,
}

impl Transport {
    /// The API of an endpoint; nothing is opened yet.
    ///
    /// # Errors
    ///
    /// As of [`Connector::to`].
    pub fn to(endpoint: &Endpoint) -> Result<Self, StackError> {
        let connector = Connector::to(endpoint)?;
        let host = match &*connector.0 {
            Way::Socket(_) | Way::Ssh(_) => "http://localhost".to_owned(),
            Way::Tcp(host, port) | Way::Tls(host, port, ..) if host.contains(':') => format!("http://[{host}]:{port}"),
            Way::Tcp(host, port) | Way::Tls(host, port, ..) => format!("http://{host}:{port}"),
        };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        let send = move |request: BollardRequest| {
            let answer = client.request(request);
            Box::pin(async move { answer.await.map_err(bollard::errors::Error::from) }) as Sent
        };
        Ok(Self { host, send: Arc::new(send) })
    }

    /// The API in a version, which every request names; without one the engine uses its newest.
    ///
    /// # Errors
    ///
    /// None that bollard documents.
    pub fn docker(&self, version: Option<&ClientVersion>) -> Result<Docker, bollard::errors::Error> {
        // bollard 0.21 joins its `/v1.53` and a path in a way that loses the version, so it is put in here.
        let prefix = version.map(|version| format!("/v{version}"));
        let send = Arc::clone(&self.send);
        let send = move |mut request: BollardRequest| {
            if let Some(uri) = prefix.as_deref().and_then(|prefix| versioned(request.uri(), prefix)) {
                *request.uri_mut() = uri;
            }
            send(request)
        };
        let version = version.unwrap_or(bollard::API_DEFAULT_VERSION);
        Docker::connect_with_custom_transport(send, Some(self.host.clone()), ANSWERING, version)
    }
}

/// The same request for this version of the API; `None` where it names one already.
fn versioned(uri: &Uri, prefix: &str) -> Option<Uri> {
    let path = uri.path_and_query()?.as_str();
    if path.starts_with("/v1.") {
        return None;
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(format!("{prefix}{path}").parse().ok()?);
    Uri::from_parts(parts).ok()
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let way = Arc::clone(&self.0);
        Box::pin(async move {
            let limit = if matches!(&*way, Way::Ssh(_)) { LOGGING_IN } else { CONNECTING };
            match tokio::time::timeout(limit, open(&way)).await {
                Ok(opened) => opened.map(TokioIo::new),
                Err(_) => {
                    Err(io::Error::new(io::ErrorKind::TimedOut, format!("no connection in {} s", limit.as_secs())))
                }
            }
        })
    }
}

async fn open(way: &Way) -> io::Result<Stream> {
    let tcp = async |host: &str, port| {
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        Ok::<_, io::Error>(stream)
    };
    Ok(Stream(match way {
        Way::Socket(path) => Box::new(UnixStream::connect(path).await?),
        Way::Tcp(host, port) => Box::new(tcp(host, *port).await?),
        Way::Ssh(tunnel) => Box::new(tunnel.open().await?),
        Way::Tls(host, port, name, connector) => {
            Box::new(connector.connect(name.clone(), tcp(host, *port).await?).await?)
        }
    }))
}

/// What bytes go over.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// An open connection of any kind.
pub struct Stream(Box<dyn Duplex>);

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_put_in_once() {
        let uri = "http://localhost/containers/json?all=true".parse().unwrap();
        let versioned_uri = versioned(&uri, "/v1.45").unwrap();
        assert_eq!(versioned_uri, "http://localhost/v1.45/containers/json?all=true");
        assert_eq!(versioned(&versioned_uri, "/v1.45"), None);
    }
}
