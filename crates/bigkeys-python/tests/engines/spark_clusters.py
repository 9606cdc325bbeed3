"""Starts Spark on this machine, with every executor in a process of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pyspark
from pyspark.sql import SparkSession

# A short run gains nothing from the optimizing compiler of the JVM.
JAVA_OPTIONS = "-XX:TieredStopAtLevel=1"


def environment(directory: Path) -> dict[str, str]:
    """Returns the variables of Spark's processes, which write their files in `directory`."""
    return {
        "SPARK_HOME": str(Path(pyspark.__file__).parent),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_WORKER_DIR": str(directory / "work"),
        "SPARK_DAEMON_JAVA_OPTS": JAVA_OPTIONS,
        "SPARK_DAEMON_MEMORY": "256m",
        "PYSPARK_PYTHON": sys.executable,
    }


@contextmanager
def session(
    directory: Path, master: str, options: Mapping[str, str] | None = None
) -> Iterator[SparkSession]:
    """Starts a session of `master`, which writes its files in `directory`, and ends it."""
    builder = (
        SparkSession.builder.master(master)
        .config("spark.executor.memory", "512m")
        .config("spark.local.dir", str(directory / "local"))
        .config("spark.sql.warehouse.dir", str(directory / "warehouse"))
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        # The JVM outlives a session, and keeps the options of the first one.
        .config("spark.task.cpus", "1")
        .config("spark.driver.extraJavaOptions", JAVA_OPTIONS)
        .config("spark.executor.extraJavaOptions", JAVA_OPTIONS)
    )
    for name, value in (options or {}).items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    # A session that is still there would be returned, with another master.
    assert spark.sparkContext.master == master
    try:
        yield spark
    finally:
        spark.stop()


@contextmanager
def cluster_of_hosts(directory: Path, hosts: list[str]) -> Iterator[str]:
    """Starts a master, and a worker with one core on each of the addresses `hosts`."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    spark_class = Path(pyspark.__file__).parent / "bin" / "spark-class"
    package = "org.apache.spark.deploy"
    master = [f"{package}.master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", "0"]
    commands = [master]
    for host in hosts:
        worker = [f"{package}.worker.Worker", "--host", host, "--webui-port", "0", "--cores", "1"]
        commands.append([*worker, "--memory", "1g", f"spark://127.0.0.1:{port}"])
    with ExitStack() as stack:
        for number, command in enumerate(commands):
            log = stack.enter_context(open(directory / f"{number}.log", "wb"))
            # `spark-class` becomes the JVM, which stops its executors when it is terminated.
            process = subprocess.Popen([spark_class, *command], stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.terminate)
        yield f"spark://127.0.0.1:{port}"
