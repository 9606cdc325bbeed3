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
    if options.memory {
        scan_source::<MemoryEstimator>(source, options, progress, stop, sink)
    } else {
        scan_source::<()>(source, options, progress, stop, sink)
    }
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
    let Some(plan) = plan else {
        return scan_in_order(source, options, progress, stop, sink);
    };
    if options.memory {
        scan_with_model::<MemoryEstimator>(source, options, plan, sharing, progress, stop, sink)
    } else {
        scan_with_model::<()>(source, options, plan, sharing, progress, stop, sink)
    }
}

fn scan_with_model<M: Estimator>(
    source: Source<'_>,
    options: &ScanOptions,
    plan: RangePlan,
    sharing: Option<&Sharing>,
    progress: &dyn Progress,
    stop: &AtomicBool,
    sink: &mut impl RangeSink,
) -> Result<SourceFacts, Error> {
    let guard = source.origin.guard.as_deref();
    let ready_bytes = source.data.ready_bytes();
    let context = Context { options, progress, stop, guard, ready_bytes: ready_bytes.as_deref(), sharing };
    let Origin { prefix_bytes: start, end_mark, .. } = source.origin;
    let (length, time_ms, mark) = (source.data.length(), source.fallback_time_ms, end_mark.as_ref());
    let facts = match source.data {
        SourceData::Bytes(bytes) => {
            let input = SliceInput::starting_at(bytes, start);
            let whole = Some(FileSlice { bytes, offset: 0 });
            scan_split::<M, _>(input, (whole, length), plan, &context, time_ms, mark, sink)?
        }
        SourceData::Reader { reader, length, .. } => {
            let input = Window::starting_at(reader, start, length);
            scan_split::<M, _>(input, (None, length), plan, &context, time_ms, mark, sink)?
        }
    };
    Ok(facts.adjusted_by(source.origin))
}
