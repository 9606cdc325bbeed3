"""Measures the Python package beside the program and beside other packages: scripts/measure-python.

All contenders of a table take turns in every round, and a figure is the median of the rounds. The first
round fills the page cache and does not count.
"""

from __future__ import annotations

import argparse
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import bigkeys
import polars
import pyarrow


def write_file(path: Path, keys: int) -> None:
    """Writes strings of 11 to 90 bytes, a third of which expire, and short lists, in RDB version 9."""
    expiry = b"\xfc" + struct.pack("<Q", 4_000_000_000_000)
    text = bytes(ord("a") + index % 26 for index in range(90))
    strings = [b"%c%s" % (length, text[:length]) for length in range(11, 64)]
    # A ziplist of three short strings.
    entries = b"\x00\x03one" + b"\x05\x03two" + b"\x05\x05three"
    ziplist = struct.pack("<IIH", 10 + len(entries) + 1, 10 + 10, 3) + entries + b"\xff"
    packed = bytes([len(ziplist)]) + ziplist
    with path.open("wb") as file:
        file.write(b"REDIS0009\xfe\x00")
        block = bytearray()
        for number in range(keys):
            name = b"user:%d:session" % number
            if number % 3 == 0:
                block += expiry
            if number % 20 == 0:
                block += b"\x0a%c%s%s" % (len(name), name, packed)
            else:
                block += b"\x00%c%s%s" % (len(name), name, strings[number % len(strings)])
            if len(block) > 1 << 20:
                file.write(block)
                block.clear()
        # A checksum of 0 is not compared.
        file.write(block + b"\xff" + bytes(8))


def medians(rounds: int, contenders: dict[str, Callable[[], float]]) -> dict[str, float]:
    """Returns the median time of each contender in seconds. Each measures its own."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, contender in contenders.items():
            seconds = contender()
            if number > 0:
                times[name].append(seconds)
    return {name: statistics.median(each) for name, each in times.items()}


def timed(work: Callable[[], object]) -> Callable[[], float]:
    """Returns a contender that runs `work` in this process."""

    def contender() -> float:
        start = time.perf_counter()
        result = work()
        seconds = time.perf_counter() - start
        del result
        return seconds

    return contender


def process(*command: str) -> Callable[[], float]:
    """Returns a contender that is a process."""

    def contender() -> float:
        start = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - start

    return contender


def measure_scan(program: str, path: str, rounds: int) -> None:
    for threads in (1, os.cpu_count() or 1):
        found = medians(
            rounds,
            {
                "program": process(program, "scan", "-q", "--format", "json", "--threads", str(threads), path),
                "package": timed(lambda: bigkeys.scan(path, threads=threads).to_json()),
            },
        )
        ratio = found["package"] / found["program"]
        print(f"scan, {threads} threads: {found['program']:.3f} s program, ", end="")
        print(f"{found['package']:.3f} s bigkeys.scan, ratio {ratio:.3f}", flush=True)


def measure_keys(path: str, keys: int, rounds: int) -> None:
    for threads in (1, os.cpu_count() or 1):
        found = medians(
            rounds,
            {
                "pyarrow": timed(lambda: pyarrow.table(bigkeys.keys(path, threads=threads))),
                "polars": timed(lambda: polars.DataFrame(bigkeys.keys(path, threads=threads))),
                "pyarrow, no memory": timed(
                    lambda: pyarrow.table(bigkeys.keys(path, threads=threads, memory=False))
                ),
            },
        )
        for name, seconds in found.items():
            speed = keys / seconds / threads / 1e6
            print(f"{name}, {threads} threads: {seconds:.3f} s, {speed:.2f} M keys/s per core", flush=True)


RDBTOOLS = """
import sys
from rdbtools import RdbParser, MemoryCallback
class Sink:
    def next_record(self, record): pass
RdbParser(MemoryCallback(Sink(), 64)).parse(sys.argv[1])
"""
RDB_PY = """
import sys, rdb
for item in rdb.RdbDecoder(sys.argv[1]): pass
"""
KEYS = """
import sys, bigkeys
list(bigkeys.keys(sys.argv[1], threads=int(sys.argv[2])).to_pyarrow())
"""
SCAN = """
import sys, bigkeys
bigkeys.scan(sys.argv[1], threads=int(sys.argv[2])).to_json()
"""


def measure_others(path: str, keys: int, rounds: int) -> None:
    threads = os.cpu_count() or 1
    contenders = {
        "bigkeys.scan, 1 thread": process(sys.executable, "-c", SCAN, path, "1"),
        f"bigkeys.scan, {threads} threads": process(sys.executable, "-c", SCAN, path, str(threads)),
        "bigkeys.keys, 1 thread": process(sys.executable, "-c", KEYS, path, "1"),
        f"bigkeys.keys, {threads} threads": process(sys.executable, "-c", KEYS, path, str(threads)),
        "rdb-py": process(sys.executable, "-c", RDB_PY, path),
        "rdbtools": process(sys.executable, "-c", RDBTOOLS, path),
    }
    found = medians(rounds, contenders)
    for name, seconds in found.items():
        print(f"{name}: {seconds:.3f} s, {keys / seconds / 1e6:.3f} M keys/s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True, help="the program of the same release")
    parser.add_argument("--keys", type=int, default=15_000_000)
    parser.add_argument("--keys-for-others", type=int, default=3_000_000)
    parser.add_argument("--only", choices=["scan", "keys", "others"])
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "keys.rdb"
        only = arguments.only
        if only != "others":
            write_file(path, arguments.keys)
            print(f"{arguments.keys:,} keys, {path.stat().st_size / 1e6:.0f} MB")
        if only in (None, "scan"):
            measure_scan(arguments.program, str(path), arguments.rounds)
        if only in (None, "keys"):
            measure_keys(str(path), arguments.keys, arguments.rounds)
        if only not in (None, "others"):
            return
        write_file(path, arguments.keys_for_others)
        print(f"{arguments.keys_for_others:,} keys, {path.stat().st_size / 1e6:.0f} MB; whole processes")
        measure_others(str(path), arguments.keys_for_others, max(arguments.rounds // 2, 1))


if __name__ == "__main__":
    main()
