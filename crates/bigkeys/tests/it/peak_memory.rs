//! Anonymous memory of the whole program on a file with one huge value, plain and compressed to
//! next to nothing.

use std::fs::File;
use std::io::{BufWriter, Read as _, Seek as _, SeekFrom, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::common::{json, text};

const LONG: usize = 300 << 20;
const LIMIT_KIB: u64 = 32 << 10;

/// A file with a string of 300 MB, and one with a list that has such an item.
fn write_huge(path: &Path, head: &[u8]) {
    let mut file = BufWriter::new(File::create(path).expect("created"));
    file.write_all(head).expect("written");
    file.write_all(&[0x80]).expect("written");
    file.write_all(&u32::try_from(LONG).expect("fits").to_be_bytes()).expect("written");
    let block = vec![b'v'; 1 << 20];
    for _ in 0..LONG >> 20 {
        file.write_all(&block).expect("written");
    }
    file.write_all(b"\xff").expect("written");
}

/// Runs a scan to its end, looking at its anonymous memory all the while; the most that was seen,
/// in KiB.
fn peak_anonymous_kib(args: &[&str], stdin: Stdio) -> u64 {
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("bigkeys"))
        .args(args)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let mut seen = 0;
    while child.try_wait().expect("waits").is_none() {
        let anonymous = std::fs::read_to_string(&status).ok().and_then(|status| {
            let line = status.lines().find(|line| line.starts_with("RssAnon:"))?.to_owned();
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        });
        if let Some(kib) = anonymous {
            peak = peak.max(kib);
            seen += 1;
        }
        std::thread::sleep(Duration::from_micros(500));
    }
    let output = child.wait_with_output().expect("ends");
    assert!(output.status.success());
    assert_eq!(json(&String::from_utf8(output.stdout).expect("UTF-8"))["totals"]["keys"], 1);
    assert!(seen >= 3, "the program was looked at {seen} times");
    peak
}

#[test]
fn one_value_of_300_megabytes_takes_less_than_32_mapped_read_and_piped() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("huge.rdb");
    for head in [&b"REDIS0003\x00\x01k"[..], b"REDIS0003\x01\x01k\x01"] {
        write_huge(&path, head);
        for io in ["mmap", "read"] {
            let peak =
                peak_anonymous_kib(&["scan", "--format", "json", "--io", io, text(&path)], Stdio::null());
            assert!(peak < LIMIT_KIB, "{io}: {peak} KiB");
        }
        let stdin = File::open(&path).expect("there").into();
        let peak = peak_anonymous_kib(&["scan", "--format", "json", "-"], stdin);
        assert!(peak < LIMIT_KIB, "piped: {peak} KiB");
    }
}

/// Compresses the file at `from` with what `encode` puts around the writer.
fn compress<W: Write>(from: &Path, mut encoder: W) -> W {
    std::io::copy(&mut File::open(from).expect("there"), &mut encoder).expect("compressed");
    encoder
}

/// Writes a file of Dragonfly whose one blob holds the records of the file at `from`.
fn write_dragonfly_blob(to: &Path, from: &Path) {
    const HEADER_BYTES: u64 = 9;
    let records = std::fs::metadata(from).expect("there").len() - HEADER_BYTES - 1;
    let info = lz4_flex::frame::FrameInfo::new().content_size(Some(records));
    let mut frame = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    let mut file = File::open(from).expect("there");
    file.seek(SeekFrom::Start(HEADER_BYTES)).expect("that long");
    std::io::copy(&mut file.take(records), &mut frame).expect("compressed");
    let frame = frame.finish().expect("compressed");
    let length = u32::try_from(frame.len()).expect("fits").to_be_bytes();
    let head = b"REDIS0009\xfa\x06df-ver\x061.30.0\xca\x80";
    std::fs::write(to, [&head[..], &length, &frame, b"\xff\0\0\0\0\0\0\0\0"].concat()).expect("written");
}

#[test]
fn a_value_compressed_a_thousandfold_takes_less_than_32_megabytes() {
    let dir = tempfile::tempdir().expect("a directory");
    let plain = dir.path().join("huge.rdb");
    write_huge(&plain, b"REDIS0003\x00\x01k");
    let create = |name: &str| (dir.path().join(name), File::create(dir.path().join(name)).expect("created"));
    let (gzip, file) = create("gzip");
    compress(&plain, flate2::write::GzEncoder::new(file, flate2::Compression::best()))
        .finish()
        .expect("written");
    let (zstd, file) = create("zstd");
    compress(&plain, zstd::Encoder::new(file, 1).expect("an encoder")).finish().expect("written");
    let (lz4, file) = create("lz4");
    compress(&plain, lz4_flex::frame::FrameEncoder::new(file)).finish().expect("written");
    let blob = dir.path().join("blob");
    write_dragonfly_blob(&blob, &plain);
    for path in [gzip, zstd, lz4, blob] {
        let bytes = std::fs::metadata(&path).expect("there").len();
        assert!(bytes < (LONG >> 7) as u64, "{path:?}: {bytes} bytes");
        let peak = peak_anonymous_kib(&["scan", "--format", "json", text(&path)], Stdio::null());
        assert!(peak < LIMIT_KIB, "{path:?}: {peak} KiB");
    }
}
