"""Shards per second of a cluster on a PostgreSQL: three workers against one, in turn. Run by `scripts/test-postgres --rate`."""

import os
import time

from test_postgres import SHARDS, SMALL_KEYS, WORKERS, Setting
from harness import CLUSTER

ROUNDS = 3


def rate(setting, database, workers):
    """Shards per second, from the request to the answer that the task has ended."""
    node = setting.node(database)
    for _ in range(workers):
        setting.worker(database)
    began = time.monotonic()
    task = node.wait(node.submit(CLUSTER), 300)
    seconds = time.monotonic() - began
    assert task["status"] == "success", task
    setting.end_processes()
    return SHARDS / seconds


def main():
    setting = Setting()
    try:
        setting.configure(workers=0, attempts=2)
        print(f"{SHARDS} shards of {SMALL_KEYS + 1} keys, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        for turn in range(ROUNDS):
            rates = {}
            for workers in (1, WORKERS):
                database = setting.postgres.create(f"rate_{turn}_{workers}")
                rates[workers] = rate(setting, database, workers)
            one, several = rates.values()
            print(f"1 worker {one:.1f} shards/s, {WORKERS} workers {several:.1f} shards/s: {several / one:.2f} times")
    finally:
        setting.close()


if __name__ == "__main__":
    main()
