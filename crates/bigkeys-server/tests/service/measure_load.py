"""Measures the service under load and compares with the figures it is to reach.

Run by `BIGKEYS=target/release/bigkeys scripts/test-dcs-sdk --load`. Bounded: a few thousand requests on loopback.
"""

import asyncio
import os
import sqlite3
import sys
import time
import uuid

import harness
from harness import AK, PROJECT, SK, SLOW, TOKEN, instance
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer

INSTANCES = 100
RATE, SECONDS, CONNECTIONS = 500, 10, 32
missed = []


def figure(name, value, limit, unit):
    good = value <= limit
    print(f"{name:60} {value:9.2f} {unit:4} limit {limit} {'' if good else 'MISSED'}")
    if not good:
        missed.append(name)


def resident_kib(service):
    for line in open(f"/proc/{service.process.pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1])


def many_instances():
    ids = [str(uuid.UUID(int=n << 64 | 1)) for n in range(1, INSTANCES + 1)]
    shard = "shards = [{{ file = \"backups/single.rdb\" }}]"
    return ids, harness.CONFIG + "".join(f'\n[[instances]]\nid = "{id}"\nkind = "single"\n{shard}\n' for id in ids)


def fill(path, ids):
    """100 ended tasks for each instance."""
    database = sqlite3.connect(path)
    for id in ids:
        for n in range(100):
            database.execute(
                "INSERT INTO task (id, family, instance, scan_type, status, created_ms, started_ms, finished_ms, shards, open_shards) "
                "VALUES (?, 'bigkeys', ?, 'manual', 'success', 1, 2, 3, 1, 0)",
                (str(uuid.uuid4()), id.replace("-", "")),
            )
    database.execute("INSERT INTO result (task, body, report) SELECT id, '[]', '{}' FROM task")
    database.commit()
    task = database.execute("SELECT id FROM task WHERE instance = ?", (ids[0].replace("-", ""),)).fetchone()[0]
    database.close()
    return task


class Connection:
    async def open(self, port):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        return self

    async def ask(self, request):
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        body = await self.reader.readexactly(length)
        return int(head[9:12]), body


def request(method, path, headers=""):
    return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Auth-Token: {TOKEN}\r\n{headers}Content-Length: 0\r\n\r\n".encode()


async def at_a_rate(service, requests, rate, seconds):
    """Latencies from when each request was due, so that a stall counts for all that had to wait."""
    free = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await Connection().open(service.port))
    latencies, statuses, begin = [], {}, time.perf_counter()

    async def one(due, content):
        connection = await free.get()
        status, _ = await connection.ask(content)
        free.put_nowait(connection)
        latencies.append(time.perf_counter() - due)
        statuses[status] = statuses.get(status, 0) + 1

    tasks = []
    for n in range(rate * seconds):
        due = begin + n / rate
        await asyncio.sleep(max(0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(due, requests[n % len(requests)])))
    await asyncio.gather(*tasks)
    latencies.sort()
    return latencies, statuses


def signed_request(service, path):
    headers = {"Content-Type": "application/json", "X-Project-Id": PROJECT}
    sdk = SdkRequest(method="GET", schema="http", host=f"127.0.0.1:{service.port}", resource_path=path, uri=f"{service.url}{path}",
                     query_params=[], header_params=headers, body="", stream=False, signing_algorithm=None)
    signed = Signer(BasicCredentials(AK, SK, PROJECT)).sign(sdk)
    lines = dict(signed.header_params)
    lines["Host"] = f"127.0.0.1:{service.port}"
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"GET {path} HTTP/1.1\r\n{head}\r\n".encode()


def main():
    ids, config = many_instances()
    service = harness.Service(config)
    try:
        service.write("single.rdb", harness.rdb([(0, b"k", b"v")]))
        arguments = ("--config", service.config, "--log-level", "warn")
        began = time.perf_counter()
        service.start(*arguments)
        figure("start to ready", (time.perf_counter() - began) * 1000, 200, "ms")
        service.stop()
        task = fill(service.path / "bigkeys.db", ids)
        began = time.perf_counter()
        service.start(*arguments)
        figure("start to ready with 10,000 tasks", (time.perf_counter() - began) * 1000, 200, "ms")
        time.sleep(1)
        figure("idle memory", resident_kib(service) / 1024, 30, "MiB")

        times = []
        for id in ids:
            began = time.perf_counter()
            assert service.json("GET", f"{instance(id)}/bigkey-tasks?limit=1000")[1]["count"] == 100
            times.append(time.perf_counter() - began)
        figure("list of 100 of 10,000 tasks, median", sorted(times)[50] * 1000, 10, "ms")

        async def signed(path, count):
            connection = await Connection().open(service.port)
            content = signed_request(service, path)
            before = service.cpu_seconds()
            for _ in range(count):
                status, body = await connection.ask(content)
                assert status == 200, body
            return (service.cpu_seconds() - before) / count

        figure("signed GET of an instance, CPU", asyncio.run(signed(instance(harness.SINGLE), 5000)) * 1e6, 100, "us")
        path = f"{instance(harness.SINGLE)}/bigkey-tasks"
        figure("signed GET of a list, CPU", asyncio.run(signed(path, 5000)) * 1e6, 100, "us")

        harness.slow_rdb(service.backups / "slow.rdb", 30_000_000)
        # Scans follow each other, so that one runs all the time.
        requests = [request("GET", f"{instance(ids[0])}/bigkey-task/{task}") for _ in range(9)]
        requests += [request("POST", f"{instance(SLOW)}/bigkey-task")]
        creates = [request("POST", f"{instance(id)}/bigkey-task") for id in [SLOW, *ids]]
        for name, content in (("GET details (with creates)", requests), ("POST create", creates)):
            # Other requests wait for this scan.
            service.json("POST", f"{instance(SLOW)}/bigkey-task")
            while service.json("GET", f"{instance(SLOW)}/bigkey-tasks?limit=1")[1]["records"][0]["status"] != "running":
                time.sleep(0.01)
            latencies, statuses = asyncio.run(at_a_rate(service, content, RATE, SECONDS))
            print(f"{name}: {statuses}")
            for share in (0.5, 0.9):
                print(f"{'':20} p{share * 100:.0f} {latencies[int(len(latencies) * share)] * 1000:.2f} ms")
            figure(f"{name}, {RATE}/s beside a scan, p99", latencies[int(len(latencies) * 0.99)] * 1000, 20, "ms")
    finally:
        service.close()
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
