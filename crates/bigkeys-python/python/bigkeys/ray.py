"""Scans RDB files on a Ray cluster, and reads their keys as a Ray dataset.

Every node needs this package, and reaches the files by the same paths or URLs. Requires `ray[data]`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import ray
import ray.data
from ray.data.block import BlockMetadata
from ray.exceptions import RayTaskError

import bigkeys
from bigkeys import _distributed
from bigkeys._options import Measuring, Paths, Reporting

if TYPE_CHECKING:
    from ray.data.context import DataContext
    from typing_extensions import Unpack

__all__ = ["RdbDatasource", "read_rdb", "scan"]


class RdbDatasource(ray.data.Datasource):  # type: ignore[misc, unused-ignore]
    """Ray Data source of the keys of RDB files, with one read task a file.

    Takes the options of `bigkeys.keys`. A task has `threads` threads, by default one, which share a file. Ray
    reserves as many CPUs for a task as the option `num_cpus` of `read_datasource` says.

    A damaged file is an error, because a dataset cannot say what is missing. Without `strict`, the dataset
    has the keys that can be read.
    """

    def __init__(self, paths: Paths, *, strict: bool = True, **options: Unpack[Measuring]) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]
        plan = _distributed.plan(paths, options)
        self._files = plan.files
        self._options = {**plan.options, "strict": strict}

    @property
    def threads(self) -> int:
        """Returns the number of threads of a task."""
        threads: int = self._options["threads"]
        return threads

    def estimate_inmemory_data_size(self) -> int | None:
        """Returns the sum of the lengths of the files, or `None` if a length is unknown."""
        lengths = [file.length_bytes for file in self._files]
        known = [length for length in lengths if length is not None]
        return sum(known) if len(known) == len(lengths) else None

    def get_read_tasks(
        self,
        parallelism: int,
        per_task_row_limit: int | None = None,
        data_context: DataContext | None = None,
    ) -> list[ray.data.ReadTask]:
        """Returns one task a file; `parallelism` changes nothing."""
        schema = pa.schema(bigkeys.key_schema())
        return [
            ray.data.ReadTask(
                partial(_read_blocks, file, self._options),
                BlockMetadata(
                    num_rows=None,
                    size_bytes=file.length_bytes,
                    exec_stats=None,
                    input_files=(file.path,),
                ),
                schema=schema,
                per_task_row_limit=per_task_row_limit,
            )
            for file in self._files
        ]


def read_rdb(paths: Paths, *, strict: bool = True, **options: Unpack[Measuring]) -> ray.data.Dataset:
    """Reads the keys of RDB files as a Ray dataset, with one read task a file.

    Takes the options of `bigkeys.keys`. A task has `threads` threads on as many CPUs, by default one. For
    options of Ray, such as `concurrency`, call `ray.data.read_datasource` with an `RdbDatasource`.
    """
    source = RdbDatasource(paths, strict=strict, **options)
    dataset: ray.data.Dataset = ray.data.read_datasource(source, num_cpus=source.threads)
    return dataset


def scan(
    paths: Paths, *, ray_remote_args: Mapping[str, Any] | None = None, **options: Unpack[Reporting]
) -> bigkeys.Report:
    """Scans RDB files on the Ray cluster into the report that `bigkeys.scan` returns.

    One task scans one file, the longest file first. A task has `threads` threads on as many CPUs, by default
    one. Ray starts a task again when its worker or node is lost, at most 3 times. An input that cannot be
    scanned raises the error of `bigkeys.scan`: Ray does not try it again, and the other tasks are cancelled.

    `ray_remote_args` are options of `ray.remote`, such as `max_retries`, `resources` or
    `scheduling_strategy`. They have priority: `num_cpus` in them changes the CPUs and not the threads. Ray
    waits for ever for a node with enough CPUs. The other options are those of `bigkeys.scan`, without
    `progress` and `where`.
    """
    plan = _distributed.plan_scan(paths, options)
    defaults = {"num_cpus": plan.options["threads"], "max_retries": 3, "name": "bigkeys.ray.scan"}
    task = ray.remote(_scan_file).options(**{**defaults, **(ray_remote_args or {})})
    # However often Ray runs a task, the reference of the task has one result.
    references = [task.remote(index, plan.files[index], plan.options) for index in plan.largest_first()]
    try:
        results = ray.get(references)
    except BaseException as error:
        for reference in references:
            ray.cancel(reference)
        if isinstance(error, RayTaskError) and isinstance(error.cause, bigkeys.Error):
            raise error.cause from error
        raise
    return plan.merge(results)


def _scan_file(
    index: int, file: _distributed.File, options: Mapping[str, Any]
) -> tuple[int, bigkeys.Report]:
    return index, _distributed.scan_file(file, options)


def _read_blocks(file: _distributed.File, options: Mapping[str, Any]) -> Iterator[pa.Table]:
    for batch in _distributed.read_file(file, options).to_pyarrow():
        yield pa.Table.from_batches([batch])
