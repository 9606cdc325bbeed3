"""Several nodes and workers on one PostgreSQL, which the test starts itself. Workers and the database are killed.

Needs nothing but Python and Debian's postgresql, so that `scripts/test-postgres` can run it anywhere."""

import glob
import gzip
import http.client
import json
import os
import pwd
import random
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import harness
from harness import CLUSTER, SINGLE, SLOW

SHARDS = 60
WORKERS = 3
WORKER_KILLS = 5
SEED = int(os.environ.get("SEED", "6"))
# Of each shard. They set the time that its scan takes, which is to be long enough for a kill.
SMALL_KEYS = int(os.environ.get("SMALL_KEYS", "1500000"))
# The least that the configuration allows: how long a killed worker's shard lies idle.
WORKER_TIMEOUT_SECONDS = 3


def program(name):
    """A program of PostgreSQL, which Debian does not have on the path."""
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
    return shutil.which(name) or found[-1]


class Postgres:
    """A server in its own directory, on a Unix socket there."""

    def __init__(self, directory):
        self.directory = directory
        # It refuses to run as root.
        self.user = pwd.getpwnam("nobody") if os.getuid() == 0 else None
        if self.user:
            os.chown(directory, self.user.pw_uid, self.user.pw_gid)
        self.run("initdb", "-D", f"{directory}/data", "-U", "test", "-A", "trust", "-N", "-E", "UTF8", "--no-locale")
        self.start()

    def run(self, name, *arguments):
        ids = {}
        if self.user:
            ids = {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []}
        # To a file: the server keeps what it is given, and a pipe would never end.
        with open(f"{self.directory}.out", "a") as out:
            command = [program(name), *arguments]
            subprocess.run(command, check=True, stdout=out, stderr=out, cwd=self.directory, timeout=60, **ids)

    def start(self):
        options = f"-k {self.directory} -c listen_addresses= -c fsync=off"
        self.run("pg_ctl", "-D", f"{self.directory}/data", "-w", "-l", f"{self.directory}/log", "-o", options, "start")

    def kill(self):
        """Ends it like a crash: only the log is written, and connections break."""
        self.run("pg_ctl", "-D", f"{self.directory}/data", "-w", "-m", "immediate", "stop")

    def create(self, database):
        """The URL of a new database."""
        self.sql("postgres", f"CREATE DATABASE {database}")
        return f"postgres:///{database}?host={self.directory}&user=test"

    def sql(self, database, statement):
        self.run("psql", "-h", self.directory, "-U", "test", "-d", database, "-v", "ON_ERROR_STOP=1", "-qc", statement)

    def query(self, database, statement):
        """What a statement selects."""
        command = [program("psql"), "-h", self.directory, "-U", "test", "-d", database, "-v", "ON_ERROR_STOP=1", "-qAtc", statement]
        return subprocess.run(command, check=True, capture_output=True, text=True, cwd=self.directory, timeout=60).stdout


class Process:
    """A node or a worker, and what its log says."""

    def __init__(self, root, arguments, database):
        descriptor, self.log = tempfile.mkstemp(prefix="log-", dir=root)
        command = [os.environ["BIGKEYS"], *arguments, "--config", f"{root}/bigkeys.toml", "--database", database]
        with os.fdopen(descriptor, "w") as log:
            self.process = subprocess.Popen(
                [*command, "--log", "json"], stdout=subprocess.PIPE, stderr=log, text=True
            )
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"no start: {self.read_log()}")
        self.address = line.split()[-1]

    def read_log(self):
        with open(self.log) as log:
            return log.read()

    def events(self):
        """What it logged of its scans, in order: (task, shard, message)."""
        events = []
        # What follows the last line feed is being written.
        for line in self.read_log().split("\n")[:-1]:
            fields = json.loads(line)["fields"]
            if "shard" in fields:
                events.append((fields["task"], fields["shard"], fields["message"]))
        return events

    def open_scans(self):
        """The (task, shard) of scans that have begun and not ended."""
        scans = set()
        for task, shard, message in self.events():
            if message == "scan begins":
                scans.add((task, shard))
            else:
                scans.discard((task, shard))
        return scans

    def signal(self, number):
        self.process.send_signal(number)

    def kill_in_mid_scan(self, seconds=30):
        """Kills it while it scans, and says which shard that was."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            # A stopped process cannot end its scan between the look at the log and the kill.
            self.signal(signal.SIGSTOP)
            scans = self.open_scans()
            if scans:
                self.kill()
                return scans.pop()
            self.signal(signal.SIGCONT)
            time.sleep(0.02)
        raise TimeoutError(f"it scans nothing\n{self.read_log()[-3000:]}")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        """Ends it as a service manager does, and gives its exit status."""
        self.signal(signal.SIGTERM)
        return self.process.wait(30)

    def call(self, path, method="GET"):
        host, port = self.address.split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=20)
        try:
            connection.request(method, f"/api/v1/{path}")
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status >= 500:
            raise OSError(f"{answer.status}: {content}")
        if answer.status >= 400:
            raise ValueError(f"{answer.status}: {content}")
        return json.loads(content)

    def submit(self, instance):
        return self.call(f"instances/{instance}/tasks", "POST")["id"]

    def wait(self, task, seconds):
        """The task when it has ended."""
        deadline = time.monotonic() + seconds
        found = None
        while time.monotonic() < deadline:
            try:
                found = self.call(f"tasks/{task}")
            # While the database is away.
            except OSError as error:
                found = error
            else:
                if found["status"] in ("success", "failed"):
                    return found
            time.sleep(0.1)
        raise TimeoutError(f"stuck: {found}\n{self.read_log()[-3000:]}")


def write_shard(path, number, small_keys):
    """A version 3 file, which has no checksum: a key that tells it from other shards, and many small ones."""
    name = b"largest-of-%02d" % number
    value = bytes(1000 + number)
    with open(path, "wb") as file:
        # In gzip, the members of which are one file, since what takes a while to scan takes room otherwise.
        start = b"REDIS0003\xfe\x00\x00" + harness.length(len(name)) + name + harness.length(len(value)) + value
        file.write(gzip.compress(start))
        file.write(small_keys + gzip.compress(b"\xff"))


class Setting:
    """A database server, backups and a configuration, in a directory of their own."""

    def __init__(self):
        self.root = tempfile.mkdtemp(prefix="bigkeys-pg-")
        # For the database's user.
        os.chmod(self.root, 0o755)
        for name in ("backups", "pg"):
            os.mkdir(f"{self.root}/{name}")
        shards = []
        small_keys = gzip.compress(b"\x00\x01k\x01v" * SMALL_KEYS)
        for number in range(SHARDS):
            write_shard(f"{self.root}/backups/{number}.rdb", number, small_keys)
            shards.append(f'{{ address = "10.0.0.{number + 1}:6379", file = "backups/{number}.rdb" }}')
        write_shard(f"{self.root}/backups/single.rdb", SHARDS, 10 * small_keys)
        # One for each worker, and none ends by itself before a test does.
        slow = []
        for number in range(WORKERS):
            write_shard(f"{self.root}/backups/slow-{number}.rdb", number, 300 * small_keys)
            slow.append(f'{{ address = "10.0.1.{number + 1}:6379", file = "backups/slow-{number}.rdb" }}')
        self.instances = (
            f'[[instances]]\nid = "{SLOW}"\nkind = "cluster"\nshards = [{", ".join(slow)}]\n'
            f'[[instances]]\nid = "{CLUSTER}"\nkind = "cluster"\nshards = [{", ".join(shards)}]\n'
            f'[[instances]]\nid = "{SINGLE}"\nkind = "single"\nshards = [{{ file = "backups/single.rdb" }}]\n'
        )
        self.processes = []
        self.postgres = Postgres(f"{self.root}/pg")

    def configure(self, workers, attempts, server=""):
        with open(f"{self.root}/bigkeys.toml", "w") as file:
            file.write(
                f'roots = ["backups"]\n[server]\nworkers = {workers}\nmax_attempts = {attempts}\n'
                f"worker_timeout_seconds = {WORKER_TIMEOUT_SECONDS}\n{server}\n{self.instances}"
            )

    def node(self, database):
        return self.process(["serve", "--listen", "127.0.0.1:0"], database)

    def worker(self, database):
        return self.process(["worker"], database)

    def process(self, arguments, database):
        process = Process(self.root, arguments, database)
        self.processes.append(process)
        return process

    def end_processes(self):
        for process in self.processes:
            process.kill()
        self.processes.clear()

    def close(self):
        self.end_processes()
        self.postgres.kill()
        shutil.rmtree(self.root, ignore_errors=True)


class PostgresTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.setting = Setting()
        cls.addClassCleanup(cls.setting.close)

    def setUp(self):
        self.database_name = self._testMethodName
        self.database = self.setting.postgres.create(self.database_name)
        self.addCleanup(self.setting.end_processes)

    def test_kills_lose_and_double_nothing(self):
        setting, choose = self.setting, random.Random(SEED)
        setting.configure(workers=0, attempts=50)
        nodes = [setting.node(self.database) for _ in range(2)]
        workers = [setting.worker(self.database) for _ in range(WORKERS)]
        task = nodes[0].submit(CLUSTER)
        killed, dead = [], []
        for kill in range(WORKER_KILLS + 1):
            time.sleep(choose.uniform(0.1, 0.8))
            if kill == WORKER_KILLS // 2:
                self.until(10, lambda: any(worker.open_scans() for worker in workers))
                setting.postgres.kill()
                time.sleep(1)
                setting.postgres.start()
                continue
            victim = choose.randrange(WORKERS)
            killed.append(workers[victim].kill_in_mid_scan())
            dead.append(workers[victim])
            workers[victim] = setting.worker(self.database)
        self.assertEqual({of for of, _ in killed}, {task}, "kills hit the task at work")
        ended = nodes[1].wait(task, 60)
        self.assertEqual((ended["status"], ended["shards_done"], ended["shards"]), ("success", SHARDS, SHARDS), ended)
        # What the killed had begun was scanned again.
        succeeded = [event[:2] for worker in workers + dead for event in worker.events() if event[2] == "scan succeeded"]
        self.assertLessEqual(set(killed), set(succeeded))
        self.assertEqual({shard for _, shard in succeeded}, set(range(SHARDS)))

        report = nodes[1].call(f"tasks/{task}/report")
        self.assertEqual(len(report["sources"]), SHARDS)
        self.assertEqual(report["totals"]["keys"], SHARDS * (SMALL_KEYS + 1))
        # One machine, on SQLite.
        setting.configure(workers=2, attempts=2)
        alone = setting.node(f"{setting.root}/one.db")
        one = alone.submit(CLUSTER)
        self.assertEqual(alone.wait(one, 60)["status"], "success")
        self.assertEqual(report, alone.call(f"tasks/{one}/report"))
        for process in [*workers, *nodes]:
            self.assertEqual(process.stop(), 0)

    def test_a_cancelled_task_ends_on_every_worker(self):
        setting = self.setting
        setting.configure(workers=0, attempts=2)
        nodes = [setting.node(self.database) for _ in range(2)]
        workers = [setting.worker(self.database) for _ in range(WORKERS)]
        task = nodes[0].submit(SLOW)
        self.until(10, lambda: all(worker.open_scans() for worker in workers))
        cancelled = nodes[1].call(f"tasks/{task}/cancel", "POST")
        self.assertEqual(cancelled["status"], "failed", cancelled)
        self.until(10, lambda: not any(worker.open_scans() for worker in workers))
        begun = [worker.events() for worker in workers]
        for events in begun:
            self.assertIn("interrupted", events[-1][2])
        # Nothing of it is delivered any more, and the workers are free for another.
        time.sleep(WORKER_TIMEOUT_SECONDS + 1)
        self.assertEqual([worker.events() for worker in workers], begun)
        self.assertEqual(nodes[0].call(f"tasks/{task}")["failure"], "it was cancelled")
        self.assertEqual(nodes[0].wait(nodes[0].submit(SINGLE), 60)["status"], "success")

    def test_a_shard_that_ends_its_worker_twice_is_failed(self):
        setting = self.setting
        setting.configure(workers=0, attempts=2)
        node = setting.node(self.database)
        task = node.submit(SINGLE)
        for _ in range(2):
            self.assertEqual(setting.worker(self.database).kill_in_mid_scan(), (task, 0))
            self.assertEqual(node.call(f"tasks/{task}")["status"], "running")
        worker = setting.worker(self.database)
        ended = node.wait(task, 30)
        self.assertEqual(ended["status"], "failed")
        self.assertIn("ended 2 times", ended["failure"])
        self.assertEqual(worker.events(), [], "it was not begun a third time")

    def test_rows_of_the_queue_that_cannot_be_read_and_dead_workers_are_removed(self):
        setting = self.setting
        setting.configure(workers=0, attempts=5)
        node, dead = setting.node(self.database), setting.worker(self.database)
        dead.kill()
        columns = "id, job_type, job, status, attempts, max_attempts, run_at, priority, metadata"
        # No JSON; no shard; no text; an id, a time and metadata that apalis cannot read; a long job.
        old, none = "now() - interval '1 day'", "''"
        rows = [
            ("0" * 25 + "1", "'\\xff'", old, none),
            ("0" * 25 + "2", "'\\x226e6f207368617264'", old, none),
            ("0" * 25 + "3", "'\\x7b7d'", old, none),
            ("bad", "'\\x22782f3022'", old, none),
            ("0" * 25 + "4", "'\\x22782f3022'", "'1960-01-01'", none),
            ("0" * 25 + "5", "'\\x22782f3022'", old, "'a=>NULL'"),
            ("0" * 25 + "6", "convert_to('\"' || repeat('x', 1000000) || '/0\"', 'UTF8')", old, none),
        ]
        for id, job, run_at, metadata in rows:
            values = f"'{id}', 'bigkeys-scan', {job}, 'Pending', 0, 1000, {run_at}, 9, {metadata}"
            setting.postgres.sql(self.database_name, f"INSERT INTO apalis.jobs ({columns}) VALUES ({values})")
        workers = [setting.worker(self.database) for _ in range(2)]
        ended = node.wait(node.submit(SINGLE), 60)
        self.assertEqual(ended["status"], "success", ended)

        def number(table):
            return int(setting.postgres.query(self.database_name, f"SELECT count(*) FROM apalis.{table}"))

        self.until(30, lambda: number("jobs WHERE id = 'bad' OR id LIKE '0000000000%'") == 0)
        self.until(30, lambda: number("workers") == len(workers))
        self.assertIn("a row of the queue cannot be read", "".join(process.read_log() for process in [node, *workers]))

    def test_a_worker_that_sees_another_file_fails_its_shard(self):
        setting = self.setting
        setting.configure(workers=0, attempts=2)
        node = setting.node(self.database)
        task = node.submit(SINGLE)
        path = f"{setting.root}/backups/single.rdb"
        original = f"{path}.original"
        os.rename(path, original)
        self.addCleanup(os.rename, original, path)
        write_shard(path, 0, b"")
        setting.worker(self.database)
        ended = node.wait(task, 30)
        self.assertEqual(ended["status"], "failed")
        self.assertIn("was replaced after the task", ended["failure"])

    def test_results_that_the_database_s_user_wrote_are_refused(self):
        setting = self.setting
        setting.configure(workers=0, attempts=2, server='results_secret = "only the machines know it"')
        node = setting.node(self.database)
        task = node.submit(CLUSTER)
        forged = "UPDATE bigkeys.shard SET is_done = 1, result = '{}' WHERE number = 3"
        setting.postgres.sql(self.database_name, forged)
        worker = setting.worker(self.database)
        ended = node.wait(task, 120)
        self.assertEqual((ended["status"], ended["failure"]), ("failed", "its result is not signed with results_secret"))
        self.assertNotIn(3, {shard for _, shard, _ in worker.events()})
        good = node.submit(SINGLE)
        self.assertEqual(node.wait(good, 60)["status"], "success")
        self.assertEqual(node.call(f"tasks/{good}/report")["totals"]["keys"], 10 * SMALL_KEYS + 1)
        setting.postgres.sql(self.database_name, f"UPDATE bigkeys.result SET report = '{{}}' WHERE task = '{good}'")
        with self.assertRaises(OSError):
            node.call(f"tasks/{good}/report")

    def test_a_schedule_starts_one_task_on_any_number_of_nodes(self):
        setting = self.setting
        setting.configure(workers=0, attempts=2)
        nodes = [setting.node(self.database) for _ in range(3)]
        now = int(time.time())
        time_of_day = time.strftime("%H:%M", time.gmtime(now - 60))
        values = f"'{SINGLE.replace('-', '')}', 1, '{time_of_day}', {(now - 600) * 1000}, {(now - 600) * 1000}"
        setting.postgres.sql(self.database_name, f"INSERT INTO bigkeys.autoscan VALUES ({values})")
        # Without a worker the first task would keep others from being created.
        setting.worker(self.database)

        def tasks():
            return nodes[0].call(f"instances/{SINGLE}/tasks")["tasks"]

        self.until(10, tasks)
        # Every node looks at least once more.
        time.sleep(6)
        self.assertEqual(len(tasks()), 1, tasks())

    def until(self, seconds, condition):
        deadline = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), deadline, "it does not come true")
            time.sleep(0.05)


if __name__ == "__main__":
    unittest.main()
