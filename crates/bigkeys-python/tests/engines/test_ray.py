"""`bigkeys.ray` on a cluster of three nodes: processes of their own on this machine."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest
import ray
from ray.cluster_utils import Cluster
from ray.exceptions import RayTaskError

import bigkeys
import bigkeys.ray
from cases import Case
from victims import kill, serve


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    # Paths of sockets have at most 107 bytes, so pytest's directories are too deep.
    with tempfile.TemporaryDirectory(prefix="ray-") as directory, pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", directory)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        node: dict[str, Any] = {"node_ip_address": "127.0.0.2"}
        # The head node has no CPU, so every task runs on one of the other nodes.
        head = {**node, "num_cpus": 0, "include_dashboard": False}
        # A node is lost after 5 checks without an answer, which take 15 seconds by default.
        head["_system_config"] = {"health_check_period_ms": 200}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        try:
            for _ in range(2):
                cluster.add_node(**node, num_cpus=1)
            ray.init(address=cluster.address, log_to_driver=False)
            yield cluster
        finally:
            ray.shutdown()
            cluster.shutdown()  # type: ignore[no-untyped-call]


def raylet(node: Any) -> psutil.Process:
    return psutil.Process(node.all_processes["raylet"][0].process.pid)


def rows(tables: list[pa.Table]) -> Counter[tuple[object, ...]]:
    return Counter(row for table in tables for row in zip(*table.to_pydict().values()))


def test_scan_equals_a_scan_on_one_machine(cluster: Cluster, case: Case) -> None:
    report = bigkeys.ray.scan(case.paths, **case.options)
    assert report.to_json() == bigkeys.scan(case.paths, **case.options).to_json()


def test_scan_survives_a_killed_worker(cluster: Cluster, dumps: list[str], remote_dump: Path) -> None:
    with serve(remote_dump, hold=kill) as held:
        paths = [*dumps[:2], held.url, *dumps[2:]]
        report = bigkeys.ray.scan(paths)
        killed, survivor = held.workers
        assert held.errors == []
        assert killed != survivor
        assert report.to_json() == bigkeys.scan(paths).to_json()


def test_scan_survives_a_lost_node(cluster: Cluster, dumps: list[str], remote_dump: Path) -> None:
    lost = []

    def lose_node(worker: psutil.Process) -> None:
        ancestors = worker.parents()
        node = next(node for node in cluster.worker_nodes if raylet(node) in ancestors)
        cluster.remove_node(node, allow_graceful=False)
        lost.append(node)
        kill(worker)

    with serve(remote_dump, hold=lose_node) as held:
        paths = [held.url, *dumps]
        try:
            report = bigkeys.ray.scan(paths)
        finally:
            cluster.add_node(node_ip_address="127.0.0.2", num_cpus=1)
        killed, survivor = held.workers
        assert held.errors == []
        assert len(lost) == 1
        assert killed != survivor
        assert report.to_json() == bigkeys.scan(paths).to_json()


def test_scan_reads_a_file_that_is_no_rdb_file_once_and_raises_its_error(
    cluster: Cluster, dumps: list[str], not_an_rdb: Path
) -> None:
    with serve(not_an_rdb, hold=lambda reader: None) as held:
        paths = [*dumps, held.url]
        with pytest.raises(bigkeys.NotRdbError) as alone:
            bigkeys.scan(paths)
        requests = len(held.readers)
        with pytest.raises(bigkeys.NotRdbError) as distributed:
            bigkeys.ray.scan(paths)
        assert len(held.workers) == requests
        assert str(distributed.value) == str(alone.value)
        assert distributed.value.path == alone.value.path == held.url
        assert distributed.value.offset == alone.value.offset


def test_read_rdb_has_a_task_a_file(cluster: Cluster, dumps: list[str]) -> None:
    tasks = bigkeys.ray.RdbDatasource(dumps).get_read_tasks(parallelism=200)
    assert [task.metadata.input_files for task in tasks] == [(path,) for path in dumps]
    assert [task.metadata.size_bytes for task in tasks] == [Path(path).stat().st_size for path in dumps]


def test_the_threads_of_a_task_have_as_many_cpus(cluster: Cluster, dumps: list[str]) -> None:
    with pytest.raises(ValueError, match="threads cannot be 0"):
        bigkeys.ray.scan(dumps, threads=0)
    # The other nodes have one CPU.
    node = cluster.add_node(node_ip_address="127.0.0.2", num_cpus=2)
    try:
        report = bigkeys.ray.scan(dumps, threads=2)
        tables: Any = bigkeys.ray.read_rdb(dumps, threads=2).to_arrow_refs()
        keys = ray.get(tables)
    finally:
        cluster.remove_node(node, allow_graceful=True)
    assert report.to_json() == bigkeys.scan(dumps).to_json()
    assert rows(keys) == rows([bigkeys.keys(path).to_pyarrow().read_all() for path in dumps])


def test_read_rdb_survives_a_killed_worker(
    cluster: Cluster, dumps: list[str], remote_dump: Path
) -> None:
    with serve(remote_dump, hold=kill) as held:
        paths = [*dumps, held.url]
        dataset = bigkeys.ray.read_rdb(paths, memory=False)
        references: Any = dataset.to_arrow_refs()
        tables = ray.get(references)
        killed, survivor = held.workers
        assert held.errors == []
        assert killed != survivor
        assert dataset.columns() == pa.schema(bigkeys.key_schema()).names
        assert rows(tables) == rows(
            [bigkeys.keys(path, memory=False).to_pyarrow().read_all() for path in paths]
        )


def test_a_truncated_file_is_an_error_unless_the_dataset_is_not_strict(
    cluster: Cluster, dumps: list[str], truncated_dump: str
) -> None:
    paths = [dumps[0], truncated_dump]
    with pytest.raises(RayTaskError, match=f"{truncated_dump}: the keys are not all"):
        bigkeys.ray.read_rdb(paths).materialize()
    dataset = bigkeys.ray.read_rdb(paths, strict=False)
    keys = [bigkeys.keys(path).to_pyarrow().read_all() for path in paths]
    assert dataset.count() == sum(table.num_rows for table in keys)
