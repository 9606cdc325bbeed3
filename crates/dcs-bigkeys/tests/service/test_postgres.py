"""Several workers on one PostgreSQL, which the test starts itself. Workers and the database are killed."""

import glob
import os
import pwd
import random
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
import urllib.request
import json

import harness

SHARDS = 60
WORKERS = 3
SEED = int(os.environ.get("SEED", "6"))
CLUSTER = harness.CLUSTER


def program(name):
    return shutil.which(name) or sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))[-1]


class Postgres:
    """A server of its own, in a directory of its own, on a Unix socket. It refuses to run as root."""

    def __init__(self, directory):
        self.directory = directory
        self.user = pwd.getpwnam("nobody") if os.getuid() == 0 else None
        if self.user:
            os.chown(directory, self.user.pw_uid, self.user.pw_gid)
        self.run([program("initdb"), "-D", f"{directory}/data", "-U", "test", "-A", "trust", "-N"])
        self.url = f"postgres:///postgres?host={directory}&user=test"
        self.start()

    def run(self, command):
        ids = {"user": self.user.pw_uid, "group": self.user.pw_gid} if self.user else {}
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.directory, **ids)

    def start(self):
        options = f"-k {self.directory} -c listen_addresses= -c fsync=off"
        self.run([program("pg_ctl"), "-D", f"{self.directory}/data", "-w", "-l", f"{self.directory}/log", "-o", options, "start"])

    def stop(self):
        self.run([program("pg_ctl"), "-D", f"{self.directory}/data", "-w", "-m", "immediate", "stop"])


class PostgresTest(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp()
        os.chmod(self.root, 0o755)
        self.addCleanup(shutil.rmtree, self.root, True)
        os.makedirs(f"{self.root}/backups")
        os.makedirs(f"{self.root}/pg")
        self.postgres = Postgres(f"{self.root}/pg")
        self.addCleanup(self.postgres.stop)
        self.processes = []
        self.addCleanup(self.end_processes)

    def end_processes(self):
        for process in self.processes:
            process.kill()
            process.wait()

    def configure(self, keys, attempts):
        shards = []
        for number in range(SHARDS):
            harness.slow_rdb(f"{self.root}/backups/{number}.rdb", keys)
            shards.append(f'{{ address = "10.0.0.{number + 1}:6379", file = "backups/{number}.rdb" }}')
        with open(f"{self.root}/bigkeys.toml", "w") as file:
            file.write(
                f'roots = ["backups"]\n[server]\ndatabase = "{self.postgres.url}"\nworkers = 0\nmax_attempts = {attempts}\nworker_timeout_seconds = 3\n'
                f'[[instances]]\nid = "{CLUSTER}"\nkind = "cluster"\nshards = [{", ".join(shards)}]\n'
            )

    def start(self, *arguments, database=None):
        command = [os.environ["BIGKEYS"], *arguments, "--config", f"{self.root}/bigkeys.toml"]
        command += ["--database", database or self.postgres.url]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=open(f"{self.root}/log", "a"), text=True)
        self.processes.append(process)
        line = process.stdout.readline()
        self.assertTrue(line, open(f"{self.root}/log").read())
        return process, line.split()[-1]

    def call(self, address, path, method="GET"):
        request = urllib.request.Request(f"http://{address}/api/v1/{path}", method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def finish(self, address, task, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                task = self.call(address, f"tasks/{task['id']}")
                if task["status"] in ("success", "failed"):
                    return task
            except OSError:
                pass
            time.sleep(0.1)
        self.fail(f"stuck: {task}\n" + open(f"{self.root}/log").read()[-5000:])

    def test_kills_lose_and_double_nothing(self):
        self.configure(keys=20_000, attempts=50)
        choose = random.Random(SEED)
        nodes = [self.start("serve", "--listen", "127.0.0.1:0")[1] for _ in range(2)]
        workers = [self.start("worker")[0] for _ in range(WORKERS)]
        task = self.call(nodes[0], f"instances/{CLUSTER}/tasks", "POST")
        self.assertEqual(task["shards"], SHARDS)
        for kill in range(6):
            time.sleep(choose.uniform(0.1, 0.8))
            if kill == 3:
                self.postgres.stop()
                time.sleep(1)
                self.postgres.start()
            else:
                victim = choose.randrange(WORKERS)
                workers[victim].send_signal(signal.SIGKILL)
                workers[victim].wait()
                workers[victim] = self.start("worker")[0]
        task = self.finish(nodes[1], task, 60)
        self.assertEqual((task["status"], task["shards_done"]), ("success", SHARDS), task)
        report = self.call(nodes[1], f"tasks/{task['id']}/report")
        # One machine, on SQLite.
        text = open(f"{self.root}/bigkeys.toml").read().replace("workers = 0\n", "")
        open(f"{self.root}/bigkeys.toml", "w").write(text)
        _, alone = self.start("serve", "--listen", "127.0.0.1:0", database=f"{self.root}/one.db")
        one = self.finish(alone, self.call(alone, f"instances/{CLUSTER}/tasks", "POST"), 60)
        self.assertEqual(report, self.call(alone, f"tasks/{one['id']}/report"))
        self.assertEqual(report["totals"]["keys"], sum(source["keys"] for source in report["sources"]))
        self.assertEqual(len(report["sources"]), SHARDS)
        for worker in workers:
            worker.send_signal(signal.SIGTERM)
            self.assertEqual(worker.wait(20), 0)


if __name__ == "__main__":
    unittest.main()
