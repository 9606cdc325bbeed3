//! Accepts connections: limits, time-outs, TLS and graceful shutdown.

use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::call::Peer;
use super::connections::Connections;
use crate::config::Tls;
use crate::metrics::Metrics;
use crate::serve_error::ServeError;
use crate::store::{Shutdown, ended};

/// Time limit for the head of a request, and for an idle connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);

/// Time limit for a client to take in the next bytes of an answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(15);

/// Age of a connection at which it gets its last answer and ends. It bounds the time that a client may
/// take for an answer by reading it byte by byte.
const MAX_AGE: Duration = Duration::from_mins(10);

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum length of a request's head, in bytes. hyper may take a longer one that comes at once.
pub(super) const MAX_HEAD_BYTES: usize = 32 << 10;

const MAX_HEADERS: usize = 64;

/// Time limit for the last answer of an old connection: that for an answer, and some to send it.
const LAST_ANSWER_TIMEOUT: Duration = Duration::from_secs(45);

/// Time limit for the last answer of a connection at shutdown.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Interval at which open connections are counted at shutdown.
const DRAIN_POLL: Duration = Duration::from_millis(20);

/// Delay after a failure to accept a connection, which means that the process is out of
/// descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Reads a certificate and its key.
pub(crate) fn tls(files: &Tls) -> Result<TlsAcceptor, ServeError> {
    type Cause = Box<dyn std::error::Error + Send + Sync>;
    let failed = |path: &Path, error: Cause| ServeError::Tls { path: path.to_owned(), error };
    let certificates = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| failed(&files.certificate, error.into()))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| failed(&files.key, error.into()))?;
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(|error| failed(&files.certificate, error.into()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Answers connections until `shutdown`, then waits for the open connections.
pub(crate) async fn answer(
    listener: TcpListener,
    tls: watch::Receiver<Option<TlsAcceptor>>,
    router: Router,
    connections: Arc<Connections>,
    metrics: Arc<Metrics>,
    shutdown: Shutdown,
) {
    let mut can_accept = true;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = ended(shutdown.clone()) => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => {
                can_accept = true;
                accepted
            }
            Err(error) => {
                if std::mem::take(&mut can_accept) {
                    tracing::warn!(%error, "connections cannot be accepted");
                }
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        // Closed at once, because an answer could take its time, too.
        let Some(counted) = connections.count(peer) else {
            metrics.connection_refused();
            continue;
        };
        // Answers are small and must not wait for more data. Without this option they are only
        // slower.
        let _ = stream.set_nodelay(true);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(WRITE_TIMEOUT));
        let stream = Box::pin(stream);
        let (router, tls, shutdown) = (router.clone(), tls.borrow().clone(), shutdown.clone());
        tokio::spawn(async move {
            let _counted = counted;
            match tls {
                None => connection(stream, peer, router, shutdown).await,
                Some(tls) => match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
                    Ok(Ok(stream)) => connection(stream, peer, router, shutdown).await,
                    Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS handshake"),
                    Err(_) => tracing::debug!(%peer, "no TLS handshake in time"),
                },
            }
        });
    }
    drop(listener);
    let all_ended = async {
        while connections.number() > 0 {
            tokio::time::sleep(DRAIN_POLL).await;
        }
    };
    // Connections have the same limit each, counted from when they learn of the shutdown.
    if tokio::time::timeout(DRAIN_TIMEOUT + DRAIN_POLL, all_ended).await.is_err() {
        tracing::warn!("open connections are closed at shutdown");
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    router: Router,
    shutdown: Shutdown,
) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        router.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        result = connection.as_mut() => Ok(result),
        () = ended(shutdown) => Err(DRAIN_TIMEOUT),
        () = tokio::time::sleep(MAX_AGE) => Err(LAST_ANSWER_TIMEOUT),
    };
    let result = match ended {
        Ok(result) => Ok(result),
        Err(timeout) => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(timeout, connection).await
        }
    };
    match result {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%peer, %error, "a connection failed"),
        Err(_) => tracing::debug!(%peer, "a client did not take its last answer in time"),
    }
}
