//! Conditions in the Common Expression Language (CEL).

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use cel::{Context, Program, Value};
use rdb_analysis::KeyView;
use regex::{Captures, Regex};

use super::error::FilterError;
use super::size::parse_size;

/// Length of an expression. The parser recurses, and panics on lines of 64 KiB.
const MAX_BYTES: usize = 4096;

/// A literal string, or a number with a unit.
static SIZES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?x) "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | \b(?<size>[0-9]+[kKmMgGtT]i?[bB]?)\b"#).ok()
});

/// A condition on keys in CEL.
#[derive(Clone)]
pub(super) struct Expression(Arc<Compiled>);

struct Compiled {
    program: Program,
    /// The functions of the language.
    root: Context<'static, 'static>,
    variables: Vec<Variable>,
}

/// What an expression can refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variable {
    Key,
    Type,
    Encoding,
    Db,
    Slot,
    Elements,
    ValueBytes,
    RdbBytes,
    MemoryBytes,
    LargestElementBytes,
    TtlSeconds,
    IdleSeconds,
    Freq,
}

impl Variable {
    const ALL: [(&'static str, Self); 13] = [
        ("key", Self::Key),
        ("type", Self::Type),
        ("encoding", Self::Encoding),
        ("db", Self::Db),
        ("slot", Self::Slot),
        ("elements", Self::Elements),
        ("value_bytes", Self::ValueBytes),
        ("rdb_bytes", Self::RdbBytes),
        ("memory_bytes", Self::MemoryBytes),
        ("largest_element_bytes", Self::LargestElementBytes),
        ("ttl_seconds", Self::TtlSeconds),
        ("idle_seconds", Self::IdleSeconds),
        ("freq", Self::Freq),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|&&(_, variable)| variable == self).map_or("", |&(name, _)| name)
    }

    /// Its value for a key. Unknown numbers are null.
    fn of(self, key: &KeyView<'_>, name: &[u8]) -> Value {
        let number = |number: Option<u64>| number.map_or(Value::Null, int);
        let measure = &key.measure;
        match self {
            Self::Key => Value::from(String::from_utf8_lossy(name).as_ref()),
            Self::Type => Value::from(measure.data_type.to_string()),
            Self::Encoding => Value::from(measure.encoding.name()),
            Self::Db => int(measure.db),
            Self::Slot => int(super::slot_of(key, name).into()),
            Self::Elements => number(measure.elements),
            Self::ValueBytes => number(measure.value_bytes),
            Self::RdbBytes => int(measure.rdb_bytes),
            Self::MemoryBytes => number(measure.memory_bytes),
            Self::LargestElementBytes => number(measure.largest_element_bytes),
            Self::TtlSeconds => measure
                .expires_at_ms
                .map_or(Value::Null, |at_ms| Value::Int(at_ms.saturating_sub(key.time_ms) / 1000)),
            Self::IdleSeconds => number(measure.idle_seconds),
            Self::Freq => number(measure.freq.map(u64::from)),
        }
    }
}

fn int(number: u64) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

impl Expression {
    /// Compiles `text`.
    ///
    /// # Errors
    ///
    /// The text is not an expression, or it refers to something that keys do not have.
    pub(super) fn new(text: &str) -> Result<Self, FilterError> {
        let wrong = |reason: String| FilterError::Expression { text: text.to_owned(), reason };
        if text.len() > MAX_BYTES {
            let text = format!("{}...", text.chars().take(40).collect::<String>());
            let reason = format!("it is longer than {MAX_BYTES} bytes");
            return Err(FilterError::Expression { text, reason });
        }
        let program = Program::compile(&with_sizes(text)).map_err(|error| wrong(error.to_string()))?;
        let mut variables = Vec::new();
        for name in program.references().variables() {
            let Some(&(_, variable)) = Variable::ALL.iter().find(|&&(known, _)| known == name) else {
                let known: Vec<_> = Variable::ALL.iter().map(|&(name, _)| name).collect();
                return Err(wrong(format!("keys have no {name}; they have {}", known.join(", "))));
            };
            variables.push(variable);
        }
        Ok(Self(Arc::new(Compiled { program, root: Context::default(), variables })))
    }

    /// Whether the expression is true for a key. An expression that compares something unknown is
    /// not true.
    pub(super) fn is_true(&self, key: &KeyView<'_>, name: &[u8]) -> bool {
        let Compiled { program, root, variables } = &*self.0;
        let mut scope = root.new_inner_scope();
        for variable in variables {
            scope.add_variable_from_value(variable.name(), variable.of(key, name));
        }
        matches!(program.execute(&scope), Ok(Value::Bool(true)))
    }

    /// Whether it refers to the database of keys.
    pub(super) fn needs_db(&self) -> bool {
        self.0.variables.contains(&Variable::Db)
    }

    /// Whether it refers to what only a deep scan knows of every key.
    pub(super) fn needs_deep(&self) -> bool {
        let is_deep = |variable| matches!(variable, Variable::ValueBytes | Variable::LargestElementBytes);
        self.0.variables.iter().any(|&variable| is_deep(variable))
    }

    /// Whether it refers to memory.
    pub(super) fn needs_memory(&self) -> bool {
        self.0.variables.contains(&Variable::MemoryBytes)
    }
}

/// The text with numbers for sizes such as `10KB`, except in strings.
fn with_sizes(text: &str) -> Cow<'_, str> {
    let Some(sizes) = SIZES.as_ref() else { return Cow::Borrowed(text) };
    sizes.replace_all(text, |captures: &Captures<'_>| {
        let size = captures.name("size").and_then(|size| parse_size(size.as_str()).ok());
        size.map_or_else(|| captures[0].to_owned(), |bytes| bytes.to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_are_numbers_except_in_strings() {
        let text = r#"memory_bytes > 10KB && key != "10KB\"1k" && key != '2m' && elements < 3"#;
        let expected = r#"memory_bytes > 10240 && key != "10KB\"1k" && key != '2m' && elements < 3"#;
        assert_eq!(with_sizes(text), expected);
        assert_eq!(with_sizes("x10k + 1k"), "x10k + 1000");
    }

    #[test]
    fn an_expression_that_cannot_be_meant_is_refused() {
        for (text, reason) in [("size >", "size"), ("lenght > 3", "keys have no lenght"), ("", "")] {
            let error = Expression::new(text).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(reason) && !error.is_empty(), "{text}: {error}");
        }
    }

    #[test]
    fn a_deeply_nested_expression_is_refused_or_compiled() {
        for depth in [100, 1000, 2000, 4000, 100_000] {
            let _ = Expression::new(&format!("{}elements{} > 1", "(".repeat(depth), ")".repeat(depth)));
            let _ = Expression::new(&format!("{}true", "!".repeat(depth)));
            let _ = Expression::new(&"[".repeat(depth));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_compiled(
            tokens in proptest::collection::vec(
                prop_oneof![
                    "elements|key|type|ttl_seconds|true|null|in|has",
                    "[0-9]{1,3}(k|KB|MiB|u)?",
                    "[-+*/%!<>=&|?:.,(){}\\[\\]]",
                    "\"[ -~]{0,4}\"?",
                    "\\PC{0,3}",
                ],
                0..12,
            ),
        ) {
            for separator in ["", " "] {
                let _ = Expression::new(&tokens.join(separator));
            }
        }
    }
}
