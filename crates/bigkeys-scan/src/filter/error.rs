//! Filters that cannot be meant.

/// A filter that cannot be meant.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// A glob pattern cannot be parsed.
    #[error("`{pattern}` is no pattern: {reason}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An expression cannot be compiled.
    #[error("`{text}` is no condition on keys: {reason}")]
    Expression {
        /// The expression.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A size cannot be parsed.
    #[error("`{text}` is no size; sizes are numbers of bytes such as 4096, 10KB or 50MB")]
    Size {
        /// The text.
        text: String,
    },
    /// A condition on the time to live cannot be parsed.
    #[error("`{text}` is no time to live; give none, any, expired, or a limit such as <1h or >7d")]
    Ttl {
        /// The text.
        text: String,
    },
    /// A list of numbers cannot be parsed.
    #[error("`{text}` is no list of numbers; give numbers and ranges such as 0,2-5")]
    Numbers {
        /// The text.
        text: String,
    },
    /// A sampling rate is not above 0 and at most 1.
    #[error("{rate} is no sampling rate; give a number above 0 and up to 1")]
    Rate {
        /// The rate.
        rate: f64,
    },
}
