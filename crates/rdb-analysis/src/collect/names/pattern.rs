//! Placeholders for the variable parts of names.

/// Shortest run of hexadecimal digits, letters and digits among them, that is no word.
const MIN_HEX_BYTES: usize = 8;

/// Shortest token of letters and digits.
const MIN_TOKEN_BYTES: usize = 16;

/// Lengths of the groups of digits in a UUID.
const UUID_GROUPS: [usize; 5] = [8, 4, 4, 4, 12];

/// Appends a segment of a name with placeholders for its variable parts.
///
/// A segment as a whole may be a number, a date, a UUID, a hexadecimal number, an e-mail address, a
/// token, or a hash tag. In any other segment, each run of decimal digits is a number.
pub(super) fn append_pattern(segment: &[u8], out: &mut Vec<u8>) {
    match placeholder(segment) {
        Some(placeholder) => out.extend_from_slice(placeholder),
        None => append_with_numbers(segment, out),
    }
}

/// The placeholder for a whole segment.
fn placeholder(segment: &[u8]) -> Option<&'static [u8]> {
    let first = *segment.first()?;
    if first == b'{' && segment.last() == Some(&b'}') {
        return Some(b"{tag}");
    }
    // A number such as 20261127 stays a number, because one in two thousand of the numbers of eight
    // digits could be a date.
    if segment.iter().all(u8::is_ascii_digit) {
        return Some(b"{int}");
    }
    if is_date(segment) {
        return Some(b"{date}");
    }
    if is_uuid(segment) {
        return Some(b"{uuid}");
    }
    if is_hex(segment) {
        return Some(b"{hex}");
    }
    if is_email(segment) {
        return Some(b"{email}");
    }
    is_token(segment).then_some(b"{token}")
}

fn append_with_numbers(segment: &[u8], out: &mut Vec<u8>) {
    for run in segment.chunk_by(|one, next| one.is_ascii_digit() == next.is_ascii_digit()) {
        let is_number = run.first().is_some_and(u8::is_ascii_digit);
        out.extend_from_slice(if is_number { b"{int}" } else { run });
    }
}

/// A number of at most four digits.
fn number(digits: &[u8]) -> Option<u32> {
    let is_number = digits.len() <= 4 && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| digits.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')))
}

fn is_day(year: &[u8], month: &[u8], day: &[u8]) -> bool {
    let is_in = |digits, from, to| number(digits).is_some_and(|number| (from..=to).contains(&number));
    is_in(year, 1970, 2099) && is_in(month, 1, 12) && is_in(day, 1, 31)
}

/// `2026-11-27`, also with dots, slashes or underscores.
fn is_date(segment: &[u8]) -> bool {
    matches!(segment, [y1, y2, y3, y4, one, m1, m2, other, d1, d2]
        if one == other && b"-./_".contains(one) && is_day(&[*y1, *y2, *y3, *y4], &[*m1, *m2], &[*d1, *d2]))
}

fn is_uuid(segment: &[u8]) -> bool {
    let mut groups = segment.split(|&byte| byte == b'-');
    let is_group = |group: &[u8], len: usize| group.len() == len && group.iter().all(u8::is_ascii_hexdigit);
    UUID_GROUPS.iter().all(|&len| groups.next().is_some_and(|group| is_group(group, len)))
        && groups.next().is_none()
}

fn is_hex(segment: &[u8]) -> bool {
    let (digits, is_marked) = match segment {
        [b'0', b'x' | b'X', digits @ ..] => (digits, !digits.is_empty()),
        digits => (digits, false),
    };
    digits.iter().all(u8::is_ascii_hexdigit)
        && (is_marked || digits.len() >= MIN_HEX_BYTES && digits.iter().any(u8::is_ascii_digit))
}

fn is_email(segment: &[u8]) -> bool {
    let mut parts = segment.split(|&byte| byte == b'@');
    let (Some(user), Some(host), None) = (parts.next(), parts.next(), parts.next()) else { return false };
    let is_inside = |dot: usize| dot > 0 && dot + 1 < host.len();
    !user.is_empty()
        && host.iter().rposition(|&byte| byte == b'.').is_some_and(is_inside)
        && segment.iter().all(u8::is_ascii_graphic)
}

/// A long mixture of upper case, lower case and digits, as base64 gives.
fn is_token(segment: &[u8]) -> bool {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=-_".contains(byte);
    segment.len() >= MIN_TOKEN_BYTES
        && segment.iter().all(is_allowed)
        && segment.iter().any(u8::is_ascii_digit)
        && segment.iter().any(u8::is_ascii_lowercase)
        && segment.iter().any(u8::is_ascii_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_parts_have_placeholders_and_words_stay() {
        for (segment, expected) in [
            ("user", "user"),
            ("8231", "{int}"),
            ("20261127", "{int}"),
            ("2026-13-27", "{int}-{int}-{int}"),
            ("2026-11-27", "{date}"),
            ("2026-11.27", "{int}-{int}.{int}"),
            ("8c9f2e6a-1b2c-4d5e-8f90-1234567890ab", "{uuid}"),
            (
                "8c9f2e6a-1b2c-4d5e-8f90-1234567890",
                "{int}c{int}f{int}e{int}a-{int}b{int}c-{int}d{int}e-{int}f{int}-{int}",
            ),
            ("deadbeef", "deadbeef"),
            ("deadbee5", "{hex}"),
            ("0xff", "{hex}"),
            ("facade", "facade"),
            ("a.b@example.com", "{email}"),
            ("a@b", "a@b"),
            ("@example.com", "@example.com"),
            ("eyJhbGciOiJIUzI1NiJ9", "{token}"),
            ("ordinaryLongCamelCase", "ordinaryLongCamelCase"),
            ("{user1000}", "{tag}"),
            ("shard07-b", "shard{int}-b"),
            ("", ""),
        ] {
            let mut out = Vec::new();
            append_pattern(segment.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).expect("text"), expected, "{segment}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_stay() {
        let mut out = Vec::new();
        append_pattern(b"\xff\x005", &mut out);
        assert_eq!(out, b"\xff\x00{int}");
    }
}
