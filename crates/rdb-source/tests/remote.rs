//! Reading from object stores: a server that speaks S3, and web servers with and without ranges, all on
//! loopback.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use rdb_source::{Compression, Data, IoMode, OpenError, OpenOptions, Opened, open, open_with};
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

    fn open(&self, name: &str, secret: &str) -> Result<Opened, OpenError> {
        let mut options = OpenOptions::default();
        for (name, value) in [
            ("aws_endpoint", format!("http://{}", self.address)),
            ("aws_region", "us-east-1".to_owned()),
            ("aws_access_key_id", "the-key".to_owned()),
            ("aws_secret_access_key", secret.to_owned()),
        ] {
            options.store.push((name.to_owned(), value));
        }
        open_with(Path::new(&format!("s3://backups/{name}")), &options, &Arc::default())
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
    for (name, secret) in [("none.rdb", "the-secret"), ("dump.rdb", "wrong")] {
        let error = s3.open(name, secret).expect_err("refused");
        assert!(matches!(error, OpenError::Io { .. }), "{error}");
        let text = error.to_string();
        assert!(text.starts_with("s3://backups/") && text.lines().count() == 1, "{text}");
    }
    assert!(matches!(s3.open("empty", "the-secret"), Err(OpenError::Empty(_))));
}

/// A web server that answers each request with `answer`, given the head of the request in lower case.
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

/// Answers as a server that knows ranges.
fn send_range(head: &str, connection: &mut TcpStream, data: &[u8], tag: &str) {
    let range = head.lines().find_map(|line| line.strip_prefix("range: bytes=")).unwrap_or("0-");
    let (start, end) = range.split_once('-').expect("a range");
    let start: usize = start.parse().expect("a number");
    let end = end.trim().parse().map_or(data.len(), |last: usize| last + 1).min(data.len());
    let _ = write!(
        connection,
        "HTTP/1.1 206 Partial Content\r\ncontent-length: {}\r\ncontent-range: bytes {start}-{}/{}\r\n\
         etag: {tag}\r\nconnection: close\r\n\r\n",
        end - start,
        end - 1,
        data.len()
    );
    let _ = connection.write_all(&data[start..end]);
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
            send_range(head, connection, &sent, "\"1\"");
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

#[test]
fn an_object_that_is_replaced_while_it_is_read_is_an_error() {
    let data = large();
    let requests = AtomicUsize::new(0);
    let address = web_server(move |head, connection| {
        if requests.fetch_add(1, Ordering::SeqCst) < 3 {
            send_range(head, connection, &data, "\"1\"");
        } else if head.contains("if-match: \"1\"") {
            refuse(connection, "412 Precondition Failed");
        } else {
            send_range(head, connection, &data, "\"2\"");
        }
    });
    let opened = open_url(&format!("http://{address}/dump.rdb"));
    let Data::Stream { mut reader, .. } = opened.expect("opens").data else { panic!("mapped") };
    let mut read = Vec::new();
    assert!(reader.read_to_end(&mut read).is_err());
}

#[test]
fn a_silent_server_does_not_hold_up_a_stop() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/dump.rdb", listener.local_addr().expect("bound"));
    let stop = Arc::new(AtomicBool::new(true));
    let error = open(Path::new(&url), IoMode::Auto, &stop).expect_err("stopped");
    assert!(error.to_string().contains("stopped"), "{error}");
}
