//! Scans one source, with or without ranges, with or without the memory model.

use std::sync::atomic::AtomicBool;

use rdb_parser::resume::FileSlice;
use rdb_parser::{Error, SliceInput, Window};

use super::range_plan::RangePlan;
use super::sink::RangeSink;
use super::stitch::scan_split;
use crate::measure::Estimator;
use crate::memory::MemoryEstimator;
use crate::scan::{
    Context, Origin, Progress, ScanOptions, Sharing, Sink, Source, SourceData, SourceFacts, scan_source,
};

/// Scans one source on one thread.
///
/// # Errors
///
/// If the source does not begin as an RDB file.
pub(crate) fn scan_in_order(
    source: Source<'_>,
    options: &ScanOptions,
    progress: &dyn Progress,
    stop: &AtomicBool,
    sink: &mut impl Sink,
) -> Result<SourceFacts, Error> {
    let (facts, origin) = if options.memory {
        scan_source::<MemoryEstimator>(source, options, progress, stop, sink)?
    } else {
        scan_source::<()>(source, options, progress, stop, sink)?
    };
    Ok(facts.adjusted_by(origin))
}

/// Scans one source on the current threads, if there is a `plan`, or else on one thread. With
/// `sharing`, other threads help once they have no source of their own.
///
/// # Errors
///
/// If the source does not begin as an RDB file.
pub(crate) fn scan_in_ranges(
    source: Source<'_>,
    options: &ScanOptions,
    plan: Option<RangePlan>,
    sharing: Option<&Sharing>,
    progress: &dyn Progress,
    stop: &AtomicBool,
    sink: &mut impl RangeSink,
) -> Result<SourceFacts, Error> {
    let (facts, origin) = if options.memory {
        scan_seen_by::<MemoryEstimator>(source, options, plan, sharing, progress, stop, sink)?
    } else {
        scan_seen_by::<()>(source, options, plan, sharing, progress, stop, sink)?
    };
    Ok(facts.adjusted_by(origin))
}

/// As [`scan_in_ranges`], with an estimator `M` that sees the values. Returns what was learned,
/// which the origin may [adjust](SourceFacts::adjusted_by).
///
/// # Errors
///
/// If the source does not begin as an RDB file.
pub(crate) fn scan_seen_by<'a, M: Estimator>(
    source: Source<'a>,
    options: &ScanOptions,
    plan: Option<RangePlan>,
    sharing: Option<&Sharing>,
    progress: &dyn Progress,
    stop: &AtomicBool,
    sink: &mut impl RangeSink,
) -> Result<(SourceFacts, Origin<'a>), Error> {
    let Some(plan) = plan else {
        return scan_source::<M>(source, options, progress, stop, sink);
    };
    let Source { data, origin, fallback_time_ms, .. } = source;
    let (guard, ready_bytes) = (origin.guard.as_deref(), data.ready_bytes());
    let context = Context { options, progress, stop, guard, ready_bytes: ready_bytes.as_deref(), sharing };
    let (start, length, mark) = (origin.prefix_bytes, data.length(), origin.end_mark.as_ref());
    let facts = match data {
        SourceData::Bytes(bytes) => {
            let input = SliceInput::starting_at(bytes, start);
            let whole = Some(FileSlice { bytes, offset: 0 });
            scan_split::<M, _>(input, (whole, length), plan, &context, fallback_time_ms, mark, sink)?
        }
        SourceData::Reader { reader, length, .. } => {
            let input = Window::starting_at(reader, start, length);
            scan_split::<M, _>(input, (None, length), plan, &context, fallback_time_ms, mark, sink)?
        }
    };
    Ok((facts, origin))
}
