"""`bigkeys.spark` where two executors scan the same file at the same time.

A process has one Spark session at a time, so this module starts when that of `test_spark` has ended.
"""

from __future__ import annotations

from pathlib import Path

import bigkeys
import bigkeys.spark
from spark_clusters import cluster_of_hosts, session
from victims import serve


def test_a_speculative_copy_counts_once(spark_directory: Path, dumps: list[str], remote_dump: Path) -> None:
    speculation = {
        "spark.speculation": "true",
        "spark.speculation.interval": "100ms",
        "spark.speculation.multiplier": "1",
        "spark.speculation.quantile": "0",
        "spark.speculation.efficiency.enabled": "false",
    }
    # Spark starts a copy of a slow task on another host only, and a local cluster has one host.
    with (
        cluster_of_hosts(spark_directory, ["127.0.0.2", "127.0.0.3"]) as master,
        session(spark_directory, master, speculation) as spark,
        serve(remote_dump, hold=lambda reader: held.wait_for_workers(2)) as held,
    ):
        paths = [*dumps, held.url]
        report = bigkeys.spark.scan(spark, paths)
        assert held.errors == []
        slow, copy = held.workers
        assert slow != copy
        assert report.to_json() == bigkeys.scan(paths).to_json()
