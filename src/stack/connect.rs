//! The connection to the engine: found as `docker` finds it, opened, and its API version agreed on.

use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use bollard::models::{SystemInfo, SystemVersion};
use bollard::{API_DEFAULT_VERSION, ClientVersion, Docker};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};

use super::endpoint::{self, Address, Endpoint};
use super::error::StackError;
use super::ssh;
use super::surroundings::Surroundings;
use super::transport::Transport;
use crate::text;

/// The oldest API that has all that is read: Docker Engine 20.10.
const OLDEST: ClientVersion = ClientVersion { major_version: 1, minor_version: 41 };
/// How long the engine's first answer may take, the connection included.
const GREETING: Duration = Duration::from_secs(10);
/// The same through `ssh`.
const GREETING_BY_SSH: Duration = Duration::from_secs(20);

/// An engine that answers.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Its API. Requests name the version that both sides speak; connections are kept and shared by all copies.
    pub docker: Docker,
    /// Its address, such as `unix:///var/run/docker.sock`, for messages.
    pub endpoint: String,
    /// The host of an endpoint over TCP or SSH that is not this machine's loopback.
    pub host: Option<String>,
    /// Whether other ports of that host need not be reachable from here: `ssh` goes there through another machine.
    pub(super) beyond: bool,
    /// Whether the endpoint is a socket in the file system.
    pub(super) is_socket: bool,
    /// What the engine said of itself.
    pub(super) version: SystemVersion,
    /// What it says of its machine, where it does.
    pub(super) info: Info,
}

/// An answer that may still be under way.
type Info = Shared<BoxFuture<'static, Option<SystemInfo>>>;

/// Connects to the engine that `docker` would use.
///
/// # Errors
///
/// Every reason why there is none, with what to do.
pub async fn connect() -> Result<Connection, StackError> {
    connect_from(&Surroundings::here()).await
}

pub(super) async fn connect_from(surroundings: &Surroundings) -> Result<Connection, StackError> {
    let endpoint = endpoint::find(surroundings)?;
    let transport = Transport::to(&endpoint)?;
    let failed = |error| explain(&endpoint, &error);
    let docker = transport.docker(None).map_err(failed)?;
    let greeting = if matches!(endpoint.address, Address::Ssh(_)) { GREETING_BY_SSH } else { GREETING };
    let info = ask_for_info(&docker, greeting);
    let version = match tokio::time::timeout(greeting, docker.version()).await {
        Ok(version) => version.map_err(failed)?,
        Err(_) => return Err(unreachable(&endpoint, format!("no answer in {} s", greeting.as_secs()))),
    };
    let spoken = agree(&endpoint, &version)?;
    let (host, beyond) = match &endpoint.address {
        Address::Socket(_) => (None, false),
        Address::Tcp(host, _) => (Some(host.clone()), false),
        // An alias means something to `ssh` alone.
        Address::Ssh(to) => match to.resolved().await {
            Ok(resolved) => (Some(resolved.host), resolved.through_another),
            Err(_) => (Some(to.host.clone()), true),
        },
    };
    let host = host.filter(|host| beyond || !is_loopback(host));
    Ok(Connection {
        docker: transport.docker(Some(&spoken)).map_err(failed)?,
        endpoint: endpoint.to_string(),
        host,
        beyond,
        is_socket: matches!(endpoint.address, Address::Socket(_)),
        version,
        info,
    })
}

/// Asks for `/info` beside everything else: the engine takes longest over describing itself, since it starts programs to
/// ask them for their versions.
fn ask_for_info(docker: &Docker, greeting: Duration) -> Info {
    let docker = docker.clone();
    let asked = tokio::spawn(async move { tokio::time::timeout(greeting, docker.info()).await.ok()?.ok() });
    async move { asked.await.ok().flatten() }.boxed().shared()
}

/// The newest API that both sides speak.
fn agree(endpoint: &Endpoint, version: &SystemVersion) -> Result<ClientVersion, StackError> {
    let Some(newest) = version.api_version.as_deref().and_then(parsed) else {
        return Err(not_docker(endpoint, "it names no version of the API".to_owned()));
    };
    let oldest = version.min_api_version.as_deref().and_then(parsed).unwrap_or(newest);
    let refused = |help| StackError::Version {
        endpoint: endpoint.to_string(),
        version: text::line(version.version.as_deref().unwrap_or("of an unknown version"), 40),
        spoken: if oldest == newest { newest.to_string() } else { format!("{oldest} to {newest}") },
        wanted: format!("{OLDEST} to {API_DEFAULT_VERSION}"),
        help,
    };
    if newest < OLDEST {
        return Err(refused("upgrade to Docker Engine 20.10 or later"));
    }
    if oldest > *API_DEFAULT_VERSION {
        return Err(refused("upgrade crosscheck"));
    }
    Ok(if newest < *API_DEFAULT_VERSION { newest } else { *API_DEFAULT_VERSION })
}

fn parsed(version: &str) -> Option<ClientVersion> {
    let (major, minor) = version.split_once('.')?;
    Some(ClientVersion { major_version: major.parse().ok()?, minor_version: minor.parse().ok()? })
}

/// Whether a host's name or address means this machine.
fn is_loopback(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn unreachable(endpoint: &Endpoint, reason: String) -> StackError {
    StackError::Unreachable { endpoint: endpoint.to_string(), origin: endpoint.origin.to_string(), reason }
}

fn not_docker(endpoint: &Endpoint, reason: String) -> StackError {
    StackError::NotDocker { endpoint: endpoint.to_string(), origin: endpoint.origin.to_string(), reason }
}

/// Why the first request failed.
fn explain(endpoint: &Endpoint, error: &bollard::errors::Error) -> StackError {
    use bollard::errors::Error as Api;
    match error {
        Api::DockerResponseServerError { status_code: 400, message } if message.contains("HTTPS server") => tls_failed(
            endpoint,
            "it speaks TLS only".to_owned(),
            "set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH, or use a context that has certificates".to_owned(),
        ),
        Api::DockerResponseServerError { status_code: 403, .. } => not_docker(
            endpoint,
            "it forbids /version (403): a proxy before the engine must allow VERSION, INFO, CONTAINERS and NETWORKS"
                .to_owned(),
        ),
        Api::DockerResponseServerError { status_code, .. } => {
            not_docker(endpoint, format!("it answered /version with status {status_code}"))
        }
        Api::JsonDataError { .. } | Api::JsonSerdeError { .. } | Api::APIVersionParseError {} => {
            not_docker(endpoint, "its answer to /version is not what an engine answers".to_owned())
        }
        Api::RequestTimeoutError => unreachable(endpoint, "no answer in time".to_owned()),
        other => cause(endpoint, other),
    }
}

/// What lies at the bottom of a request that got no answer.
fn cause(endpoint: &Endpoint, error: &(dyn Error + 'static)) -> StackError {
    let mut next = Some(error);
    while let Some(current) = next {
        if let Some(error) = current.downcast_ref::<io::Error>() {
            let inner = error.get_ref();
            if let Some(error) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                return tls_error(endpoint, error);
            }
            if let Some(failed) = inner.and_then(|inner| inner.downcast_ref::<ssh::Failed>()) {
                return ssh_failed(endpoint, failed);
            }
            return io_failed(endpoint, error);
        }
        if let Some(error) = current.downcast_ref::<hyper::Error>() {
            if error.is_parse() {
                return not_docker(endpoint, "it does not speak HTTP".to_owned());
            }
            if error.is_incomplete_message() {
                return closed(endpoint);
            }
        }
        next = current.source();
    }
    unreachable(endpoint, text::line(&error.to_string(), 200))
}

/// What lies at the bottom of a later request that failed, in one line.
pub(super) fn bottom(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    // A custom error hides in the one of the system that carries it.
    let said = last.downcast_ref::<io::Error>().map_or_else(|| last.to_string(), text::io_error);
    text::line(&said, 200)
}

fn io_failed(endpoint: &Endpoint, error: &io::Error) -> StackError {
    let is_socket = matches!(endpoint.address, Address::Socket(_));
    match error.kind() {
        io::ErrorKind::PermissionDenied if is_socket => {
            StackError::Permission { endpoint: endpoint.to_string(), origin: endpoint.origin.to_string() }
        }
        io::ErrorKind::NotFound if is_socket => unreachable(endpoint, "there is no such socket".to_owned()),
        io::ErrorKind::ConnectionRefused if is_socket => {
            unreachable(endpoint, "nothing listens on the socket".to_owned())
        }
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => closed(endpoint),
        _ => unreachable(endpoint, text::line(&text::io_error(error), 200)),
    }
}

fn ssh_failed(endpoint: &Endpoint, failed: &ssh::Failed) -> StackError {
    let (reason, help) = match &endpoint.address {
        Address::Ssh(destination) => failed.explain(destination),
        _ => (failed.to_string(), "check the address".to_owned()),
    };
    StackError::Ssh { endpoint: endpoint.to_string(), origin: endpoint.origin.to_string(), reason, help }
}

/// The connection opened and ended. Over TLS that is how some peers refuse a client without the right certificate.
fn closed(endpoint: &Endpoint) -> StackError {
    let Some(files) = &endpoint.tls else {
        return not_docker(
            endpoint,
            "it closed the connection without an answer, as a port does that speaks TLS only or has nothing behind it"
                .to_owned(),
        );
    };
    let reason =
        "it closed the connection without an answer, as an engine does that wants another client's certificate";
    tls_failed(endpoint, reason.to_owned(), own_certificate(&files.folder))
}

/// What to do where the engine wants a certificate from us.
fn own_certificate(folder: &Path) -> String {
    let file = |name| folder.join(name).display().to_string();
    format!("put a certificate that it accepts into {} and its key into {}", file("cert.pem"), file("key.pem"))
}

fn tls_failed(endpoint: &Endpoint, reason: String, help: String) -> StackError {
    StackError::Tls { endpoint: endpoint.to_string(), origin: endpoint.origin.to_string(), reason, help }
}

fn tls_error(endpoint: &Endpoint, error: &rustls::Error) -> StackError {
    use rustls::{AlertDescription as Alert, CertificateError};
    let folder = endpoint.tls.as_ref().map(|files| files.folder.clone()).unwrap_or_default();
    let (reason, help) = match error {
        rustls::Error::InvalidMessage(_) => (
            "it does not speak TLS".to_owned(),
            "unset DOCKER_TLS and DOCKER_TLS_VERIFY, or use the port of its TLS listener, mostly 2376".to_owned(),
        ),
        // An authority that was made anew under its old name signs otherwise than the one that is known.
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => (
            "its certificate is signed by an authority that is not known here".to_owned(),
            format!("put that authority's certificate into {}", folder.join("ca.pem").display()),
        ),
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => (
            "its certificate is for another name".to_owned(),
            "use a host that the certificate names, or have it made out to this one".to_owned(),
        ),
        rustls::Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            ("its certificate has expired".to_owned(), "renew the engine's certificate".to_owned())
        }
        rustls::Error::AlertReceived(
            Alert::CertificateRequired | Alert::BadCertificate | Alert::UnknownCA | Alert::HandshakeFailure,
        ) => {
            ("it does not accept our certificate, or wants one and there is none".to_owned(), own_certificate(&folder))
        }
        other => (text::line(&other.to_string(), 200), "check the certificates of both sides".to_owned()),
    };
    tls_failed(endpoint, reason, help)
}

#[cfg(test)]
#[path = "connect_tests.rs"]
mod tests;
