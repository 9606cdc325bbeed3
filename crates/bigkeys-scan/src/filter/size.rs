//! Sizes as in a server's configuration.

use super::error::FilterError;

/// Parses a number of bytes with the units of `redis.conf`: `k`, `m`, `g` and `t` are powers of
/// 1,000, and `kb`, `mb`, `gb` and `tb`, also written `KiB`, are powers of 1,024. Case does not
/// matter. Source: `memtoull` in `util.c` of Redis 7.
///
/// # Errors
///
/// The text is no size, or too large for 64 bits.
pub fn parse_size(text: &str) -> Result<u64, FilterError> {
    let wrong = || FilterError::Size { text: text.to_owned() };
    let end = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let unit = unit.to_ascii_lowercase();
    let (base, power) = match unit.as_bytes() {
        [] | b"b" => (1, 0),
        [letter] => (1000, power_of(*letter).ok_or_else(wrong)?),
        [letter, b'b'] | [letter, b'i', b'b'] => (1024, power_of(*letter).ok_or_else(wrong)?),
        _ => return Err(wrong()),
    };
    u64::checked_pow(base, power).and_then(|unit| number.checked_mul(unit)).ok_or_else(wrong)
}

fn power_of(letter: u8) -> Option<u32> {
    Some(match letter {
        b'k' => 1,
        b'm' => 2,
        b'g' => 3,
        b't' => 4,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_those_of_the_server() {
        for (text, bytes) in [
            ("0", 0),
            ("10", 10),
            ("7b", 7),
            ("1k", 1000),
            ("1KB", 1024),
            ("2MiB", 2 << 20),
            ("3g", 3_000_000_000),
        ] {
            assert_eq!(parse_size(text).ok(), Some(bytes), "{text}");
        }
        for text in ["", "k", "-1", "1.5k", "1x", "1kbb", "99999999999999999999", "18446744073709551615k"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
