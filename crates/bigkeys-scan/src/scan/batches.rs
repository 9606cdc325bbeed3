//! Keys as Arrow record batches.

use std::ops::ControlFlow;

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use rdb_analysis::Outcome;
use rdb_analysis::arrow::BatchOrder;

use super::{Scan, ScannedInput};
use crate::error::ScanError;
use crate::input::Input;

impl Scan<'_> {
    /// Gives the keys of `inputs` to `emit` as record batches, until `emit` breaks. The columns are
    /// those of [`key_schema`](rdb_analysis::arrow::key_schema). Inputs that cannot be used are in the
    /// outcome.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use bigkeys_scan::{Scan, arrow::BatchOrder};
    ///
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("dump.rdb");
    /// # std::fs::write(&path, b"REDIS0003\xfe\x00\x02\x01s\x02\x01a\xc0\x07\xff")?;
    /// let scan = Scan::open(path)?;
    /// let mut rows = 0;
    /// scan.key_batches(scan.list(|_| {})?, BatchOrder::File, |batch| {
    ///     rows += batch.map_or(0, |batch| batch.num_rows());
    ///     ControlFlow::Continue(())
    /// })?;
    /// assert_eq!(rows, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The threads cannot be started.
    pub fn key_batches(
        &self,
        inputs: Vec<Input>,
        order: BatchOrder,
        emit: impl FnMut(Result<RecordBatch, ArrowError>) -> ControlFlow<()> + Send,
    ) -> Result<Outcome<Vec<ScannedInput>, ScanError>, ScanError> {
        let names: Vec<_> = inputs.iter().map(|input| (input.name.clone(), input.shard.clone())).collect();
        let outcome = self.engine().key_batches(inputs, &self.open, order, emit)?;
        Ok(outcome.map(|scanned| {
            let with_name = |(index, facts)| {
                let (name, shard) = names.get(index).cloned().unwrap_or_default();
                ScannedInput { name, shard, facts }
            };
            scanned.into_iter().map(with_name).collect()
        }))
    }
}
