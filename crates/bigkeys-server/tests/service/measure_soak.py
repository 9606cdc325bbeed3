"""Soaks the service: asserts that no accepted task is lost and that the resident memory stays flat.

Run by `BIGKEYS=target/release/bigkeys scripts/test-dcs-sdk --soak`. SOAK_SECONDS sets the duration (1800), SEED
the random choices. In the first third of the time the service is killed and started again at random times. The
remaining two thirds are one life of the process, and its memory is measured. Clients create, read and delete tasks
and the configuration is reloaded all the time.
"""

import http.client
import json
import os
import random
import statistics
import sys
import threading
import time
import uuid

import harness
from harness import instance

SECONDS = float(os.environ.get("SOAK_SECONDS", "1800"))
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
KILL_SECONDS = SECONDS / 3
# Time in which a new process may grow: caches, heaps of threads, pages of the program.
WARM_UP = min(300, (SECONDS - KILL_SECONDS) / 3)
# Clients hurry in the first part of it. glibc keeps the freed memory of a scan in the heap (arena) of the scan's
# thread, and scans of many threads at a time are needed until each heap has its largest size.
HURRY = WARM_UP * 0.6
# Memory at a time is the median of this many seconds, because a running scan takes some for a moment.
WINDOW = min(120, (SECONDS - KILL_SECONDS - WARM_UP) / 4)
# A process younger than five minutes still grows, so a short soak finds gross leaks only.
GROWTH = 1.10 if WARM_UP >= 300 else 1.50
SMALL, MIDDLE, CLUSTERS = 14, 3, 3
MIDDLE_KEYS = 200_000
CLIENTS = 4
# A client waits up to this many seconds between two requests.
PAUSE = 0.15
# Tasks of an instance and analysis. The service drops the oldest task beyond 100; the soak deletes earlier.
KEPT = 20
IDLE_SECONDS = 300
EXTRA = str(uuid.UUID(int=0xEEEE << 64))
KINDS = ("bigkeys", "offline")
# The answers "is running" to a POST.
RUNNING = {"bigkeys": "DCS.4918", "offline": "DCS.4231"}


class Target:
    """An instance and what the soak knows of its tasks. Belongs to one client."""

    def __init__(self, number, shards, keys):
        self.id = str(uuid.UUID(int=(number + 1) << 64 | 1))
        self.shards = shards
        # Number of big keys of a task that succeeded.
        self.keys = keys
        self.node = None
        # Ids by kind. An id in `unsure` was deleted by a request whose answer did not arrive.
        self.accepted = {kind: set() for kind in KINDS}
        self.deleted = {kind: set() for kind in KINDS}
        self.unsure = {kind: set() for kind in KINDS}
        # POST requests whose answers did not arrive. Each may have created a task.
        self.unanswered = {kind: 0 for kind in KINDS}
        self.finished = {kind: set() for kind in KINDS}

    def toml(self):
        kind = "single" if len(self.shards) == 1 else "cluster"
        shards = ", ".join(f'{{{{ file = "backups/{name}", address = "10.0.0.{n}:6379" }}}}' for n, name in enumerate(self.shards, 1))
        return f'\n[[instances]]\nid = "{self.id}"\nkind = "{kind}"\nshards = [{shards}]\n'

    def tasks_path(self, kind):
        return f"{instance(self.id)}/{'bigkey-task' if kind == 'bigkeys' else 'offline/key-analysis'}"

    def list_path(self, kind):
        return f"{instance(self.id)}/{'bigkey-tasks' if kind == 'bigkeys' else 'offline/key-analysis'}?limit=1000"


class Soak:
    def __init__(self):
        self.chance = random.Random(SEED)
        self.targets = [Target(n, [f"small-{n}.rdb"], 2) for n in range(SMALL)]
        self.targets += [Target(SMALL + n, [f"middle-{n}.rdb"], 20) for n in range(MIDDLE)]
        first = SMALL + MIDDLE
        self.targets += [Target(first + n, [f"small-{n}.rdb", f"small-{n + 1}.rdb", f"middle-{n % MIDDLE}.rdb"], 22) for n in range(CLUSTERS)]
        # A task that several kills interrupt must still end with success.
        config = harness.CONFIG.replace("[server]", "[server]\nmax_attempts = 1000")
        self.service = harness.Service(config + "".join(target.toml() for target in self.targets))
        for n in range(SMALL):
            self.service.write(f"small-{n}.rdb", harness.rdb([(0, b"text", b"x" * (100 + n)), (1, b"list", [b"1", b"2"])]))
        for n in range(MIDDLE):
            harness.slow_rdb(self.service.backups / f"middle-{n}.rdb", MIDDLE_KEYS)
        self.text = self.service.config.read_text()
        self.extra = f'\n[[instances]]\nid = "{EXTRA}"\nkind = "single"\nshards = [{{ file = "backups/small-0.rdb" }}]\n'
        # Odd while the service is down. A change tells a client why it got no answer.
        self.epoch = 1
        self.up, self.hurry, self.ending = threading.Event(), threading.Event(), threading.Event()
        self.lock = threading.Lock()
        self.failures = []
        self.counts = dict.fromkeys(("creates", "reads", "deletes", "kills", "reloads", "refused", "unanswered"), 0)

    def count(self, name):
        with self.lock:
            self.counts[name] += 1

    def start(self):
        self.service.start("--config", self.service.config, "--log-level", "warn")
        self.epoch += 1
        self.up.set()

    def kill(self):
        self.up.clear()
        self.epoch += 1
        self.service.kill()
        self.count("kills")

    def reload(self):
        """Adds the extra instance, or removes it, and waits until the service shows the change."""
        extra = EXTRA not in self.service.config.read_text()
        new = self.service.path / "new.toml"
        new.write_text(self.text + (self.extra if extra else ""))
        os.replace(new, self.service.config)
        self.service.process.send_signal(harness.signal.SIGHUP)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            status, listed = self.service.json("GET", "/api/v1/instances")
            assert status == 200, listed
            if any(entry["id"] == EXTRA for entry in listed["instances"]) == extra:
                self.count("reloads")
                return
            time.sleep(0.05)
        raise TimeoutError(f"the reload has no effect\n{self.service.read_log()}")

    def ask(self, method, path, body=None):
        """Status and body; `None` without an answer because the service was killed."""
        while not self.up.wait(0.2):
            if self.ending.is_set():
                return None
        before = self.epoch
        try:
            status, _, content = self.service.request(method, path, body=body)
        except (OSError, http.client.HTTPException):
            if before % 2 == 0 and self.epoch == before:
                raise
            self.count("unanswered")
            return None
        if status >= 500:
            raise AssertionError(f"{method} {path}: {status} {content}")
        return status, content

    def read(self, path):
        answer = self.ask("GET", path)
        if answer is None:
            return None
        status, content = answer
        assert status == 200, (path, status, content)
        self.count("reads")
        return content

    def create(self, target, kind):
        body = json.dumps({"node_id": target.node}) if kind == "offline" else None
        answer = self.ask("POST", target.tasks_path(kind), body)
        if answer is None:
            target.unanswered[kind] += 1
            return
        status, task = answer[0], json.loads(answer[1])
        if status == 400 and task["error_code"] == RUNNING[kind]:
            self.count("refused")
            return
        assert status == 200, task
        task_id = task["id" if kind == "bigkeys" else "task_id"]
        assert task_id not in target.accepted[kind], f"{task_id} was created twice"
        target.accepted[kind].add(task_id)
        self.count("creates")

    def delete(self, target, kind, task_id):
        answer = self.ask("DELETE", f"{target.tasks_path(kind)}/{task_id}")
        if answer is None:
            target.unsure[kind].add(task_id)
            return
        gone = task_id in target.unsure[kind] and answer[0] == 400
        assert answer[0] == 200 or gone, (task_id, answer)
        target.deleted[kind].add(task_id)
        self.count("deletes")

    def list(self, target, kind):
        """Reads the list, compares it with what is known, and deletes the oldest tasks beyond KEPT."""
        content = self.read(target.list_path(kind))
        if content is None:
            return
        records = json.loads(content)["records"]
        self.compare(target, kind, records)
        target.finished[kind] = {record["id"] for record in records if record["status"] == "success"}
        for record in records[KEPT:]:
            if record["status"] == "success":
                self.delete(target, kind, record["id"])
                target.finished[kind].discard(record["id"])

    def compare(self, target, kind, records):
        ids = [record["id"] for record in records]
        assert len(ids) == len(set(ids)), f"{target.id} lists a task twice"
        failed = [record for record in records if record["status"] == "failed"]
        assert not failed, (failed, self.service.read_log())
        lost = target.accepted[kind] - target.deleted[kind] - target.unsure[kind] - set(ids)
        assert not lost, f"{len(lost)} {kind} tasks of {target.id} are lost: {lost}"
        back = target.deleted[kind] & set(ids)
        assert not back, f"{len(back)} deleted {kind} tasks of {target.id} are back: {back}"
        unknown = set(ids) - target.accepted[kind]
        assert len(unknown) <= target.unanswered[kind], f"nobody created {unknown} of {target.id}"

    def show(self, target, kind, chance):
        """Reads a task that succeeded, or its report."""
        if not target.finished[kind]:
            return
        task_id = chance.choice(sorted(target.finished[kind]))
        if chance.random() < 0.4:
            content = self.read(f"/api/v1/tasks/{task_id}/report")
            assert content is None or json.loads(content), task_id
            return
        content = self.read(f"{target.tasks_path(kind)}/{task_id}")
        if content is None:
            return
        task = json.loads(content)
        if kind == "bigkeys":
            assert (task["status"], task["num"], len(task["keys"])) == ("success", target.keys, target.keys), task
        else:
            assert task["finished_at"] and task["total_num"] > 0, task

    def client(self, number):
        chance = random.Random(f"{SEED} {number}")
        targets = self.targets[number::CLIENTS]
        try:
            while not self.ending.is_set():
                target = chance.choice(targets)
                kind = chance.choice(KINDS)
                draw = chance.random()
                if draw < 0.3:
                    self.create(target, kind)
                elif draw < 0.55:
                    self.list(target, kind)
                elif draw < 0.92:
                    self.show(target, kind, chance)
                else:
                    self.read(chance.choice(("/metrics", "/api/v1/instances", f"/api/v1/instances/{target.id}/tasks", "/api/v1/ready")))
                self.ending.wait(chance.uniform(0, PAUSE / 10 if self.hurry.is_set() else PAUSE))
        except BaseException as failure:
            self.failures.append(failure)
            self.ending.set()

    def resident(self):
        """Resident memory in KiB: all, and without the pages of files."""
        status = dict(line.split(":", 1) for line in open(f"/proc/{self.service.process.pid}/status"))
        return [int(status[name].split()[0]) for name in ("VmRSS", "RssAnon")]

    def kill_and_reload(self, end):
        while time.monotonic() < end and not self.ending.is_set():
            self.ending.wait(min(self.chance.uniform(0, 8), max(0, end - time.monotonic())))
            if self.chance.random() < 0.4:
                self.reload()
                # A kill soon after a reload.
                self.ending.wait(self.chance.uniform(0, 0.5))
            self.kill()
            self.ending.wait(self.chance.uniform(0, 0.3))
            self.start()

    def reload_and_sample(self, begin, end):
        """Samples of (age of the process, VmRSS, RssAnon)."""
        samples, due = [], begin + self.chance.uniform(0, 15)
        self.hurry.set()
        while time.monotonic() < end and not self.ending.is_set():
            if time.monotonic() - begin > HURRY:
                self.hurry.clear()
            samples.append((time.monotonic() - begin, *self.resident()))
            if time.monotonic() > due:
                self.reload()
                due = time.monotonic() + self.chance.uniform(0, 15)
            self.ending.wait(1)
        return samples

    def records(self, target, kind):
        status, listed = self.service.json("GET", target.list_path(kind))
        assert status == 200, listed
        return listed["records"]

    def wait_until_idle(self):
        deadline = time.monotonic() + IDLE_SECONDS
        for target in self.targets:
            for kind in KINDS:
                while any(record["status"] in ("waiting", "running") for record in self.records(target, kind)):
                    if time.monotonic() > deadline:
                        raise TimeoutError(f"{target.id} has {kind} tasks that do not end: {self.records(target, kind)}")
                    time.sleep(0.1)

    def verify(self):
        """Compares all tasks with what the clients know. Returns their number."""
        total = 0
        for target in self.targets:
            for kind in KINDS:
                records = self.records(target, kind)
                self.compare(target, kind, records)
                statuses = {record["status"] for record in records}
                assert statuses <= {"success"}, (target.id, kind, records)
                total += len(records)
        return total

    def run(self):
        self.start()
        for entry in self.service.json("GET", "/api/v1/instances")[1]["instances"]:
            for target in self.targets:
                if target.id == entry["id"]:
                    target.node = entry["nodes"][-1]["node_id"]
        begin = time.monotonic()
        clients = [threading.Thread(target=self.client, args=(number,), daemon=True) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            self.kill_and_reload(begin + KILL_SECONDS)
            # The process that started after the last kill lives until the end, and its memory is sampled.
            samples = self.reload_and_sample(time.monotonic(), begin + SECONDS)
        finally:
            self.ending.set()
            for client in clients:
                client.join(60)
        if self.failures:
            raise self.failures[0]
        assert not any(client.is_alive() for client in clients), "a client does not end"

        self.wait_until_idle()
        self.verify()
        assert self.service.stop() == 0, self.service.read_log()
        self.start()
        found = self.verify()
        log = self.service.read_log()
        assert "panic" not in log, log
        print(f"the log has {log.count(' WARN ')} warnings and {log.count(' ERROR ')} errors")
        return found, samples


def memory(samples, end, column):
    """Median of MiB in the window that ends at the age `end`."""
    return statistics.median(sample[column] for sample in samples if end - WINDOW <= sample[0] <= end) / 1024


def main():
    print(f"soak of {SECONDS:.0f} s, SEED={SEED}, kills in the first {KILL_SECONDS:.0f} s")
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    soak = Soak()
    try:
        found, samples = soak.run()
    finally:
        print(", ".join(f"{name} {number}" for name, number in soak.counts.items()), flush=True)
        soak.service.close()
    print(f"lost 0: {found} tasks are left, all with success")
    last = samples[-1][0]
    begin = WARM_UP + WINDOW
    for n in range(5):
        age = begin + (last - begin) * n / 4
        print(f"memory at {age:5.0f} s: {memory(samples, age, 1):6.1f} MiB, of which {memory(samples, age, 2):6.1f} MiB are not of files")
    early, late = memory(samples, begin, 1), memory(samples, last, 1)
    peak = max(sample[1] for sample in samples) / 1024
    print(f"memory after {WARM_UP:.0f} s {early:.1f} MiB, at the end {late:.1f} MiB, peak {peak:.1f} MiB")
    print(f"growth {late / early:.3f} times, limit {GROWTH}")
    if late > early * GROWTH:
        print("MISSED: the resident memory grows")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
