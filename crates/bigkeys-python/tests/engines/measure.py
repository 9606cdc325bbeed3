"""Measures Ray and Spark beside the program: scripts/test-python-engines --measure FILE.

The clusters have one worker a core, and are warm. The contenders take turns in every round, and a figure
is the median of the rounds. The first round fills the page cache and does not count.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import ray

import bigkeys
import bigkeys.ray
import bigkeys.spark
from spark_clusters import environment, session


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="the RDB file that is copied")
    parser.add_argument("--program", required=True)
    parser.add_argument("--copies", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="bigkeys-") as name:
        directory = Path(name)
        # Links would name one file, which counts once.
        shards = [str(directory / f"{number:02}.rdb") for number in range(arguments.copies)]
        for shard in shards:
            shutil.copy(arguments.file, shard)
        mib = arguments.copies * arguments.file.stat().st_size / (1 << 20)
        print(f"{arguments.copies} copies of {arguments.file.name}, {mib:,.0f} MiB; {cores} cores")

        os.environ.update(environment(directory), RAY_TMPDIR=name, RAY_USAGE_STATS_ENABLED="0")
        ray.init(num_cpus=cores, include_dashboard=False, log_to_driver=False)
        # By default, Python workers use TCP, which delays every task.
        options = {"spark.python.unix.domain.socket.enabled": "true"}
        with session(directory, f"local-cluster[{cores},1,1024]", options) as spark:
            command = [arguments.program, "scan", "--quiet", "--format", "json", *shards]
            contenders: dict[str, Callable[[], str]] = {
                "program": lambda: subprocess.check_output(command, text=True),
                "bigkeys.scan": lambda: bigkeys.scan(shards).to_json(),
                "bigkeys.ray": lambda: bigkeys.ray.scan(shards).to_json(),
                "bigkeys.spark": lambda: bigkeys.spark.scan(spark, shards).to_json(),
            }
            compare(arguments.rounds, contenders)
        ray.shutdown()


def compare(rounds: int, contenders: dict[str, Callable[[], str]]) -> None:
    """Prints the median seconds of each contender, and the speed relative to the first one."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    reports = set()
    for number in range(rounds + 1):
        for name, contender in contenders.items():
            started = time.perf_counter()
            report = contender()
            if number > 0:
                seconds[name].append(time.perf_counter() - started)
            reports.add(report.rstrip("\n"))
    if len(reports) != 1:
        raise SystemExit(f"the contenders give {len(reports)} different reports")
    first = next(iter(seconds.values()))
    for name, each in seconds.items():
        speeds = [a / b for a, b in zip(first, each, strict=True)]
        times = f"{statistics.median(each):6.2f} s ({min(each):.2f} to {max(each):.2f})"
        print(f"{name:13} {times}, speed {statistics.median(speeds):.2f} of the program's")


if __name__ == "__main__":
    main()
