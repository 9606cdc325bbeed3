//! LZF, the compression of RDB strings.
//!
//! The data is a sequence of tokens. If the first byte `c` is below 32, `c + 1` literal bytes
//! follow. Otherwise the token copies bytes of the output: `c >> 5` is the length (7: one more byte
//! adds to it), plus 2, and the low five bits of `c` and one more byte are the distance, plus 1.
//! Source: `lzf_d.c` of liblzf, which every server bundles.

use crate::error::ErrorKind;

/// Best possible ratio: 264 bytes of output from a token of 3 bytes.
const MAX_RATIO: u64 = 88;

/// What is wrong with data that goes on behind its last byte of output.
const LONGER: &str = "longer than its header says";

/// Longest run of literal bytes of one token. A first byte below it starts such a run.
const LITERAL: u8 = 32;

/// Most literal bytes of a token.
const LONGEST_RUN: usize = LITERAL as usize;

/// Most bytes that a token writes, and most that its last copy writes behind them.
const MOST_WRITTEN: usize = 264 + LONGEST_RUN;

/// Bytes of the output that are copied at a time.
const STRIDE: usize = 16;

/// Longest copy for which strides are faster than `copy_within`.
const MOST_STRIDED: usize = 4 * STRIDE;

/// Whether `compressed_len` bytes can decompress to `decoded_len` bytes. Checked before any
/// allocation.
pub(crate) fn is_plausible(compressed_len: u64, decoded_len: u64) -> bool {
    decoded_len <= compressed_len.saturating_mul(MAX_RATIO) && (compressed_len == 0) == (decoded_len == 0)
}

/// Largest number of bytes to which `compressed_len` bytes can decompress.
pub(crate) fn max_decoded_len(compressed_len: u64) -> u64 {
    compressed_len.saturating_mul(MAX_RATIO)
}

/// Decompresses all of `compressed` into `out`, and replaces its content.
///
/// # Errors
///
/// [`ErrorKind::BadLzf`] unless the input is a whole number of valid tokens that give exactly
/// `decoded_len` bytes.
pub(crate) fn decompress(compressed: &[u8], decoded_len: usize, out: &mut Vec<u8>) -> Result<(), ErrorKind> {
    if !is_plausible(compressed.len() as u64, decoded_len as u64) {
        return Err(ErrorKind::BadLzf("no data can expand that much"));
    }
    // What is there is overwritten, so it need not be zeroed.
    out.resize(decoded_len + MOST_WRITTEN, 0);
    let written = expand_whole(compressed, out, decoded_len);
    out.truncate(decoded_len);
    match written? {
        written if written < decoded_len => Err(ErrorKind::BadLzf("shorter than its header says")),
        written if written > decoded_len => Err(ErrorKind::BadLzf(LONGER)),
        _ => Ok(()),
    }
}

/// Runs all tokens of `input`, until more than `end` bytes are written. `out` has room for a token
/// and a copy behind `end`, so no token is written in part. Returns the bytes written.
fn expand_whole(input: &[u8], out: &mut [u8], end: usize) -> Result<usize, ErrorKind> {
    let (mut read, mut written) = (0, 0);
    while let Some(&control) = input.get(read) {
        if written >= end {
            return Err(ErrorKind::BadLzf(LONGER));
        }
        if control < LITERAL {
            let run = usize::from(control) + 1;
            if !copy_run(input, read + 1, out, written) {
                copy_literals(input, read + 1, out, written, run)?;
            }
            read += 1 + run;
            written += run;
        } else {
            let (distance, length, token_bytes) = copy_token(control, input, read)?;
            copy_back(out, written, distance, length)?;
            read += token_bytes;
            written += length;
        }
    }
    Ok(written)
}

/// Decompresses the beginning of `compressed` until `out` is full or the input ends; returns the
/// number of bytes written. Reads the count in a blob's header without the cost of the blob.
///
/// # Errors
///
/// [`ErrorKind::BadLzf`] if a token before that point is invalid.
pub(crate) fn decompress_prefix(compressed: &[u8], out: &mut [u8]) -> Result<usize, ErrorKind> {
    expand(compressed, out).map(|(_, written)| written)
}

/// As [`decompress_prefix`], for data that may be truncated: decompresses its whole tokens.
///
/// # Errors
///
/// [`ErrorKind::BadLzf`] if a token refers to bytes before the start.
pub(crate) fn decompress_available(compressed: &[u8], out: &mut [u8]) -> Result<usize, ErrorKind> {
    let mut read = 0;
    let mut written = 0;
    while written < out.len() {
        let Some(len) = token_bytes(compressed.get(read..).unwrap_or_default()) else { break };
        let token = compressed.get(read..read + len).unwrap_or_default();
        written = expand_from(token, out, written)?.1;
        read += len;
    }
    Ok(written)
}

/// Bytes of the token at the start of `input`, if it is whole.
pub(crate) fn token_bytes(input: &[u8]) -> Option<usize> {
    let control = *input.first()?;
    let len = match control {
        ..LITERAL => 2 + usize::from(control),
        _ if control >> 5 == 7 => 3,
        _ => 2,
    };
    (input.len() >= len).then_some(len)
}

/// Runs tokens until `out` is full or `input` ends. Returns the bytes read and written. A token
/// that would go beyond `out` stops there and counts as not fully read.
fn expand(input: &[u8], out: &mut [u8]) -> Result<(usize, usize), ErrorKind> {
    expand_from(input, out, 0)
}

/// As [`expand`], into `out` from `written` on.
pub(crate) fn expand_from(
    input: &[u8],
    out: &mut [u8],
    mut written: usize,
) -> Result<(usize, usize), ErrorKind> {
    let mut read = 0;
    while written < out.len() {
        let Some(&control) = input.get(read) else { break };
        let room = out.len() - written;
        let (wanted, token_bytes);
        if control < LITERAL {
            wanted = usize::from(control) + 1;
            copy_literals(input, read + 1, out, written, wanted.min(room))?;
            token_bytes = 1 + wanted.min(room);
        } else {
            let distance;
            (distance, wanted, token_bytes) = copy_token(control, input, read)?;
            copy_back(out, written, distance, wanted.min(room))?;
        }
        written += wanted.min(room);
        if wanted > room {
            // The token is not whole, so it counts as not fully read.
            return Ok((read + token_bytes - 1, written));
        }
        read += token_bytes;
    }
    Ok((read, written))
}

/// The distance and the length of a copy whose token begins with `control` at `at`, and the bytes
/// of the token.
#[inline]
fn copy_token(control: u8, input: &[u8], at: usize) -> Result<(usize, usize, usize), ErrorKind> {
    let token = input.get(at + 1..).unwrap_or_default();
    let (more, low, token_bytes) = match (control >> 5, token) {
        (7, &[more, low, ..]) => (more, low, 3),
        (7, []) => return Err(ErrorKind::BadLzf("missing length byte")),
        (..7, &[low, ..]) => (0, low, 2),
        _ => return Err(ErrorKind::BadLzf("missing distance byte")),
    };
    let distance = ((usize::from(control) & 31) << 8 | usize::from(low)) + 1;
    Ok((distance, usize::from(control >> 5) + usize::from(more) + 2, token_bytes))
}

/// Copies a run of literal bytes.
#[inline(never)]
fn copy_literals(
    input: &[u8],
    from: usize,
    out: &mut [u8],
    to: usize,
    length: usize,
) -> Result<(), ErrorKind> {
    let source = input.get(from..from + length).ok_or(ErrorKind::BadLzf("literal run past the end"))?;
    if let Some(target) = out.get_mut(to..to + length) {
        target.copy_from_slice(source);
    }
    Ok(())
}

/// Copies the longest run of literal bytes, whatever the length of this one, because that is one
/// copy of registers. The bytes after the run are written later. Returns false if there are not as
/// many bytes.
#[inline]
fn copy_run(input: &[u8], from: usize, out: &mut [u8], to: usize) -> bool {
    let source = input.get(from..).and_then(<[u8]>::first_chunk::<LONGEST_RUN>);
    let target = out.get_mut(to..).and_then(<[u8]>::first_chunk_mut::<LONGEST_RUN>);
    source.zip(target).map(|(source, target)| *target = *source).is_some()
}

/// Copies `length` bytes from `distance` bytes before `at` to `at`. If the ranges overlap, the
/// copied bytes repeat with period `distance`, so each pass may copy all bytes that are valid so
/// far.
#[inline]
fn copy_back(out: &mut [u8], at: usize, distance: usize, length: usize) -> Result<(), ErrorKind> {
    let start = at.checked_sub(distance).ok_or(ErrorKind::BadLzf("distance before the start"))?;
    let mut done = 0;
    // As above: whole strides, of which the last may go too far within `out`.
    if distance >= STRIDE && length <= MOST_STRIDED && out.len() - at >= length + STRIDE {
        while done < length {
            let stride = out.get(start + done..).and_then(<[u8]>::first_chunk::<STRIDE>).copied();
            let target = out.get_mut(at + done..).and_then(<[u8]>::first_chunk_mut::<STRIDE>);
            if let Some((stride, target)) = stride.zip(target) {
                *target = stride;
            }
            done += STRIDE;
        }
        return Ok(());
    }
    while done < length {
        let step = (distance + done).min(length - done);
        out.copy_within(start..start + step, at + done);
        done += step;
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn expand_all(compressed: &[u8], len: usize) -> Result<Vec<u8>, ErrorKind> {
        let mut out = Vec::new();
        decompress(compressed, len, &mut out).map(|()| out)
    }

    /// A greedy compressor that makes every kind of token.
    pub(crate) fn compress(data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut literals = Vec::new();
        let flush = |literals: &mut Vec<u8>, out: &mut Vec<u8>| {
            for run in literals.chunks(32) {
                out.push(u8::try_from(run.len() - 1).expect("at most 31"));
                out.extend_from_slice(run);
            }
            literals.clear();
        };
        let mut at = 0;
        while at < data.len() {
            let best = (1..=at.min(8192))
                .map(|distance| {
                    let length = (0..264.min(data.len() - at))
                        .take_while(|i| data[at + i] == data[at - distance + i])
                        .count();
                    (length, distance)
                })
                .max_by_key(|&(length, distance)| (length, std::cmp::Reverse(distance)));
            match best {
                Some((length, distance)) if length >= 3 => {
                    flush(&mut literals, &mut out);
                    let high = u8::try_from((distance - 1) >> 8).expect("13 bits");
                    let low = u8::try_from((distance - 1) & 255).expect("masked");
                    if length - 2 < 7 {
                        out.extend([u8::try_from(length - 2).expect("small") << 5 | high, low]);
                    } else {
                        out.extend([7 << 5 | high, u8::try_from(length - 9).expect("small"), low]);
                    }
                    at += length;
                }
                _ => {
                    literals.push(data[at]);
                    at += 1;
                }
            }
        }
        flush(&mut literals, &mut out);
        out
    }

    #[test]
    fn vector_of_sixteen_letters() {
        // Loaded by Redis 6.2 to 8.2 and Valkey 9 as sixteen times `a`.
        assert_eq!(expand_all(&[0x00, 0x61, 0xE0, 0x06, 0x00], 16).expect("valid"), [b'a'; 16]);
        for wrong in [15, 17, 20] {
            assert!(expand_all(&[0x00, 0x61, 0xE0, 0x06, 0x00], wrong).is_err());
        }
    }

    #[test]
    fn malformed_tokens_are_errors() {
        for (bytes, len) in [
            (&[0x05, b'a'][..], 6),         // literal run past the end
            (&[0x00, b'a', 0xE0], 10),      // missing length byte
            (&[0x00, b'a', 0x20], 4),       // missing distance byte
            (&[0x00, b'a', 0x20, 0x01], 4), // distance before the start
            (&[0x00, b'a', 0x00, b'b'], 1), // bytes left over
            (&[], 1),
            (&[0x00, b'a'], 0),
        ] {
            assert!(matches!(expand_all(bytes, len), Err(ErrorKind::BadLzf(_))), "{bytes:?}");
        }
    }

    #[test]
    fn an_impossible_ratio_allocates_nothing() {
        let mut out = Vec::new();
        assert!(decompress(&[0; 16], 1 << 40, &mut out).is_err());
        assert_eq!(out.capacity(), 0);
    }

    proptest! {
        #[test]
        fn what_is_compressed_comes_back(data in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..300),
            proptest::collection::vec(0u8..3, 0..2000),
        ]) {
            let compressed = compress(&data);
            prop_assert_eq!(expand_all(&compressed, data.len()).expect("valid"), data.clone());
            for n in [1, 6, 8, 10, data.len()] {
                let mut head = vec![0; n.min(data.len())];
                let written = decompress_prefix(&compressed, &mut head).expect("valid");
                prop_assert_eq!(&head[..written], &data[..n.min(data.len())]);
            }
        }

        #[test]
        fn any_bytes_are_survived(data in proptest::collection::vec(any::<u8>(), 0..100), len in 0usize..5000) {
            if let Ok(out) = expand_all(&data, len) {
                prop_assert_eq!(out.len(), len);
            }
        }
    }
}
