"""What an operator can see, set and rely on."""

import json
import os
import sqlite3
import subprocess
import time
import unittest

import harness
from harness import PROJECT_TOKEN, SINGLE, instance


class AuditTest(unittest.TestCase):
    def setUp(self):
        self.service = harness.Service()
        self.addCleanup(self.service.close)
        self.service.write("single-1.rdb", harness.rdb([(0, b"k", b"v")]))

    def start(self, *arguments, server=""):
        """Starts it with further lines of its configuration."""
        text = self.service.config.read_text()
        self.service.config.write_text(text.replace("[server]\n", f"[server]\n{server}\n", 1))
        self.service.start(*(arguments or ("--config", self.service.config)))

    def analyse(self, **options):
        """A task of the native API when it has ended."""
        status, task = self.service.json("POST", f"/api/v1/instances/{SINGLE}/tasks", **options)
        self.assertEqual(status, 200, task)
        return self.service.wait(f"/api/v1/tasks/{task['id']}")

    def test_a_task_and_the_log_say_who_created_it(self):
        self.start()
        task = self.analyse(headers={"X-Request-Id": "my-request"}, source="127.0.0.3")
        self.assertEqual((task["caller"], task["request_id"]), ("test", "my-request"))
        self.assertTrue(task["peer"].startswith("127.0.0.3:"), task)
        line = next(line for line in self.service.read_log().splitlines() if "my-request" in line and "answered" in line)
        for part in ('caller="test"', f"peer={task['peer']}", "status=200"):
            self.assertIn(part, line)

    def test_metrics_are_by_operation_and_those_of_the_process_are_not_for_one_project(self):
        self.start()
        self.analyse()
        self.service.request("GET", "/nowhere")
        metrics = self.service.request("GET", "/metrics")[2].decode()
        for line in (
            'bigkeys_requests_total{method="POST",path="/api/v1/instances/{instance}/tasks",status="200"} 1',
            'bigkeys_requests_total{method="GET",path="",status="404"} 1',
            f"bigkeys_workers {os.cpu_count()}",
            "bigkeys_workers_busy 0",
            f"bigkeys_workers_live {os.cpu_count()}",
        ):
            self.assertIn(line + "\n", metrics)
        limited = self.service.request("GET", "/metrics", token=PROJECT_TOKEN)[2].decode()
        self.assertIn("bigkeys_instance_keys", limited)
        self.assertTrue(all("bigkeys_instance_" in line for line in limited.splitlines()), limited)

    def test_a_command_runs_when_a_task_has_ended(self):
        told = self.service.path / "told"
        script = self.service.path / "notify"
        script.write_text('#!/bin/sh\ncat >> "$1"\necho >> "$1"\n')
        script.chmod(0o755)
        self.start(server=f'on_finished = ["{script}", "{told}"]')
        (self.service.backups / "broken.rdb").write_bytes(b"REDIS0009")
        good = self.analyse()
        bad = self.service.json("POST", f"/api/v1/instances/{harness.BROKEN}/tasks")[1]
        deadline = time.monotonic() + 20
        while not told.exists() or told.read_text().count("\n") < 2:
            self.assertLess(time.monotonic(), deadline, self.service.read_log())
            time.sleep(0.05)
        tasks = {task["task_id"]: task for task in map(json.loads, told.read_text().splitlines())}
        self.assertEqual((tasks[good["id"]]["status"], tasks[good["id"]]["num"]), ("success", 1))
        self.assertEqual(tasks[bad["id"]]["status"], "failed")
        self.assertIn("broken.rdb", tasks[bad["id"]]["failure"])

    def test_tasks_that_ended_long_ago_are_deleted(self):
        self.start(server="keep_tasks_days = 30")
        old, new = self.analyse()["id"], self.analyse()["id"]
        self.service.stop()
        database = sqlite3.connect(self.service.path / "bigkeys.db", isolation_level=None)
        database.execute("UPDATE task SET finished_ms = finished_ms - 31 * 86400000 WHERE id = ?", (old,))
        database.close()
        self.service.start("--config", self.service.config)
        deadline = time.monotonic() + 20
        while self.service.request("GET", f"/api/v1/tasks/{old}")[0] != 400:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        self.assertEqual(self.service.request("GET", f"/api/v1/tasks/{new}")[0], 200)

    def test_the_first_configuration_starts_as_it_is(self):
        directory = self.service.path / "new"
        directory.mkdir()
        written = subprocess.run([os.environ["BIGKEYS"], "serve", "--init"], cwd=directory, capture_output=True, text=True, check=True)
        self.assertEqual(written.stdout, "bigkeys: wrote bigkeys.toml; edit it, then run `bigkeys serve --config bigkeys.toml`\n")
        self.service.start("--config", directory / "bigkeys.toml")
        self.assertEqual(self.service.request("GET", "/api/v1/ready", token=None)[0], 200)
        self.assertEqual(len(self.service.json("GET", "/api/v1/instances", token=None)[1]["instances"]), 2)

    def test_services_of_two_directories_do_not_share_a_database_and_say_where_theirs_is(self):
        os.environ["XDG_STATE_HOME"] = str(self.service.path / "state")
        self.addCleanup(os.environ.pop, "XDG_STATE_HOME")
        other = harness.Service()
        self.addCleanup(other.close)
        for service in (self.service, other):
            service.start("--backups", service.backups)
            self.assertEqual(service.request("GET", "/api/v1/ready", token=None)[0], 200)
        databases = sorted((self.service.path / "state" / "bigkeys").glob("*.db"))
        self.assertEqual(len(databases), 2)
        shown = [next(str(path) for path in databases if str(path) in service.read_log()) for service in (self.service, other)]
        self.assertNotEqual(*shown)

    def test_a_link_that_is_left_out_is_named_once(self):
        outside = self.service.path / "outside.rdb"
        outside.write_bytes(harness.rdb([(0, b"k", b"v")]))
        (self.service.backups / "link.rdb").symlink_to(outside)
        self.service.start("--backups", self.service.backups, "--database", self.service.path / "b.db")
        for _ in range(3):
            names = [entry["name"] for entry in self.service.json("GET", "/api/v1/instances")[1]["instances"]]
            self.assertEqual(names, ["single-1.rdb"])
            time.sleep(1.1)
        self.assertEqual(self.service.read_log().count("link.rdb"), 1)

    def test_a_backup_is_listed_and_analysed_by_its_id(self):
        self.service.write("single-2.rdb", harness.rdb([(0, b"a", b"1"), (0, b"b", b"2")]))
        for name, second in (("single-1.rdb", 1_700_000_000), ("single-2.rdb", 1_700_000_100)):
            os.utime(self.service.backups / name, (second, second))
        self.start()
        backups = self.service.json("GET", f"/api/v1/instances/{SINGLE}/backups")[1]["backups"]
        self.assertEqual([backup["name"] for backup in backups], ["single-2.rdb", "single-1.rdb"])
        self.assertEqual(backups[1]["modified_at"], "2023-11-14T22:13:20.000Z")
        path = f"{instance(SINGLE)}/offline/key-analysis"
        older = {"node_id": backups[1]["node_id"], "backup_id": backups[1]["backup_id"]}
        status, created = self.service.json("POST", path, body=json.dumps(older))
        self.assertEqual(status, 200, created)
        task = self.service.wait(f"/api/v1/tasks/{created['task_id']}")
        self.assertEqual((task["status"], task["backup_id"]), ("success", older["backup_id"]))
        result = self.service.json("GET", f"{path}/{created['task_id']}")[1]
        self.assertEqual((result["total_num"], result["backup_id"]), (1, older["backup_id"]))
        os.utime(self.service.backups / "single-1.rdb", (1_700_000_001, 1_700_000_001))
        self.assertEqual(self.service.error("POST", path, body=json.dumps(older)), (400, "DCS.4062"))
        for backup_id in (5, "none", harness.UNKNOWN):
            self.assertEqual(self.service.error("POST", path, body=json.dumps({**older, "backup_id": backup_id})), (400, "DCS.4062"))


if __name__ == "__main__":
    unittest.main()
