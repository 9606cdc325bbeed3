//! Rules: what must not be in a backup, and why.

mod baseline;
mod check;
mod presets;
mod rule;
mod set;
mod text;

pub use baseline::{Baseline, BaselineError};
pub use check::RuleResult;
pub(crate) use check::{checks, results};
pub use presets::Preset;
pub use rule::{Excess, Limit, MaxSums, Rule, Severity};
pub use set::Rules;
pub use text::RulesError;
