//! Reading from object stores: a server that speaks S3, and web servers with and without ranges,
//! all on loopback.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use rdb_source::{Compression, Data, IoMode, OpenError, OpenOptions, Opened, expand, open, open_with};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// An S3 server with one bucket, `backups`. It ends with its runtime.
struct S3 {
    dir: TempDir,
    address: SocketAddr,
    _runtime: Runtime,
}

impl S3 {
    fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir(dir.path().join("backups")).expect("made");
        let mut service = S3ServiceBuilder::new(FileSystem::new(dir.path()).expect("a file system"));
        service.set_auth(SimpleAuth::from_single("the-key", "the-secret"));
        let service = service.build().into_shared();
        let runtime = Runtime::new().expect("a runtime");
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("bound");
        runtime.spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let server = Builder::new(TokioExecutor::new());
                    // A client that hangs up is no failure of the test.
                    let _ = server.serve_connection(TokioIo::new(connection), service).await;
                });
            }
        });
        Self { dir, address, _runtime: runtime }
    }

    fn put(&self, name: &str, content: &[u8]) {
        fs::write(self.dir.path().join("backups").join(name), content).expect("written");
    }

    fn options(&self, secret: &str) -> OpenOptions {
        let mut options = OpenOptions::default();
        for (name, value) in [
            ("aws_endpoint", format!("http://{}", self.address)),
            ("aws_region", "us-east-1".to_owned()),
            ("aws_access_key_id", "the-key".to_owned()),
            ("aws_secret_access_key", secret.to_owned()),
        ] {
            options.store.push((name.to_owned(), value));
        }
        options
    }

    fn open(&self, name: &str, secret: &str) -> Result<Opened, OpenError> {
        let path = format!("s3://backups/{name}");
        open_with(Path::new(&path), &self.options(secret), &Arc::default())
    }

    /// The URLs that a pattern stands for, and the lengths of their objects.
    fn expand(&self, pattern: &str, secret: &str) -> Result<Vec<(String, Option<u64>)>, OpenError> {
        let url = format!("s3://backups/{pattern}");
        let all = expand(Path::new(&url), false, &self.options(secret).store, &Arc::default())?;
        let found = |found: rdb_source::Found| (found.path.to_string_lossy().into_owned(), found.length);
        Ok(all.found.into_iter().map(found).collect())
    }
}

fn content(opened: Opened) -> Vec<u8> {
    let Data::Stream { mut reader, .. } = opened.data else { panic!("mapped") };
    let mut content = Vec::new();
    reader.read_to_end(&mut content).expect("reads");
    content
}

/// Longer than all that is in flight at a time, and of no whole number of chunks.
fn large() -> Vec<u8> {
    let mut data = b"REDIS0011".to_vec();
    data.extend((0..(50u32 << 20) / 4 + 12_345).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()));
    data
}

#[test]
fn objects_in_s3_are_read_in_order_whatever_they_are_wrapped_in() {
    let s3 = S3::start();
    let data = large();
    s3.put("dump.rdb", &data);
    let opened = s3.open("dump.rdb", "the-secret").expect("opens");
    let Data::Stream { length, .. } = &opened.data else { panic!("mapped") };
    assert_eq!(*length, Some(data.len() as u64));
    assert!(opened.modified_ms.is_some());
    assert!(content(opened) == data);

    // Blocks that are longer than what is looked at first.
    let part = &data[..3 << 20];
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(part).expect("compresses");
    s3.put("packed", &encoder.finish().expect("compresses"));
    let opened = s3.open("packed", "the-secret").expect("opens");
    assert_eq!(opened.compression, [Compression::Lz4]);
    assert!(content(opened) == part);

    s3.put("capture", b"\n$9\r\nREDIS0011");
    let opened = s3.open("capture", "the-secret").expect("opens");
    assert_eq!((opened.wrapper.prefix_bytes, opened.wrapper.announced_bytes), (5, Some(9)));
    assert_eq!(content(opened), b"REDIS0011");
}

#[test]
fn what_is_not_there_or_not_allowed_is_an_error_in_one_line() {
    let s3 = S3::start();
    s3.put("dump.rdb", b"REDIS0011");
    s3.put("empty", b"");
    for (name, secret, cause) in [
        ("none.rdb", "the-secret", "not found (404): NoSuchKey"),
        ("dump.rdb", "wrong", "access denied (403): SignatureDoesNotMatch"),
    ] {
        let error = s3.open(name, secret).expect_err("refused");
        assert!(matches!(error, OpenError::Io { .. }), "{error}");
        let text = error.to_string();
        assert!(text.starts_with("s3://backups/") && text.lines().count() == 1, "{text}");
        assert!(text.contains(&format!("{}: {cause}", s3.address)), "{text}");
    }
    assert!(matches!(s3.open("empty", "the-secret"), Err(OpenError::Empty(_))));
}

/// A web server that answers each request with `answer`, given the head of the request in lower
/// case.
fn web_server(answer: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let (Ok(mut connection), answer) = (connection, Arc::clone(&answer)) else { continue };
            std::thread::spawn(move || {
                let mut head = String::new();
                let mut reader = BufReader::new(connection.try_clone().expect("cloned"));
                while reader.read_line(&mut head).is_ok_and(|n| n > 2) {}
                answer(&head.to_lowercase(), &mut connection);
            });
        }
    });
    address
}

/// The requested range, as offsets of the first byte and of the byte after the last.
fn range(head: &str) -> Option<(usize, usize)> {
    let range = head.lines().find_map(|line| line.strip_prefix("range: bytes="))?;
    let (first, last) = range.trim().split_once('-').expect("a range");
    Some((first.parse().expect("a number"), last.parse::<usize>().expect("a number") + 1))
}

/// Answers as a server that knows ranges, with `headers` (of a line each) besides.
fn send_range(head: &str, connection: &mut TcpStream, data: &[u8], headers: &str) {
    let (start, end) = range(head).expect("a range");
    let end = end.min(data.len());
    let _ = write!(
        connection,
        "HTTP/1.1 206 Partial Content\r\ncontent-length: {}\r\ncontent-range: bytes {start}-{}/{}\r\n\
         {headers}connection: close\r\n\r\n",
        end - start,
        end - 1,
        data.len()
    );
    let _ = connection.write_all(&data[start..end]);
}

/// Sends `data` as chunks, and says that it is all if it is.
fn send_chunks(connection: &mut TcpStream, status: &str, headers: &str, data: &[u8], is_all: bool) {
    let _ = write!(
        connection,
        "HTTP/1.1 {status}\r\ntransfer-encoding: chunked\r\n{headers}connection: close\r\n\r\n"
    );
    for chunk in data.chunks(100_000) {
        let _ = write!(connection, "{:x}\r\n", chunk.len());
        let _ = connection.write_all(chunk);
        let _ = write!(connection, "\r\n");
    }
    if is_all {
        let _ = write!(connection, "0\r\n\r\n");
    }
}

fn refuse(connection: &mut TcpStream, status: &str) {
    let _ = write!(connection, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
}

fn open_url(url: &str) -> Result<Opened, OpenError> {
    open(Path::new(url), IoMode::Auto, &Arc::default())
}

#[test]
fn a_signed_url_keeps_its_signature_and_no_message_shows_it() {
    let data = large();
    let sent = data.clone();
    let address = web_server(move |head, connection| {
        if head.starts_with("get /backup/dump.rdb?signature=a%2bb&expires=9 ") {
            send_range(head, connection, &sent, "etag: \"1\"\r\n");
        } else {
            refuse(connection, "403 Forbidden");
        }
    });
    let url = format!("http://{address}/backup/dump.rdb");
    assert!(content(open_url(&format!("{url}?signature=a%2Bb&expires=9")).expect("opens")) == data);
    let error = open_url(&format!("{url}?signature=SECRET")).expect_err("refused").to_string();
    assert!(error.contains("403") && !error.contains("SECRET"), "{error}");
}

#[test]
fn a_web_server_without_ranges_is_read_in_one_go() {
    let data = large();
    let sent = data.clone();
    let address = web_server(move |_, connection| {
        let _ = write!(connection, "HTTP/1.0 200 OK\r\ncontent-length: {}\r\n\r\n", sent.len());
        let _ = connection.write_all(&sent);
    });
    assert!(content(open_url(&format!("http://{address}/dump.rdb")).expect("opens")) == data);
}

/// Two chunks and a bit.
fn medium() -> Vec<u8> {
    large()[..17 << 20].to_vec()
}

const SECOND_CHUNK: usize = 8 << 20;

fn read_all(opened: Opened) -> (Vec<u8>, std::io::Result<usize>) {
    let Data::Stream { mut reader, .. } = opened.data else { panic!("mapped") };
    let mut content = Vec::new();
    let outcome = reader.read_to_end(&mut content);
    (content, outcome)
}

/// The error of an object whose beginning can be read.
fn error_while_reading(address: SocketAddr) -> String {
    let opened = open_url(&format!("http://{address}/dump.rdb")).expect("opens");
    read_all(opened).1.expect_err("an error").to_string()
}

#[test]
fn an_object_that_is_replaced_during_the_download_is_an_error() {
    const MONDAY: &str = "last-modified: Mon, 02 Nov 2026 10:00:00 GMT\r\n";
    const TUESDAY: &str = "last-modified: Tue, 03 Nov 2026 10:00:00 GMT\r\n";
    for (first, later, longer, what) in [
        ("etag: \"1\"\r\n", "etag: \"2\"\r\n", 0, "its ETag changed from \"1\" to \"2\""),
        ("etag: W/\"1\"\r\n", "etag: W/\"2\"\r\n", 0, "its ETag changed from W/\"1\" to W/\"2\""),
        ("etag: \"1\"\r\n", "", 0, "its ETag changed from \"1\" to none"),
        (MONDAY, TUESDAY, 0, "its Last-Modified changed from Mon, 02 Nov 2026 10:00:00 GMT to Tue, 03 Nov"),
        ("", "", 1, "its length changed from 17825792 to 17825793 bytes"),
    ] {
        let data = medium();
        let address = web_server(move |head, connection| {
            if range(head).expect("a range").0 < SECOND_CHUNK {
                send_range(head, connection, &data, first);
            } else {
                let mut data = data.clone();
                data.resize(data.len() + longer, 0);
                send_range(head, connection, &data, later);
            }
        });
        let error = error_while_reading(address);
        assert!(error.contains("the object was replaced during the download"), "{error}");
        assert!(error.contains(what) && error.ends_with("at offset 8388608: run again"), "{error}");
    }
}

#[test]
fn a_store_that_refuses_another_version_says_that_the_object_was_replaced() {
    for (status, range_header) in [("412 Precondition Failed", ""), ("416 Range Not Satisfiable", "*/5")] {
        let data = medium();
        let address = web_server(move |head, connection| {
            if range(head).expect("a range").0 < SECOND_CHUNK {
                send_range(head, connection, &data, "etag: \"1\"\r\n");
            } else {
                assert!(head.contains("if-match: \"1\""));
                let _ = write!(connection, "HTTP/1.1 {status}\r\ncontent-range: bytes {range_header}\r\n");
                let _ = write!(connection, "content-length: 0\r\nconnection: close\r\n\r\n");
            }
        });
        let error = error_while_reading(address);
        assert!(error.contains("the object was replaced during the download"), "{error}");
    }
}

#[test]
fn an_object_that_is_replaced_before_the_whole_download_is_an_error() {
    let requests = AtomicUsize::new(0);
    let address = web_server(move |_, connection| {
        // One request for a range, one for the beginning, one for the content.
        let tag = if requests.fetch_add(1, Ordering::SeqCst) < 2 { 1 } else { 2 };
        send_chunks(connection, "200 OK", &format!("etag: W/\"{tag}\"\r\n"), b"REDIS0011", true);
    });
    let error = error_while_reading(address);
    assert!(error.contains("the object was replaced during the download"), "{error}");
}

#[test]
fn a_part_that_is_not_what_was_requested_is_the_error_of_the_store() {
    type Answer = fn(&mut TcpStream, &[u8], usize, usize);
    fn send(connection: &mut TcpStream, headers: &str, body: &[u8]) {
        let _ = write!(connection, "HTTP/1.1 206 Partial Content\r\n{headers}connection: close\r\n\r\n");
        let _ = connection.write_all(body);
    }
    let short: Answer = |connection, data, start, end| {
        let range = format!("content-range: bytes {start}-{}/{}\r\n", end - 1, data.len());
        send(connection, &format!("{range}content-length: 1000\r\n"), &data[start..start + 1000]);
    };
    let short_chunks: Answer = |connection, data, start, end| {
        let range = format!("content-range: bytes {start}-{}/{}\r\n", end - 1, data.len());
        send_chunks(connection, "206 Partial Content", &range, &data[start..start + 1000], true);
    };
    // As long as the client reads.
    let endless: Answer = |connection, data, start, end| {
        let range = format!("content-range: bytes {start}-{}/{}\r\n", end - 1, data.len());
        let body = vec![0; 100 << 20];
        send_chunks(connection, "206 Partial Content", &range, &body, true);
    };
    let shifted: Answer = |connection, data, start, end| {
        let n = end - start;
        let headers = format!("content-range: bytes 0-{}/{}\r\ncontent-length: {n}\r\n", n - 1, data.len());
        send(connection, &headers, &data[..n]);
    };
    let shortened: Answer = |connection, data, start, _| {
        let headers =
            format!("content-range: bytes {start}-{}/{}\r\ncontent-length: 10\r\n", start + 9, data.len());
        send(connection, &headers, &data[start..start + 10]);
    };
    let whole: Answer = |connection, data, _, _| {
        let _ = write!(connection, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", data.len());
        let _ = connection.write_all(data);
    };
    let requested = "bytes 8388608-16777215 requested";
    for (answer, expected) in [
        (short, format!("{requested}, 1000 bytes received")),
        (short_chunks, format!("{requested}, 1000 bytes received")),
        (endless, format!("{requested}, more bytes received")),
        (shifted, format!("{requested}, bytes 0-8388607 received")),
        (shortened, format!("{requested}, bytes 8388608-8388617 received")),
        (whole, "bytes from offset 8388608 requested, all of the object received".to_owned()),
    ] {
        let data = medium();
        let address = web_server(move |head, connection| match range(head).expect("a range") {
            (SECOND_CHUNK, end) => answer(connection, &data, SECOND_CHUNK, end),
            _ => send_range(head, connection, &data, ""),
        });
        let error = error_while_reading(address);
        assert!(error.contains("the store's answer is wrong") && error.contains(&expected), "{error}");
    }
}

#[test]
fn an_answer_in_chunks_without_a_length_is_read_to_its_end() {
    let data = medium();
    // Blocks that are longer than what is looked at first.
    let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
    encoder.write_all(&data).expect("compresses");
    for (sent, layers) in
        [(data.clone(), vec![]), (encoder.finish().expect("compresses"), vec![Compression::Lz4])]
    {
        for headers in ["", "etag: \"1\"\r\n"] {
            let sent = sent.clone();
            let address = web_server(move |_, connection| {
                send_chunks(connection, "200 OK", headers, &sent, true);
            });
            let opened = open_url(&format!("http://{address}/dump.rdb")).expect("opens");
            let Data::Stream { length, .. } = &opened.data else { panic!("mapped") };
            assert_eq!((*length, opened.modified_ms), (None, None));
            assert_eq!(opened.compression, layers);
            assert!(content(opened) == data);
        }
    }
}

#[test]
fn an_answer_in_chunks_that_breaks_off_is_an_error() {
    for headers in ["", "etag: \"1\"\r\n"] {
        let data = medium();
        let sent = data.clone();
        let address =
            web_server(move |_, connection| send_chunks(connection, "200 OK", headers, &sent, false));
        let opened = open_url(&format!("http://{address}/dump.rdb")).expect("opens");
        let (read, outcome) = read_all(opened);
        assert!(read == data);
        let error = outcome.expect_err("an error").to_string();
        assert!(error.contains("connection closed before the end of the answer"), "{error}");
        assert!(error.contains("17825792"), "{error}");
    }
}

#[test]
fn the_time_of_an_object_is_that_of_the_store_or_unknown() {
    for (headers, time) in
        [("", None), ("last-modified: Mon, 02 Nov 2026 10:00:00 GMT\r\n", Some(1_793_613_600_000))]
    {
        let address = web_server(move |head, connection| send_range(head, connection, b"REDIS0011", headers));
        let opened = open_url(&format!("http://{address}/dump.rdb")).expect("opens");
        assert_eq!(opened.modified_ms, time);
        assert_eq!(content(opened), b"REDIS0011");
    }
}

fn open_with_settings(url: &str, settings: &[(&str, &str)]) -> Result<Opened, OpenError> {
    let mut options = OpenOptions::default();
    options.store.extend(settings.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())));
    open_with(Path::new(url), &options, &Arc::default())
}

#[test]
fn a_slow_reader_does_not_run_into_a_timeout() {
    let data = large();
    for has_ranges in [true, false] {
        let sent = data.clone();
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        let address = web_server(move |head, connection| {
            counted.fetch_add(1, Ordering::SeqCst);
            if has_ranges {
                // So that requests are under way while the reader pauses.
                std::thread::sleep(Duration::from_millis(300));
                send_range(head, connection, &sent, "");
            } else {
                send_chunks(connection, "200 OK", "", &sent, true);
            }
        });
        let settings = [("read_timeout", "2 seconds"), ("timeout", "2 seconds")];
        let opened = open_with_settings(&format!("http://{address}/dump.rdb"), &settings).expect("opens");
        let Data::Stream { mut reader, .. } = opened.data else { panic!("mapped") };
        let mut read = vec![0];
        reader.read_exact(&mut read).expect("reads");
        std::thread::sleep(Duration::from_millis(2500));
        reader.read_to_end(&mut read).expect("reads");
        assert!(read == data);
        // None was sent again: the beginning and seven chunks, or the beginning twice and all.
        assert_eq!(requests.load(Ordering::SeqCst), if has_ranges { 8 } else { 3 });
    }
}

/// The error of `url`, which must come within a second.
fn error_at_once(url: &str, settings: &[(&str, &str)]) -> String {
    let started = Instant::now();
    let error = open_with_settings(url, settings).expect_err("an error").to_string();
    let took = started.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}: {error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    error
}

#[test]
fn a_refused_connection_fails_at_once() {
    let address = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let url = format!("http://{address}/dump.rdb");
    assert_eq!(error_at_once(&url, &[]), format!("{url}: connection refused"));
    let endpoint = format!("http://{address}");
    let settings =
        [("aws_endpoint", &*endpoint), ("aws_access_key_id", "key"), ("aws_secret_access_key", "secret")];
    let error = error_at_once("s3://backups/dump.rdb", &settings);
    assert_eq!(error, format!("s3://backups/dump.rdb: {address}: connection refused"));
}

#[test]
fn an_unknown_host_fails_at_once() {
    // No name server is asked for a label that is too long.
    let url = format!("http://{}.invalid/dump.rdb", "a".repeat(64));
    assert_eq!(error_at_once(&url, &[]), format!("{url}: host not found"));
}

/// A web server that encrypts, with a certificate that nobody trusts.
fn tls_server() -> SocketAddr {
    const PEM: &[u8] = include_bytes!("data/localhost.pem");
    let certificate = CertificateDer::from_pem_slice(PEM).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(PEM).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a certificate and its key");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(mut connection) = connection else { continue };
            let mut session = rustls::ServerConnection::new(Arc::clone(&config)).expect("a session");
            // Until the client hangs up.
            while session.complete_io(&mut connection).is_ok_and(|(read, _)| read > 0) {}
        }
    });
    address
}

#[test]
fn an_untrusted_certificate_fails_at_once() {
    let url = format!("https://{}/dump.rdb", tls_server());
    let error = error_at_once(&url, &[]);
    assert!(error.starts_with(&format!("{url}: certificate is not trusted: unknown issuer")), "{error}");
    assert!(error.contains("SSL_CERT_FILE"), "{error}");
}

#[test]
fn a_web_server_without_encryption_is_no_https_server() {
    let address = web_server(|_, connection| refuse(connection, "400 Bad Request"));
    let url = format!("https://{address}/dump.rdb");
    let error = error_at_once(&url, &[]);
    assert!(error.starts_with(&format!("{url}: TLS handshake failed: ")), "{error}");
}

#[test]
fn a_status_is_shown_without_the_page_that_comes_with_it_and_is_final() {
    const HTML: &str = "<html><head><title>An error</title></head>\r\n<body>A page</body></html>";
    const XML: &str = "<Error><Code>Odd\u{1b}[31m</Code><Message>Two\r\nlines.</Message></Error>";
    for (status, body, expected) in [
        ("404 Not Found", HTML, "not found (404)"),
        ("403 Forbidden", HTML, "access denied (403): check the credentials"),
        ("401 Unauthorized", HTML, "access denied (401): check the credentials"),
        ("410 Gone", HTML, "the server refused the request (410)"),
        ("404 Not Found", XML, "not found (404): Odd?[31m: Two lines"),
    ] {
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        let address = web_server(move |_, connection| {
            counted.fetch_add(1, Ordering::SeqCst);
            let _ = write!(connection, "HTTP/1.1 {status}\r\ncontent-length: {}\r\n", body.len());
            let _ = write!(connection, "connection: close\r\n\r\n{body}");
        });
        let url = format!("http://{address}/dump.rdb");
        assert_eq!(error_at_once(&url, &[]), format!("{url}: {expected}"));
        assert_eq!(requests.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn an_error_that_may_pass_is_tried_again_a_few_times() {
    // A server that fails `failures` times, by a status or by hanging up.
    let server = |status: Option<&'static str>, failures: usize| {
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        let address = web_server(move |head, connection| {
            if counted.fetch_add(1, Ordering::SeqCst) >= failures {
                send_range(head, connection, b"REDIS0011", "");
            } else if let Some(status) = status {
                refuse(connection, status);
            }
        });
        (format!("http://{address}/dump.rdb"), requests)
    };
    for status in [Some("503 Service Unavailable"), Some("429 Too Many Requests"), None] {
        let (url, _) = server(status, 2);
        assert_eq!(content(open_url(&url).expect("opens")), b"REDIS0011");
    }
    for (status, expected) in [
        (Some("503 Service Unavailable"), "the server failed (503): try again later"),
        (None, "connection closed before the end of the answer"),
    ] {
        let (url, requests) = server(status, usize::MAX);
        let started = Instant::now();
        let error = open_url(&url).expect_err("an error").to_string();
        assert!(started.elapsed() < Duration::from_secs(30));
        assert_eq!(error, format!("{url}: {expected}"));
        assert_eq!(requests.load(Ordering::SeqCst), 4);
    }
}

#[test]
fn a_chunk_that_breaks_off_is_requested_again_a_few_times() {
    for (headers, failures) in [("etag: \"1\"\r\n", 2), ("", 2), ("etag: \"1\"\r\n", 99), ("", 99)] {
        let data = medium();
        let sent = data.clone();
        let broken = AtomicUsize::new(0);
        let address = web_server(move |head, connection| {
            let (start, end) = range(head).expect("a range");
            let end = end.min(sent.len());
            if start < SECOND_CHUNK || end == sent.len() || broken.fetch_add(1, Ordering::SeqCst) >= failures
            {
                return send_range(head, connection, &sent, headers);
            }
            let _ = write!(
                connection,
                "HTTP/1.1 206 Partial Content\r\ncontent-length: {}\r\n\
                 content-range: bytes {start}-{}/{}\r\n{headers}\r\n",
                end - start,
                end - 1,
                sent.len()
            );
            let _ = connection.write_all(&sent[start..start + 1000]);
        });
        let opened = open_url(&format!("http://{address}/dump.rdb")).expect("opens");
        let (read, outcome) = read_all(opened);
        if failures == 2 {
            outcome.expect("reads");
            assert!(read == data);
        } else {
            assert!(read == data[..SECOND_CHUNK]);
            let error = outcome.expect_err("an error").to_string();
            let expected =
                "connection closed before the end of the answer (bytes from offset 8388608): run again";
            assert_eq!(error, expected);
        }
    }
}

#[test]
fn a_server_that_does_not_answer_is_an_error_after_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/dump.rdb", listener.local_addr().expect("bound"));
    let started = Instant::now();
    let error = open_with_settings(&url, &[("read_timeout", "1 second")]).expect_err("an error");
    assert!(started.elapsed() < Duration::from_secs(30));
    assert_eq!(error.to_string(), format!("{url}: timed out after 1 s"));
}

#[test]
fn a_silent_server_does_not_hold_up_a_stop() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/dump.rdb", listener.local_addr().expect("bound"));
    let stop = Arc::new(AtomicBool::new(true));
    let error = open(Path::new(&url), IoMode::Auto, &stop).expect_err("stopped");
    assert!(error.to_string().contains("stopped"), "{error}");
}

#[test]
fn a_pattern_stands_for_the_objects_that_it_matches() {
    let s3 = S3::start();
    fs::create_dir_all(s3.dir.path().join("backups/tuesday/old")).expect("made");
    fs::create_dir_all(s3.dir.path().join("backups/odd")).expect("made");
    for name in ["b.rdb", "a.rdb", "a.txt", "tuesday/a 1.rdb", "tuesday/b.rdb.gz", "tuesday/old/c.rdb"] {
        s3.put(name, b"REDIS0011");
    }
    let found = |pattern: &str| s3.expand(pattern, "the-secret").expect("listed");
    let with_length = |name: &str| (format!("s3://backups/{name}"), Some(9));
    assert_eq!(found("*.rdb"), ["a.rdb", "b.rdb"].map(with_length));
    assert_eq!(found("tuesday/*"), ["tuesday/a%201.rdb", "tuesday/b.rdb.gz"].map(with_length));
    assert_eq!(found("*/*.rdb"), ["tuesday/a%201.rdb"].map(with_length));
    assert_eq!(found("tuesday/**/[ac]*.rdb").len(), 2);
    // A percent sign, a directory as consoles make it, and a name that is a pattern of another one.
    for name in ["odd/a%20b.rdb", "odd/a[1].rdb", "odd/a1.rdb"] {
        s3.put(name, b"REDIS0011");
    }
    s3.put("odd/marker", b"");
    assert_eq!(found("odd/*"), ["odd/a%2520b.rdb", "odd/a1.rdb", "odd/a[1].rdb"].map(with_length));
    assert_eq!(found("odd/a[1].rdb"), ["odd/a[1].rdb"].map(with_length));
    assert_eq!(content(s3.open("odd/a%2520b.rdb", "the-secret").expect("opened")), b"REDIS0011");
    // What matches nothing, and what is no pattern, stands for itself.
    for name in ["x*.rdb", "a.rdb", "none.rdb"] {
        assert_eq!(found(name), [(format!("s3://backups/{name}"), None)]);
    }
    assert_eq!(content(s3.open("tuesday/a%201.rdb", "the-secret").expect("opened")), b"REDIS0011");
    let refused = s3.expand("*.rdb", "another-secret").expect_err("the secret is wrong");
    assert!(refused.to_string().starts_with("s3://backups/*.rdb: "), "{refused}");
    assert_eq!(refused.to_string().lines().count(), 1);
}
