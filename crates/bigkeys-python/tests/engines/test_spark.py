"""`bigkeys.spark` on a local cluster: a driver and two executors, each in a process of its own.

An executor has two cores, and a task takes both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pyarrow as pa
import pytest
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

import bigkeys
import bigkeys.spark
from cases import Case
from spark_clusters import session
from victims import Hold, kill, serve


@pytest.fixture(scope="module")
def spark(spark_directory: Path) -> Iterator[SparkSession]:
    with session(spark_directory, "local-cluster[2,2,1024]", {"spark.task.cpus": "2"}) as spark:
        bigkeys.spark.register(spark)
        yield spark


def kill_executor(python: psutil.Process) -> None:
    """Kills a Python worker and the executor that it belongs to."""
    executor = next(
        parent
        for parent in python.parents()
        if "org.apache.spark.executor.CoarseGrainedExecutorBackend" in parent.cmdline()
    )
    kill(executor, python)


def rows(frame: DataFrame) -> Counter[tuple[object, ...]]:
    return Counter(tuple(row) for row in frame.collect())


def expected_rows(paths: list[str], **options: Any) -> Counter[tuple[object, ...]]:
    return Counter(
        tuple(row.values())
        for path in paths
        for row in bigkeys.keys(path, **options).to_pyarrow().read_all().to_pylist()
    )


def test_a_task_has_the_threads_that_spark_reserves(spark: SparkSession, dumps: list[str]) -> None:
    reserved = bigkeys.spark._threads

    def threads(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from (pa.RecordBatch.from_pydict({"threads": [reserved()]}) for _ in batches)

    assert spark.range(0, 1, 1, 1).mapInArrow(threads, "threads BIGINT").collect() == [(2,)]
    assert bigkeys.spark._slots(spark) == 2
    with pytest.raises(TypeError, match="a task has as many threads as spark.task.cpus says"):
        bigkeys.spark.scan(spark, dumps, threads=2)


@pytest.mark.parametrize(
    ("settings", "cores", "slots"),
    [
        ({}, 4, 4),
        ({"spark.task.cpus": "0.5"}, 4, 8),
        # Each executor has a core left over.
        ({"spark.task.cpus": "2", "spark.executor.cores": "3"}, 6, 2),
        ({"spark.task.cpus": "8"}, 4, 1),
        ({"spark.dynamicAllocation.enabled": "true"}, 2, None),
    ],
)
def test_slots_are_the_tasks_that_run_at_the_same_time(
    settings: dict[str, str], cores: int, slots: int | None
) -> None:
    session: Any = SimpleNamespace(conf=settings, sparkContext=SimpleNamespace(defaultParallelism=cores))
    assert bigkeys.spark._slots(session) == slots


def test_scan_equals_a_scan_on_one_machine(spark: SparkSession, case: Case) -> None:
    report = bigkeys.spark.scan(spark, case.paths, **case.options)
    assert report.to_json() == bigkeys.scan(case.paths, **case.options).to_json()


@pytest.mark.parametrize("hold", [kill, kill_executor])
def test_scan_survives_a_killed_process(
    spark: SparkSession, dumps: list[str], remote_dump: Path, hold: Hold
) -> None:
    with serve(remote_dump, hold) as held:
        paths = [*dumps[:2], held.url, *dumps[2:]]
        report = bigkeys.spark.scan(spark, paths)
        assert held.errors == []
        killed, survivor = held.workers
        assert killed != survivor
        assert report.to_json() == bigkeys.scan(paths).to_json()


def test_scan_reads_a_file_that_is_no_rdb_file_once_and_raises_its_error(
    spark: SparkSession, dumps: list[str], not_an_rdb: Path
) -> None:
    with serve(not_an_rdb, hold=lambda reader: None) as held:
        paths = [*dumps, held.url]
        with pytest.raises(bigkeys.NotRdbError) as alone:
            bigkeys.scan(paths)
        requests = len(held.readers)
        with pytest.raises(bigkeys.NotRdbError) as distributed:
            bigkeys.spark.scan(spark, paths)
        assert len(held.workers) == requests
        assert str(distributed.value) == str(alone.value)
        assert distributed.value.path == alone.value.path == held.url
        assert distributed.value.offset == alone.value.offset


def test_a_data_frame_has_a_partition_a_file(spark: SparkSession, dumps: list[str]) -> None:
    frame = spark.read.format("rdb").option("memory", "false").load(dumps)
    assert frame.rdd.getNumPartitions() == len(dumps)
    assert rows(frame) == expected_rows(dumps, memory=False)


def test_a_data_frame_has_the_columns_of_keys(spark: SparkSession, dumps: list[str]) -> None:
    frame = spark.read.format("rdb").load(dumps[0])
    schema = pa.schema(bigkeys.key_schema())
    assert frame.columns == schema.names
    assert [field.nullable for field in frame.schema] == [field.nullable for field in schema]
    # A schema of the user selects columns, in the user's order.
    some = spark.read.format("rdb").schema("offset BIGINT, db BIGINT").load(dumps[0])
    assert rows(some) == rows(frame.select("offset", "db"))


def test_a_data_frame_survives_a_killed_executor(
    spark: SparkSession, dumps: list[str], remote_dump: Path
) -> None:
    with serve(remote_dump, kill_executor) as held:
        paths = [*dumps, held.url]
        frame = spark.read.format("rdb").load(paths)
        assert rows(frame) == expected_rows(paths)
        assert held.errors == []
        killed, survivor = held.workers
        assert killed != survivor


@pytest.mark.parametrize(
    ("option", "text", "message"),
    [
        ("deep", "yes", "option 'deep' must be true or false, not 'yes'"),
        ("depth", "1", "the data source 'rdb' has no option 'depth'"),
    ],
)
def test_a_wrong_option_is_an_error(
    spark: SparkSession, dumps: list[str], option: str, text: str, message: str
) -> None:
    with pytest.raises(PySparkException, match=message):
        spark.read.format("rdb").option(option, text).load(dumps[0]).collect()


def test_a_truncated_file_is_an_error_unless_strict_is_false(
    spark: SparkSession, dumps: list[str], truncated_dump: str
) -> None:
    paths = [dumps[0], truncated_dump]
    with pytest.raises(PySparkException, match=f"{truncated_dump}: the keys are not all"):
        spark.read.format("rdb").load(paths).collect()
    frame = spark.read.format("rdb").option("strict", "false").load(paths)
    assert rows(frame) == expected_rows(paths)


def test_a_data_frame_has_the_options_of_keys(spark: SparkSession, dumps: list[str]) -> None:
    where = 'type == "hash"'
    frame = spark.read.format("rdb").option("where", where).option("deep", "true").load(dumps[4])
    assert rows(frame) == expected_rows([dumps[4]], where=where, deep=True)


def test_a_data_frame_has_the_settings_of_the_store(spark: SparkSession, remote_dump: Path) -> None:
    with serve(remote_dump, hold=lambda reader: None) as held:
        frame = spark.read.format("rdb").option("storage.TIMEOUT", "60 seconds").load(held.url)
        assert rows(frame) == expected_rows([held.url])
        requests = len(held.readers)
        wrong = spark.read.format("rdb").option("storage.TIMEOUT", "soon").load(held.url)
        with pytest.raises(PySparkException):
            wrong.collect()
        assert len(held.readers) == requests
