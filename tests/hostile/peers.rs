//! What hostile peers do: scripts that real sockets on this machine play to every connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::server::ServerConfig;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What a peer does next.
#[derive(Clone, Debug)]
pub enum Act {
    /// Sends this.
    Say(Vec<u8>),
    /// Waits until the client has said something.
    Hear,
    /// Sends this a byte at a time, with a pause before each.
    Drip(Vec<u8>, Duration),
    /// Sends this over and over.
    Endless(Vec<u8>),
    /// Says nothing more, and takes what comes.
    Hold,
    /// Ends the connection with a reset.
    Reset,
}

/// Plays the script to every connection at once, then closes each. It ends with the runtime.
pub async fn play(acts: Vec<Act>) -> SocketAddr {
    serve(acts, None).await
}

/// The same within TLS, with this certificate.
pub async fn play_tls(acts: Vec<Act>, certificate: Vec<u8>) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = include_bytes!("../../src/probe/tls/fixtures/key.der").to_vec();
    let key = provider.key_provider.load_private_key(key.try_into().unwrap()).unwrap();
    let own = CertifiedKey::new(vec![CertificateDer::from(certificate)], key);
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_cert_resolver(Arc::new(SingleCertAndKey::from(own)));
    serve(acts, Some(TlsAcceptor::from(Arc::new(config)))).await
}

async fn serve(acts: Vec<Act>, tls: Option<TlsAcceptor>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acts: Arc<[Act]> = acts.into();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acts, tls) = (Arc::clone(&acts), tls.clone());
            tokio::spawn(async move {
                stream.set_nodelay(true).unwrap();
                let Some(tls) = tls else { return perform(stream, &acts).await };
                // Clients may give up in the middle.
                if let Ok(stream) = tls.accept(stream).await {
                    converse(stream, &acts).await;
                }
            });
        }
    });
    address
}

async fn perform(mut stream: TcpStream, acts: &[Act]) {
    if let Some((Act::Reset, before)) = acts.split_last() {
        if let Some(()) = converse(&mut stream, before).await {
            stream.set_zero_linger().unwrap();
        }
    } else {
        converse(stream, acts).await;
    }
}

/// Plays until the end of the script or of the client.
async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, acts: &[Act]) -> Option<()> {
    let mut heard = [0; 4096];
    for act in acts {
        match act {
            Act::Say(bytes) => stream.write_all(bytes).await.ok()?,
            Act::Hear => match stream.read(&mut heard).await {
                Ok(1..) => {}
                _ => return None,
            },
            Act::Drip(bytes, pause) => {
                for byte in bytes {
                    tokio::time::sleep(*pause).await;
                    stream.write_all(&[*byte]).await.ok()?;
                }
            }
            Act::Endless(bytes) => loop {
                stream.write_all(bytes).await.ok()?;
            },
            Act::Hold => while matches!(stream.read(&mut heard).await, Ok(1..)) {},
            Act::Reset => unreachable!("a reset is the end of a script"),
        }
    }
    // What the client still says is taken, so that the end is a close and no reset.
    let _ = stream.shutdown().await;
    let _ = tokio::time::timeout(Duration::from_secs(1), async {
        while matches!(stream.read(&mut heard).await, Ok(1..)) {}
    })
    .await;
    Some(())
}
