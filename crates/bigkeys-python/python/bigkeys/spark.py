"""Scans RDB files on a Spark cluster, and reads their keys as a Spark data frame.

Every executor needs this package, and reaches the files by the same paths or URLs. Requires Spark 4 with
PyArrow and pandas.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any, get_type_hints

import pyarrow as pa
from pyspark import TaskContext
from pyspark.sql import SparkSession
from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition
from pyspark.sql.types import StructType

import bigkeys
from bigkeys import _distributed
from bigkeys._options import Measuring, Paths, Reporting

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["RdbDataSource", "RdbReader", "register", "scan"]

# To start a task takes Spark as long as to scan 100 to 200 MB, about 2 % of 8 GiB.
_TASK_BYTES = 8 << 30
_STORAGE_PREFIX = "storage."
_SPARK_TYPES = {"int64": "BIGINT", "string": "STRING", "binary": "BINARY"}


def register(spark: SparkSession) -> None:
    """Registers the format `rdb` in a session: `spark.read.format("rdb")`."""
    spark.dataSource.register(RdbDataSource)


class RdbDataSource(DataSource):  # type: ignore[misc, unused-ignore]
    """Spark data source `rdb`: the keys of RDB files, with one partition a file.

    `load` takes what `bigkeys.keys` takes: files, directories, patterns and URLs. The options are those
    of `bigkeys.keys` without `threads` and `shards`, and `storage.NAME` for a setting of the object store
    such as `storage.AWS_ENDPOINT`.

    A damaged file is an error, because a data frame cannot say what is missing. If the option `strict` is
    `false`, the data frame has the keys that can be read.
    """

    @classmethod
    def name(cls) -> str:
        """Returns the name of the format."""
        return "rdb"

    def schema(self) -> str:
        """Returns the columns of `bigkeys.key_schema`."""
        return ", ".join(
            f"`{field.name}` {_SPARK_TYPES[str(field.type)]}{'' if field.nullable else ' NOT NULL'}"
            for field in pa.schema(bigkeys.key_schema())
        )

    def reader(self, schema: StructType) -> RdbReader:
        """Returns the reader of the columns in `schema`."""
        return RdbReader(schema, self.options)


class RdbReader(DataSourceReader):  # type: ignore[misc, unused-ignore]
    """Reads the keys of RDB files, with one partition a file.

    One task reads a file of any length, with as many threads as `spark.task.cpus` says, rounded up.
    """

    def __init__(self, schema: StructType, options: MutableMapping[str, str]) -> None:
        types = pa.schema(bigkeys.key_schema())
        # Spark compares the schema of every batch with its own, and its own decides what may be null.
        self._schema = pa.schema(
            [types.field(field.name).with_nullable(field.nullable) for field in schema.fields]
        )
        self._paths, self._options, self._strict = _parse(options)

    def partitions(self) -> list[InputPartition]:
        """Lists the files, one partition each."""
        plan = _distributed.plan(self._paths, self._options)
        options = {**plan.options, "strict": self._strict}
        return [InputPartition((file, options)) for file in plan.files]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """Reads the keys of one file."""
        file, options = partition.value
        for batch in _distributed.read_file(file, {**options, "threads": _threads()}).to_pyarrow():
            columns = [batch.column(name) for name in self._schema.names]
            yield pa.RecordBatch.from_arrays(columns, schema=self._schema)


def scan(spark: SparkSession, paths: Paths, **options: Unpack[Reporting]) -> bigkeys.Report:
    """Scans RDB files on the Spark cluster into the report that `bigkeys.scan` returns.

    A task scans a group of files, one after the other, with as many threads as `spark.task.cpus` says, rounded
    up. Let N be the number of tasks that run at the same time. There are N tasks, or a multiple of N if each
    still has at least 8 GiB on average. With dynamic allocation, a task scans one file. Spark starts a task
    again when its executor is lost, `spark.task.maxFailures` times in all. An input that cannot be scanned
    raises the error of `bigkeys.scan` when the other tasks are done: Spark does not try it again.

    The options are those of `bigkeys.scan`, without `threads`, `progress` and `where`.
    """
    if "threads" in options:
        raise TypeError("option 'threads' is not for Spark: a task has as many threads as spark.task.cpus says")
    plan = _distributed.plan_scan(paths, options)
    groups = plan.groups(_slots(spark) or max(len(plan.files), 1), _TASK_BYTES)

    def scan_files(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        task_options = {**plan.options, "threads": _threads()}
        for batch in batches:
            indices = [index for number in batch.column(0).to_pylist() for index in groups[number]]
            for index in indices:
                result: bigkeys.Report | bigkeys.Error
                try:
                    result = _distributed.scan_file(plan.files[index], task_options)
                except bigkeys.Error as error:
                    # Raised here, the error would lose its type, and Spark would start the task again.
                    result = error
                columns = {"index": [index], "result": [pickle.dumps(result)]}
                yield pa.RecordBatch.from_pydict(columns)

    # One number a partition, and one task a partition.
    numbers = spark.range(0, len(groups), 1, max(len(groups), 1))
    rows = numbers.mapInArrow(scan_files, "index BIGINT, result BINARY").collect()
    results = [(row["index"], pickle.loads(row["result"])) for row in rows]
    for _, result in sorted(results, key=lambda result: result[0]):
        if isinstance(result, bigkeys.Error):
            raise result
    return plan.merge(results)


def _slots(spark: SparkSession) -> int | None:
    """Returns the number of tasks that the cluster runs at the same time, or `None` if Spark changes it."""
    if spark.conf.get("spark.dynamicAllocation.enabled", "false") == "true":
        return None
    cores = int(spark.sparkContext.defaultParallelism)
    executor_cores = int(spark.conf.get("spark.executor.cores", str(cores)))
    task_cores = float(spark.conf.get("spark.task.cpus", "1"))
    return max(cores // executor_cores * int(executor_cores / task_cores), 1)


def _threads() -> int:
    """Returns the number of cores that Spark has reserved for the task that calls."""
    context = TaskContext.get()
    return context.cpus() if context else 1


def _parse(options: MutableMapping[str, str]) -> tuple[list[str], dict[str, Any], bool]:
    """Splits the options of a data source into paths, options of `bigkeys.keys`, and `strict`."""
    types = {**get_type_hints(Measuring), "strict": bool}
    names = types.keys() - {"threads", "shards", "storage_options"}
    paths: list[str] = []
    parsed: dict[str, Any] = {}
    for name, text in options.items():
        if name == "path":
            paths.append(text)
        elif name == "paths":
            # Spark passes several arguments of `load` as JSON.
            paths += json.loads(text)
        elif name.startswith(_STORAGE_PREFIX):
            parsed.setdefault("storage_options", {})[name[len(_STORAGE_PREFIX) :]] = text
        elif name not in names:
            raise ValueError(f"the data source 'rdb' has no option '{name}'")
        elif types[name] is bool:
            parsed[name] = _flag(name, text)
        else:
            parsed[name] = text
    if not paths:
        raise ValueError("the data source 'rdb' needs a path: call load(path)")
    return paths, parsed, parsed.pop("strict", True)


def _flag(name: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(f"option '{name}' must be true or false, not '{text}'")
    return text.lower() == "true"
