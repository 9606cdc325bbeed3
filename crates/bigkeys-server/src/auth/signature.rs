//! The cloud's signature of a request, `SDK-HMAC-SHA256`.
//!
//! Source: the vendor's signing guide, and what its SDKs in Python, Java and Go and the Terraform
//! provider send. The key is the secret itself; there is no derived key and no scope. Which headers
//! are signed is the client's choice but for `x-sdk-date`.

use std::fmt::Write as _;

use axum::http::HeaderMap;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};

/// The only scheme served.
pub(crate) const SCHEME: &str = "SDK-HMAC-SHA256";

const DATE_HEADER: &str = "x-sdk-date";
const BODY_HASH_HEADER: &str = "x-sdk-content-sha256";
const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// Seconds by which the clocks of client and server may differ.
const MAX_SKEW_SECONDS: i64 = 15 * 60;

/// The parts of a request that are signed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    /// As sent, percent-encoding included.
    pub(crate) path: &'a str,
    /// As sent, without the question mark.
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

/// The reason why a signature is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The header is no signature of the scheme.
    Malformed,
    /// The time is missing, unsigned, malformed or too far away.
    Date,
    /// A signed header is missing, the body is another, or the signature is wrong.
    Mismatch,
}

/// A parsed `Authorization` header.
#[derive(Debug)]
pub(crate) struct Authorization<'a> {
    pub(crate) access_key: &'a str,
    signed_headers: &'a str,
    signature: [u8; 32],
}

impl<'a> Authorization<'a> {
    /// Parses the header's value.
    pub(crate) fn parse(value: &'a str) -> Result<Self, Refusal> {
        let (scheme, fields) = value.trim().split_once(' ').ok_or(Refusal::Malformed)?;
        if scheme != SCHEME {
            return Err(Refusal::Malformed);
        }
        let (mut access_key, mut signed_headers, mut signature) = (None, None, None);
        for field in fields.split(',') {
            let (name, value) = field.trim().split_once('=').ok_or(Refusal::Malformed)?;
            let place = match name {
                "Access" => &mut access_key,
                "SignedHeaders" => &mut signed_headers,
                "Signature" => &mut signature,
                _ => return Err(Refusal::Malformed),
            };
            if place.replace(value).is_some() {
                return Err(Refusal::Malformed);
            }
        }
        let (Some(access_key), Some(signed_headers), Some(signature)) =
            (access_key, signed_headers, signature)
        else {
            return Err(Refusal::Malformed);
        };
        Ok(Self { access_key, signed_headers, signature: unhex(signature).ok_or(Refusal::Malformed)? })
    }

    /// Whether `secret` signed `request` at a time that differs from `now` by at most the allowed
    /// seconds.
    pub(crate) fn verify(&self, secret: &[u8], request: Request<'_>, now: Timestamp) -> Result<(), Refusal> {
        let date = self.date(request.headers, now)?;
        let mut refusal = Refusal::Mismatch;
        for body_hash in body_hashes(request)? {
            match self.verify_with(secret, request, date, &body_hash) {
                Ok(()) => return Ok(()),
                Err(why) => refusal = why,
            }
        }
        Err(refusal)
    }

    /// The canonical request, for debugging a client's signature.
    pub(crate) fn canonical(&self, request: Request<'_>) -> Option<String> {
        let body_hash = body_hashes(request).ok()?.into_iter().next()?;
        canonical_request(request, self.signed_headers, &body_hash).ok()
    }

    fn verify_with(
        &self,
        secret: &[u8],
        request: Request<'_>,
        date: &str,
        body_hash: &str,
    ) -> Result<(), Refusal> {
        let canonical = canonical_request(request, self.signed_headers, body_hash)?;
        let to_sign = format!("{SCHEME}\n{date}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).map_err(|_| Refusal::Mismatch)?;
        mac.update(to_sign.as_bytes());
        // Compares in constant time.
        mac.verify_slice(&self.signature).map_err(|_| Refusal::Mismatch)
    }

    /// The time of signing, as sent.
    fn date<'h>(&self, headers: &'h HeaderMap, now: Timestamp) -> Result<&'h str, Refusal> {
        if !self.signed_headers.split(';').any(|name| name == DATE_HEADER) {
            return Err(Refusal::Date);
        }
        let mut values = headers.get_all(DATE_HEADER).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return Err(Refusal::Date) };
        let text = value.to_str().map_err(|_| Refusal::Date)?.trim();
        let signed_at = parse_date(text).ok_or(Refusal::Date)?;
        if now.as_second().abs_diff(signed_at.as_second()) > MAX_SKEW_SECONDS.unsigned_abs() {
            return Err(Refusal::Date);
        }
        Ok(text)
    }
}

/// `YYYYMMDDTHHMMSSZ`
fn parse_date(text: &str) -> Option<Timestamp> {
    if text.len() != 16 || !text.is_ascii() {
        return None;
    }
    let digits = |range: std::ops::Range<usize>| {
        let part = text.get(range)?;
        part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<i16>().ok())?
    };
    if text.get(8..9) != Some("T") || text.get(15..) != Some("Z") {
        return None;
    }
    let small = |range| digits(range).and_then(|number| i8::try_from(number).ok());
    let date = DateTime::new(
        digits(0..4)?,
        small(4..6)?,
        small(6..8)?,
        small(9..11)?,
        small(11..13)?,
        small(13..15)?,
        0,
    );
    TimeZone::UTC.to_timestamp(date.ok()?).ok()
}

/// The values that may stand for the body. Clients differ for an empty body that they declare
/// unsigned: Python uses the hash of the empty string, Go and Java the word itself.
fn body_hashes(request: Request<'_>) -> Result<Vec<String>, Refusal> {
    let real = hex(&Sha256::digest(request.body));
    let mut values = request.headers.get_all(BODY_HASH_HEADER).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(vec![real]),
        (Some(_), Some(_)) => Err(Refusal::Mismatch),
        (Some(value), None) => match value.to_str().map(str::trim) {
            // The bodies of this service are JSON, which the clients sign.
            Ok(UNSIGNED_PAYLOAD) if request.body.is_empty() => Ok(vec![real, UNSIGNED_PAYLOAD.to_owned()]),
            Ok(declared) if declared == real => Ok(vec![real]),
            _ => Err(Refusal::Mismatch),
        },
    }
}

fn canonical_request(request: Request<'_>, signed_headers: &str, body_hash: &str) -> Result<String, Refusal> {
    let mut text = String::with_capacity(512);
    text.push_str(request.method);
    text.push('\n');
    push_path(&mut text, request.path);
    text.push('\n');
    push_query(&mut text, request.query);
    text.push('\n');
    push_headers(&mut text, request.headers, signed_headers)?;
    text.push('\n');
    text.push_str(signed_headers);
    text.push('\n');
    text.push_str(body_hash);
    Ok(text)
}

/// Decoded, each segment encoded again, with a slash at its end.
fn push_path(text: &mut String, path: &str) {
    let decoded = percent_decode(path.as_bytes());
    for (index, segment) in decoded.split(|byte| *byte == b'/').enumerate() {
        if index > 0 {
            text.push('/');
        }
        push_encoded(text, segment);
    }
    if !text.ends_with('/') {
        text.push('/');
    }
}

/// Decoded pairs in order of name and value, both encoded again. A plus sign is a plus sign.
fn push_query(text: &mut String, query: &str) {
    let mut pairs: Vec<_> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (percent_decode(name.as_bytes()), percent_decode(value.as_bytes())))
        .collect();
    pairs.sort();
    for (index, (name, value)) in pairs.iter().enumerate() {
        if index > 0 {
            text.push('&');
        }
        push_encoded(text, name);
        text.push('=');
        push_encoded(text, value);
    }
}

/// One line for each value of each signed header. Names are lower-case and ascend, as every client
/// sorts them.
fn push_headers(text: &mut String, headers: &HeaderMap, signed: &str) -> Result<(), Refusal> {
    let mut before = "";
    for name in signed.split(';') {
        if name <= before || name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(Refusal::Mismatch);
        }
        before = name;
        let mut values = Vec::new();
        for value in headers.get_all(name) {
            values.push(std::str::from_utf8(value.as_bytes()).map_err(|_| Refusal::Mismatch)?.trim());
        }
        if values.is_empty() {
            return Err(Refusal::Mismatch);
        }
        values.sort_unstable();
        for value in values {
            text.push_str(name);
            text.push(':');
            text.push_str(value);
            text.push('\n');
        }
    }
    Ok(())
}

/// Decodes percent-encoding. Anything that is not an encoded byte stays.
pub(crate) fn percent_decode(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        match (first, after) {
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                decoded.push(nibble(*high) << 4 | nibble(*low));
                rest = after;
            }
            _ => {
                decoded.push(*first);
                rest = after;
            }
        }
    }
    decoded
}

fn push_encoded(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                text.push(char::from(*byte));
            }
            _ => {
                // Writing to a string cannot fail.
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
}

fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit.wrapping_sub(b'A').wrapping_add(10),
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Decodes [`hex`].
pub(crate) fn unhex(text: &str) -> Option<[u8; 32]> {
    let text = text.as_bytes();
    if text.len() != 64 || !text.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        if let [high, low] = pair {
            *byte = nibble(*high) << 4 | nibble(*low);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
