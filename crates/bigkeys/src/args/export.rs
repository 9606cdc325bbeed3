//! Files that get results.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::render::{KeysFormat, ScanFormat};

/// A file that gets the result, and its format.
#[derive(Clone, Debug)]
pub(crate) struct Export<F> {
    pub(crate) format: F,
    pub(crate) path: PathBuf,
}

/// A table is for terminals, and the object of the contract ranks keys by a measure of its own.
pub(super) fn parse_scan_export(text: &str) -> Result<Export<ScanFormat>, String> {
    parse_export(text, |format| !matches!(format, ScanFormat::Table | ScanFormat::Dcs))
}

pub(super) fn parse_keys_export(text: &str) -> Result<Export<KeysFormat>, String> {
    parse_export(text, |format| format != KeysFormat::Table)
}

/// `FORMAT=FILE`, where `is_for_files` holds for the format.
fn parse_export<F: ValueEnum + Copy>(
    text: &str,
    is_for_files: impl Fn(F) -> bool,
) -> Result<Export<F>, String> {
    let (format, path) =
        text.split_once('=').filter(|(_, path)| !path.is_empty()).ok_or("give FORMAT=FILE")?;
    if let Some(format) = F::from_str(format, false).ok().filter(|&format| is_for_files(format)) {
        return Ok(Export { format, path: PathBuf::from(path) });
    }
    let known = F::value_variants().iter().filter(|&&format| is_for_files(format));
    let known: Vec<_> =
        known.filter_map(|format| Some(format.to_possible_value()?.get_name().to_owned())).collect();
    Err(format!("formats are {}", known.join(", ")))
}
