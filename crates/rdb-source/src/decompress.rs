//! Compressed data: gzip, zstd and LZ4 frames, and Valkey's envelope around a frame, detected by
//! magic bytes.

use std::fmt;
use std::io::{self, BufRead as _, Read};

use flate2::bufread::GzDecoder;
use lz4_flex::frame::FrameDecoder;
use zstd::stream::read::Decoder as ZstdDecoder;

use crate::envelope::{self, Codec};
use crate::head::Head;

/// First bytes of the formats. Sources: RFC 1952 section 2.3.1, RFC 8878 section 3.1.1, and
/// `lz4_Frame_format.md` of lz4, which also has the frames of its legacy format and those to be
/// skipped.
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const LZ4_MAGIC: &[u8] = &[0x04, 0x22, 0x4d, 0x18];
const LZ4_LEGACY_MAGIC: &[u8] = &[0x02, 0x21, 0x4c, 0x18];

/// Largest window of a zstd frame, as a power of two: 128 MiB, the most that `zstd` itself
/// decompresses unasked. So much memory is taken only as far as a frame's content fills it.
const ZSTD_WINDOW_LOG: u32 = 27;

/// Bytes of the longest magic, and of the header of a frame to be skipped.
const MAGIC_BYTES: usize = 4;
const SKIPPABLE_HEADER_BYTES: usize = 8;

/// A format of compressed data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// gzip, of any number of members.
    Gzip,
    /// Zstandard, of any number of frames.
    Zstd,
    /// LZ4 frames, current or legacy.
    Lz4,
    /// Valkey's envelope around one LZ4 frame.
    ValkeyLz4,
    /// Valkey's envelope around one Zstandard frame.
    ValkeyZstd,
}

impl Compression {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
            Self::ValkeyLz4 => "lz4 of Valkey",
            Self::ValkeyZstd => "zstd of Valkey",
        }
    }

    /// The format of data that begins with `bytes`.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(GZIP_MAGIC) {
            Some(Self::Gzip)
        } else if bytes.starts_with(ZSTD_MAGIC) {
            Some(Self::Zstd)
        } else if bytes.starts_with(LZ4_MAGIC) || bytes.starts_with(LZ4_LEGACY_MAGIC) {
            Some(Self::Lz4)
        } else if let Some(codec) = envelope::codec(bytes) {
            codec.ok().map(|codec| match codec {
                Codec::Lz4 => Self::ValkeyLz4,
                Codec::Zstd => Self::ValkeyZstd,
            })
        } else {
            // Parallel compressors begin with a frame that readers skip. It is the same in both
            // formats; zstd's are the ones that write it.
            let skipped = skippable_bytes(bytes)?;
            usize::try_from(skipped).ok().and_then(|n| Self::of(bytes.get(n..)?)).or(Some(Self::Zstd))
        }
    }

    /// What an envelope has inside.
    fn enveloped(self) -> Option<Self> {
        match self {
            Self::ValkeyLz4 => Some(Self::Lz4),
            Self::ValkeyZstd => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// Whole length of the skippable frame that `bytes` begin with.
fn skippable_bytes(bytes: &[u8]) -> Option<u64> {
    let (header, _) = bytes.split_first_chunk::<SKIPPABLE_HEADER_BYTES>()?;
    let [kind, a, b, c, length @ ..] = *header;
    ([kind & 0xf0, a, b, c] == [0x50, 0x2a, 0x4d, 0x18])
        .then(|| SKIPPABLE_HEADER_BYTES as u64 + u64::from(u32::from_le_bytes(length)))
}

type Source = Head<Box<dyn Read + Send>>;

/// Decompresses member after member, frame after frame. Data that is truncated, damaged, or
/// followed by anything but zeros ends in an error and never in a clean end. What follows the frame
/// of an envelope belongs to the content, as servers have it.
pub(crate) struct Decompress {
    format: Compression,
    state: State,
    /// The decoder of the last LZ4 frame, for the next of the same kind.
    lz4: Option<Lz4>,
}

/// A decoder of LZ4 frames of one kind.
///
/// It allocates two blocks of up to 4 MiB, as a frame announces. A file may have a million frames
/// of a few bytes, so frames that announce the same share a decoder.
struct Lz4 {
    decoder: Box<FrameDecoder<Slot>>,
    kind: [u8; LZ4_KIND_BYTES],
}

/// The magic of an LZ4 frame, its flags and the size of its blocks.
const LZ4_KIND_BYTES: usize = 6;

/// Where the source of a decoder is while the decoder is used.
struct Slot(Option<Source>);

impl Read for Slot {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.as_mut().map_or(Ok(0), |source| source.read(out))
    }
}

enum State {
    /// In front of an envelope.
    Envelope(Source),
    /// After the frame of an envelope.
    After(Source),
    Between(Source),
    Gzip(Box<GzDecoder<Source>>),
    Zstd(Box<ZstdDecoder<'static, Source>>),
    Lz4(Lz4),
    Done,
}

impl Decompress {
    pub(crate) fn new(format: Compression, source: impl Read + Send + 'static) -> Self {
        let source: Source = Head::new(Box::new(source));
        let state = if format.enveloped().is_some() { State::Envelope } else { State::Between };
        Self { format, state: state(source), lz4: None }
    }

    /// Starts on the frame in an envelope.
    fn unwrap(&mut self, mut source: Source) -> io::Result<State> {
        source.peek(envelope::BYTES);
        source.consume(envelope::BYTES);
        match self.begin_frame(source)? {
            Ok(state) if state.format() == self.format.enveloped() => Ok(state),
            _ => Err(envelope::not_a_frame()),
        }
    }

    /// Starts on the next member or frame, if there is one.
    fn begin(&mut self, mut source: Source) -> io::Result<State> {
        while let Some(n) = skippable_bytes(source.peek(SKIPPABLE_HEADER_BYTES)) {
            if io::copy(&mut Read::by_ref(&mut source).take(n), &mut io::sink())? < n {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let magic = source.peek(MAGIC_BYTES);
        if magic.is_empty() {
            return source.take_failure_at_start().map_or(Ok(State::Done), Err);
        }
        match self.begin_frame(source)? {
            Ok(state) if state.format() == Some(self.format) => Ok(state),
            Ok(_) => Err(other_data()),
            Err(source) => skip_padding(source).map(|()| State::Done),
        }
    }

    /// Starts on the member or frame that `source` begins with; gives `source` back if there is
    /// none.
    fn begin_frame(&mut self, mut source: Source) -> io::Result<Result<State, Source>> {
        Ok(Ok(match Compression::of(source.peek(MAGIC_BYTES)) {
            Some(Compression::Gzip) => State::Gzip(Box::new(GzDecoder::new(source))),
            Some(Compression::Zstd) => {
                let mut decoder = ZstdDecoder::with_buffer(source)?.single_frame();
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                State::Zstd(Box::new(decoder))
            }
            Some(Compression::Lz4) => State::Lz4(Lz4::begin(self.lz4.take(), source)),
            _ => return Ok(Err(source)),
        }))
    }
}

impl Lz4 {
    /// Starts on the frame that `source` begins with, in the decoder of an `earlier` frame if it
    /// can be used again.
    fn begin(earlier: Option<Self>, mut source: Source) -> Self {
        let kind = source.peek(LZ4_KIND_BYTES).first_chunk().copied().unwrap_or_default();
        source.ran_out = false;
        match earlier {
            Some(mut earlier) if earlier.kind == kind => {
                earlier.decoder.get_mut().0 = Some(source);
                earlier
            }
            _ => Self { decoder: Box::new(FrameDecoder::new(Slot(Some(source)))), kind },
        }
    }

    /// Whether its frames have a mark at their end.
    fn has_end_mark(&self) -> bool {
        !self.kind.starts_with(LZ4_LEGACY_MAGIC)
    }

    /// The source, after a frame that was read to its end.
    fn end(&mut self) -> io::Result<Source> {
        let source = self.decoder.get_mut().0.take().ok_or(io::ErrorKind::UnexpectedEof)?;
        // The decoder takes the end of the data for the end of the frame.
        if self.has_end_mark() && source.ran_out {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(source)
    }
}

impl State {
    /// What is being decompressed.
    fn format(&self) -> Option<Compression> {
        match self {
            Self::Gzip(_) => Some(Compression::Gzip),
            Self::Zstd(_) => Some(Compression::Zstd),
            Self::Lz4(_) => Some(Compression::Lz4),
            Self::Envelope(_) | Self::After(_) | Self::Between(_) | Self::Done => None,
        }
    }
}

fn other_data() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "other data follows where the compressed data ends")
}

/// Accepts the zeros that tapes and block devices leave after compressed data, and nothing else.
fn skip_padding(mut source: Source) -> io::Result<()> {
    loop {
        let held = source.fill_buf()?;
        if held.is_empty() {
            return Ok(());
        }
        if held.iter().any(|&byte| byte != 0) {
            return Err(other_data());
        }
        let n = held.len();
        source.consume(n);
    }
}

impl Read for Decompress {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            let outcome = match &mut self.state {
                State::Envelope(_) | State::Between(_) => Ok(0),
                State::After(source) => return source.read(out),
                State::Gzip(decoder) => decoder.read(out),
                State::Zstd(decoder) => decoder.read(out),
                State::Lz4(lz4) => lz4.decoder.read(out),
                State::Done => return Ok(0),
            };
            match outcome {
                Ok(0) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
                Err(error) => {
                    self.state = State::Done;
                    return Err(self.explain(&error));
                }
                Ok(n) => return Ok(n),
            }
            // One member has ended; what comes next?
            let after = if self.format.enveloped().is_some() { State::After } else { State::Between };
            let next = match std::mem::replace(&mut self.state, State::Done) {
                State::Envelope(source) => self.unwrap(source),
                State::Between(source) => self.begin(source),
                State::Gzip(decoder) => Ok(after(decoder.into_inner())),
                State::Zstd(decoder) => Ok(after(decoder.finish())),
                State::Lz4(mut lz4) => {
                    let source = lz4.end();
                    // Nothing marks the end of a legacy frame, so its decoder may have begun on
                    // what follows.
                    self.lz4 = lz4.has_end_mark().then_some(lz4);
                    source.map(after)
                }
                State::After(_) | State::Done => Ok(State::Done),
            };
            self.state = next.map_err(|error| self.explain(&error))?;
        }
    }
}

impl Decompress {
    #[cold]
    fn explain(&self, error: &io::Error) -> io::Error {
        let name = self.format.name();
        let message = match error.kind() {
            io::ErrorKind::UnexpectedEof => format!("the {name} data is truncated"),
            // The library has no code for it that its errors carry.
            _ if error.to_string().contains("too much memory") => format!(
                "the {name} data was compressed with a window of more than 128 MiB; decompress it with `zstd -dc --long=31` and give that to `bigkeys` on standard input"
            ),
            _ => format!("the {name} data is damaged or unreadable: {error}"),
        };
        // Not the kind of `error`: a decoder around this one might take an early end for its own.
        io::Error::new(io::ErrorKind::InvalidData, message)
    }
}

impl fmt::Debug for Decompress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompress").field("format", &self.format).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write as _;

    /// Those that may stand alone or follow each other.
    const MEMBERS: [Compression; 3] = [Compression::Gzip, Compression::Zstd, Compression::Lz4];

    pub(crate) const ALL: [Compression; 5] = [
        Compression::Gzip,
        Compression::Zstd,
        Compression::Lz4,
        Compression::ValkeyLz4,
        Compression::ValkeyZstd,
    ];

    pub(crate) fn compress(format: Compression, data: &[u8]) -> Vec<u8> {
        match format {
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(data).expect("compresses");
                encoder.finish().expect("compresses")
            }
            Compression::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).expect("a context");
                encoder.include_checksum(true).expect("possible");
                encoder.write_all(data).expect("compresses");
                encoder.finish().expect("compresses")
            }
            Compression::Lz4 => {
                let info = lz4_flex::frame::FrameInfo::new().content_checksum(true);
                let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
                encoder.write_all(data).expect("compresses");
                encoder.finish().expect("compresses")
            }
            Compression::ValkeyLz4 => [b"VCS\x01\x01\0\x01", &compress(Compression::Lz4, data)[..]].concat(),
            Compression::ValkeyZstd => {
                [b"VCS\x01\x02\0\x01", &compress(Compression::Zstd, data)[..]].concat()
            }
        }
    }

    fn decompress(format: Compression, data: &[u8]) -> (Vec<u8>, io::Result<()>) {
        let mut out = Vec::new();
        let outcome = Decompress::new(format, io::Cursor::new(data.to_vec())).read_to_end(&mut out);
        (out, outcome.map(|_| ()))
    }

    /// Some kilobytes that compress, and some that do not.
    fn sample(bytes: usize) -> Vec<u8> {
        let mut state = 1u32;
        (0..bytes)
            .map(|i| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                if i % 1000 < 500 { 7 } else { (state >> 24) as u8 }
            })
            .collect()
    }

    #[test]
    fn formats_are_told_by_their_first_bytes() {
        for format in ALL {
            assert_eq!(Compression::of(&compress(format, b"REDIS0011")), Some(format));
        }
        assert_eq!(Compression::of(b"REDIS0011"), None);
        assert_eq!(Compression::of(b""), None);
        let mut parallel = b"\x50\x2a\x4d\x18\x04\0\0\0abcd".to_vec();
        assert_eq!(Compression::of(&parallel), Some(Compression::Zstd));
        parallel.extend(compress(Compression::Lz4, b"x"));
        assert_eq!(Compression::of(&parallel), Some(Compression::Lz4));
        assert_eq!(decompress(Compression::Lz4, &parallel).0, b"x");
    }

    #[test]
    fn members_follow_each_other_and_zeros_may_follow_the_last() {
        let data = sample(300_000);
        for format in MEMBERS {
            let (first, second) = data.split_at(123_456);
            let mut packed = compress(format, first);
            packed.extend(compress(format, b""));
            packed.extend(compress(format, second));
            packed.extend([0; 1000]);
            let (out, outcome) = decompress(format, &packed);
            outcome.unwrap_or_else(|error| panic!("{format:?}: {error}"));
            assert!(out == data, "{format:?}");
        }
    }

    #[test]
    fn a_cut_is_never_a_clean_end() {
        // Several blocks, so that cuts fall between them, too.
        let data = sample(700_000);
        for format in ALL {
            let packed = compress(format, &data);
            let early = (1..200.min(packed.len())).chain((200..packed.len()).step_by(997));
            for cut in early.chain(packed.len() - 30..packed.len()) {
                let (out, outcome) = decompress(format, &packed[..cut]);
                assert!(outcome.is_err(), "{format:?} truncated at {cut} of {}", packed.len());
                assert!(data.starts_with(&out), "{format:?} truncated at {cut}");
            }
        }
    }

    #[test]
    fn a_cut_between_lz4_blocks_is_an_error() {
        let packed = compress(Compression::Lz4, &sample(700_000));
        // After the header of 7 bytes comes a block with its length.
        let length = u32::from_le_bytes(packed[7..11].try_into().expect("four bytes")) & 0x7fff_ffff;
        let cut = 11 + length as usize;
        let (out, outcome) = decompress(Compression::Lz4, &packed[..cut]);
        assert!(!out.is_empty() && outcome.is_err());
    }

    #[test]
    fn a_window_that_is_too_large_is_named() {
        for (window_log, is_fine) in [(ZSTD_WINDOW_LOG, true), (ZSTD_WINDOW_LOG + 1, false)] {
            let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
            encoder.window_log(window_log).expect("a window");
            io::copy(&mut &sample(1000)[..], &mut encoder).expect("compressed");
            let (_, outcome) = decompress(Compression::Zstd, &encoder.finish().expect("compressed"));
            let message = outcome.err().map(|error| error.to_string());
            assert_eq!(message.is_none(), is_fine, "{message:?}");
            assert!(message.is_none_or(|message| message.contains("more than 128 MiB")));
        }
    }

    #[test]
    fn what_follows_the_frame_of_an_envelope_is_passed_on() {
        for format in [Compression::ValkeyLz4, Compression::ValkeyZstd] {
            for rest in [&b"\0\0rest"[..], b"", b"VCS\x01\x01\0\x01", &compress(Compression::Lz4, b"x")] {
                let packed = [&compress(format, b"REDIS0011")[..], rest].concat();
                let (out, outcome) = decompress(format, &packed);
                assert!(outcome.is_ok() && out == [b"REDIS0011", rest].concat(), "{format:?} {rest:?}");
            }
        }
    }

    #[test]
    fn an_envelope_holds_a_frame_of_its_codec() {
        let (lz4, zstd) = (compress(Compression::Lz4, b"x"), compress(Compression::Zstd, b"x"));
        for inside in [&b""[..], b"REDIS0011", &zstd, &compress(Compression::ValkeyLz4, b"x")] {
            let (out, outcome) = decompress(Compression::ValkeyLz4, &[b"VCS\x01\x01\0\x01", inside].concat());
            assert!(out.is_empty() && outcome.is_err(), "{inside:?}");
        }
        let (_, outcome) = decompress(Compression::ValkeyZstd, &[b"VCS\x01\x02\0\x01", &lz4[..]].concat());
        assert!(outcome.is_err());
    }

    #[test]
    fn other_data_after_the_last_member_is_an_error() {
        for format in MEMBERS {
            let mut packed = compress(format, b"REDIS0011");
            packed.extend(b"\0\0rest");
            let (out, outcome) = decompress(format, &packed);
            assert_eq!((&out[..], outcome.is_err()), (&b"REDIS0011"[..], true), "{format:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn flipped_bits_do_no_harm(at in any::<prop::sample::Index>(), bit in 0..8u8, which in 0..ALL.len()) {
            let data = sample(20_000);
            let mut packed = compress(ALL[which], &data);
            let at = at.index(packed.len());
            packed[at] ^= 1 << bit;
            let (out, outcome) = decompress(ALL[which], &packed);
            // A flipped flag or time stamp of a gzip header may go unnoticed, and cost nothing.
            prop_assert!(outcome.is_err() || out == data);
        }
    }
}
