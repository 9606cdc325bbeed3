"""What happens to tasks when the process, the backups or the database do something else than they should."""

import functools
import http.server
import json
import os
import random
import signal
import socket
import sqlite3
import ssl
import subprocess
import threading
import time
import unittest

import harness
from harness import SINGLE, SLOW, instance

RUNS = int(os.environ.get("CRASH_RUNS", "50"))
FORMAT = {"token": harness.sha256(harness.TOKEN), "old_token": harness.sha256("old")}


class OperationsTest(unittest.TestCase):
    def setUp(self):
        self.service = harness.Service()
        self.addCleanup(self.service.close)

    def start(self, *arguments):
        self.service.start(*(arguments or ("--config", self.service.config)))

    def create(self, instance_id):
        status, task = self.service.json("POST", f"{instance(instance_id)}/bigkey-task")
        self.assertEqual(status, 200, task)
        return task["id"]

    def ended(self, task_id, instance_id):
        return self.service.wait(f"{instance(instance_id)}/bigkey-task/{task_id}")

    def failure(self, task_id):
        return self.service.json("GET", f"/api/v1/tasks/{task_id}")[1]["failure"]

    def until_running(self, task_id, bytes=1):
        for _ in range(2000):
            info = self.service.json("GET", f"/api/v1/tasks/{task_id}")[1]
            if info["progress"] and info["progress"]["bytes"] >= bytes:
                return
            self.assertIn(info["status"], ("waiting", "running"))
            time.sleep(0.005)
        self.fail("it does not run")

    def test_killed_at_random_points_no_task_is_lost_doubled_or_stuck(self):
        harness.slow_rdb(self.service.backups / "slow.rdb", 300_000)
        chance = random.Random(20261124)
        for run in range(RUNS):
            self.start()
            task_id = self.create(SLOW)
            time.sleep(chance.uniform(0, 0.25))
            self.service.kill()
            self.start()
            self.assertEqual(self.service.wait(f"{instance(SLOW)}/bigkey-task/{task_id}")["status"], "success", run)
            self.service.kill()
        self.start()
        status, listed = self.service.json("GET", f"{instance(SLOW)}/bigkey-tasks?limit=1000")
        self.assertEqual((listed["count"], len({record["id"] for record in listed["records"]})), (RUNS, RUNS))
        self.assertEqual({record["status"] for record in listed["records"]}, {"success"})

    def test_a_task_that_takes_its_worker_along_twice_is_failed_with_the_reason(self):
        harness.slow_rdb(self.service.backups / "slow.rdb", 20_000_000)
        self.start()
        task_id = self.create(SLOW)
        for _ in range(2):
            self.until_running(task_id)
            self.service.kill()
            self.start()
        self.assertEqual(self.ended(task_id, SLOW)["status"], "failed")
        self.assertIn("ended 2 times", self.failure(task_id))
        self.assertIn("ended 2 times", self.service.read_log())

    def test_the_end_by_signal_is_quick_and_clean_and_the_scan_goes_on_later(self):
        harness.slow_rdb(self.service.backups / "slow.rdb", 5_000_000)
        self.start()
        task_id = self.create(SLOW)
        for _ in range(4):
            self.until_running(task_id)
            began = time.monotonic()
            self.assertEqual(self.service.stop(), 0)
            self.assertLess(time.monotonic() - began, 5)
            self.start()
        self.assertEqual(self.ended(task_id, SLOW)["status"], "success")

    def test_a_backup_that_changes_under_the_scan_fails_and_one_that_is_replaced_does_not(self):
        path = self.service.backups / "slow.rdb"
        self.start()
        harness.slow_rdb(path, 5_000_000)
        task_id = self.create(SLOW)
        self.until_running(task_id)
        os.truncate(path, 1_000_000)
        self.assertEqual(self.ended(task_id, SLOW)["status"], "failed")
        self.assertIn("slow.rdb", self.failure(task_id))

        harness.slow_rdb(path, 5_000_000)
        task_id = self.create(SLOW)
        self.until_running(task_id)
        with open(path, "ab") as file:
            file.write(b"more")
        self.assertEqual(self.ended(task_id, SLOW)["status"], "failed")
        self.assertIn("changed while it was read", self.failure(task_id))

        harness.slow_rdb(path, 5_000_000)
        task_id = self.create(SLOW)
        self.until_running(task_id)
        self.service.write("other.rdb", harness.rdb([(0, b"k", b"v")]))
        os.replace(self.service.backups / "other.rdb", path)
        task = self.ended(task_id, SLOW)
        self.assertEqual((task["status"], task["num"]), ("success", 20))

        task_id = self.create(SLOW)
        path.unlink()
        self.assertIn(self.ended(task_id, SLOW)["status"], ("success", "failed"))
        self.assertEqual(self.service.error("POST", f"{instance(SLOW)}/bigkey-task"), (400, "DCS.4919"))

    def test_an_object_on_a_web_server_is_a_backup_and_its_signature_a_secret(self):
        self.service.write("web.rdb", harness.rdb([(0, b"big", b"x" * 3000), (1, b"list", [b"1"])]))

        class Quiet(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_):
                pass

        web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=self.service.backups))
        threading.Thread(target=web.serve_forever, daemon=True).start()
        self.addCleanup(lambda: (web.shutdown(), web.server_close()))
        text = self.service.config.read_text()
        at = text.index("slow.rdb")
        line = text[text.rindex("\n", 0, at) + 1:text.index("\n", at)]

        def configure(name):
            url = f"http://127.0.0.1:{web.server_port}/{name}?signature=secret"
            self.service.config.write_text(text.replace(line, 'shards = [{ url = "%s" }]' % url))

        configure("web.rdb")
        self.start()
        task = self.ended(self.create(SLOW), SLOW)
        self.assertEqual((task["status"], task["num"]), ("success", 2))

        configure("missing.rdb")
        self.service.stop()
        self.start()
        task_id = self.create(SLOW)
        self.assertEqual(self.ended(task_id, SLOW)["status"], "failed")
        self.assertIn("missing.rdb", self.failure(task_id))
        self.assertNotIn("secret", self.failure(task_id) + self.service.read_log())

    def test_a_scan_over_its_time_is_failed(self):
        text = self.service.config.read_text().replace("[server]", "[server]\nmax_scan_seconds = 1")
        self.service.config.write_text(text)
        harness.slow_rdb(self.service.backups / "slow.rdb", 40_000_000)
        self.start()
        task_id = self.create(SLOW)
        self.assertEqual(self.ended(task_id, SLOW)["status"], "failed")
        self.assertEqual(self.failure(task_id), "the scan took longer than 1 s")

    def test_a_cancelled_task_is_failed_and_the_next_can_start(self):
        harness.slow_rdb(self.service.backups / "slow.rdb", 20_000_000)
        self.start()
        task_id = self.create(SLOW)
        self.until_running(task_id)
        began = time.monotonic()
        self.assertEqual(self.service.json("POST", f"/api/v1/tasks/{task_id}/cancel")[0], 200)
        self.assertEqual(self.ended(task_id, SLOW)["status"], "failed")
        self.assertLess(time.monotonic() - began, 2)
        self.assertEqual(self.failure(task_id), "it was cancelled")
        self.assertEqual(self.service.error("POST", f"/api/v1/tasks/{task_id}/cancel"), (400, "DCS.4957"))
        # A task that waits for another instance's.
        self.service.write("single-1.rdb", harness.rdb([(0, b"k", b"v")]))
        self.until_running(self.create(SLOW))
        waiting = self.create(SINGLE)
        self.assertEqual(self.service.json("POST", f"/api/v1/tasks/{waiting}/cancel")[1]["status"], "failed")
        self.assertEqual(self.ended(waiting, SINGLE)["status"], "failed")

    def test_a_locked_database_is_answered_with_an_internal_error_and_heals(self):
        self.service.write("single-1.rdb", harness.rdb([(0, b"k", b"v")]))
        self.start()
        other = sqlite3.connect(self.service.path / "bigkeys.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        self.assertEqual(self.service.error("POST", f"{instance(SINGLE)}/bigkey-task"), (500, "DCS.5000"))
        self.assertEqual(self.service.json("GET", f"{instance(SINGLE)}/bigkey-tasks")[0], 200)
        other.execute("ROLLBACK")
        self.assertEqual(self.ended(self.create(SINGLE), SINGLE)["status"], "success")

    def test_a_database_that_breaks_is_answered_with_an_internal_error(self):
        self.service.write("single-1.rdb", harness.rdb([(0, b"k", b"v")]))
        self.start()
        self.ended(self.create(SINGLE), SINGLE)
        other = sqlite3.connect(self.service.path / "bigkeys.db", isolation_level=None)
        other.execute("DROP TABLE result")
        other.execute("DROP TABLE task")
        other.close()
        for method, path in (("POST", "bigkey-task"), ("GET", "bigkey-tasks"), ("GET", f"bigkey-task/{harness.UNKNOWN}")):
            self.assertEqual(self.service.error(method, f"{instance(SINGLE)}/{path}"), (500, "DCS.5000"))
        # What writes nothing but a schedule still works.
        other = sqlite3.connect(self.service.path / "bigkeys.db", isolation_level=None)
        other.execute("DROP TABLE autoscan")
        other.close()
        time.sleep(1.1)
        self.assertEqual(self.service.request("GET", "/api/v1/ready")[0], 503)
        self.assertEqual(self.service.request("GET", "/api/v1/health")[0], 200)

    def test_a_reload_changes_instances_and_keys_and_a_wrong_one_changes_nothing(self):
        harness.slow_rdb(self.service.backups / "slow.rdb", 5_000_000)
        self.service.write("new.rdb", harness.rdb([(0, b"k", b"v")]))
        self.start()
        task_id = self.create(SLOW)
        text = self.service.config.read_text()
        new = f'\n[[instances]]\nid = "{harness.UNKNOWN}"\nkind = "single"\nshards = [{{ file = "backups/new.rdb" }}]\n'

        reload = self.service.reload
        reload(text + "nonsense", "stays as it was")
        self.assertEqual(self.service.error("POST", f"{instance(harness.UNKNOWN)}/bigkey-task"), (404, "DCS.3022"))
        reload(text + new, "was read again")
        self.assertEqual(self.ended(self.create(harness.UNKNOWN), harness.UNKNOWN)["status"], "success")
        self.assertEqual(self.ended(task_id, SLOW)["status"], "success", "tasks outlive a reload")
        reload(text.replace(FORMAT["token"], harness.sha256("another")), "was read again")
        self.assertEqual(self.service.error("GET", f"{instance(SLOW)}/bigkey-tasks"), (401, "DCS.1001"))

    def test_without_any_configuration_a_directory_is_served(self):
        (self.service.backups / "deep").mkdir()
        self.service.write("deep/a.rdb", harness.rdb([(0, b"k", b"value")]))
        self.service.write("notes.txt", b"no backup")
        self.start("--backups", self.service.backups, "--database", self.service.path / "t.db")
        found = self.service.json("GET", "/api/v1/instances", token=None)[1]["instances"]
        self.assertEqual([entry["name"] for entry in found], ["deep/a.rdb"])
        task_id = self.create(found[0]["id"])
        self.assertEqual(self.ended(task_id, found[0]["id"])["keys"][0]["size"], 5)
        self.service.write("b.rdb", harness.rdb([]))
        time.sleep(1.1)
        self.assertEqual(len(self.service.json("GET", "/api/v1/instances")[1]["instances"]), 2)
        self.assertEqual(self.service.error("GET", "/api/v1/instances", headers={"Host": "evil.example"}), (403, "DCS.2003"))
        self.assertEqual(self.service.error("POST", f"{instance(found[0]['id'])}/bigkey-task", headers={"Origin": "https://evil.example"}), (403, "DCS.2003"))

    def refuses(self, *arguments):
        done = subprocess.run([os.environ["BIGKEYS"], "serve", *map(str, arguments)], capture_output=True, text=True, timeout=20, env={**os.environ, "READER_SECRET": "x"})
        self.assertEqual(done.returncode, 2, done)
        return done.stderr

    def test_a_service_with_nothing_to_do_does_nothing(self):
        self.service.write("single-1.rdb", harness.rdb([(0, b"k", b"v")]))
        self.start()
        self.ended(self.create(SINGLE), SINGLE)
        time.sleep(0.5)
        before = self.service.cpu_seconds()
        time.sleep(3)
        self.assertLess(self.service.cpu_seconds() - before, 0.3)

    def test_it_says_why_it_does_not_start(self):
        config = self.service.path / "open.toml"
        config.write_text("")
        self.assertIn("loopback only", self.refuses("--config", config, "--listen", "0.0.0.0:0"))
        self.assertIn("loopback only", self.refuses("--backups", self.service.backups, "--database", self.service.path / "x.db", "--listen", "[::]:0"))
        config.write_text("[server]\nworker = 3\n")
        self.assertIn("open.toml: line 2: unknown field `worker`", self.refuses("--config", config))
        self.assertIn("No such file", self.refuses("--backups", self.service.path / "none", "--database", self.service.path / "x.db"))
        (self.service.path / "noise.db").write_bytes(b"noise" * 1000)
        self.assertIn("not a database", self.refuses("--backups", self.service.backups, "--database", self.service.path / "noise.db"))
        self.start()
        self.assertIn("another process", self.refuses("--config", self.service.config, "--listen", "127.0.0.1:0"))

    def test_init_writes_an_example_that_works_and_never_over_anything(self):
        path = self.service.path / "new.toml"
        init = [os.environ["BIGKEYS"], "serve", "--init", str(path)]
        subprocess.run(init, check=True)
        self.start("--config", path)
        self.assertEqual(len(self.service.json("GET", "/api/v1/instances")[1]["instances"]), 2)
        self.assertEqual(subprocess.run(init, capture_output=True).returncode, 2)

    def test_a_due_time_starts_a_task_of_type_auto(self):
        self.service.write("single-1.rdb", harness.rdb([(0, b"k", b"v")]))
        self.start()
        minute = time.strftime("%H:%M", time.gmtime(time.time() + 1))
        path = f"{instance(SINGLE)}/bigkey/autoscan"
        self.service.json("PUT", path, body=json.dumps({"enable_auto_scan": True, "schedule_at": [minute]}))
        self.service.stop()
        # As if the schedule had been set yesterday, and the service was down at the time.
        database = sqlite3.connect(self.service.path / "bigkeys.db", isolation_level=None)
        database.execute("UPDATE autoscan SET fired_ms = fired_ms - 86400000")
        database.close()
        self.start()
        for _ in range(150):
            records = self.service.json("GET", f"{instance(SINGLE)}/bigkey-tasks")[1]["records"]
            if records and records[0]["status"] == "success":
                break
            time.sleep(0.1)
        self.assertEqual([(record["scan_type"], record["status"]) for record in records], [("auto", "success")])
        time.sleep(6)
        self.assertEqual(self.service.json("GET", f"{instance(SINGLE)}/bigkey-tasks")[1]["count"], 1)

    def test_tls_is_served_where_it_is_configured(self):
        key, certificate = self.service.path / "key.pem", self.service.path / "cert.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", certificate,
             "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
            check=True, capture_output=True,
        )
        text = self.service.config.read_text()
        self.service.config.write_text(text.replace("[[access_keys]]", '[server.tls]\ncertificate = "cert.pem"\nkey = "key.pem"\n\n[[access_keys]]', 1))
        self.start()
        context = ssl.create_default_context(cafile=str(certificate))
        with socket.create_connection(("127.0.0.1", self.service.port)) as plain:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
                secure.sendall(b"GET /api/v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                self.assertTrue(secure.recv(100).startswith(b"HTTP/1.1 200"))
        certificate.write_text("nothing")
        self.service.stop()
        self.assertIn("cert.pem", self.refuses("--config", self.service.config))

    def test_a_thousand_slow_clients_do_not_stop_a_healthy_one(self):
        self.start()
        slow = []
        try:
            for _ in range(1000):
                client = socket.create_connection(("127.0.0.1", self.service.port))
                client.sendall(b"GET /api/v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
                slow.append(client)
            for _ in range(20):
                began = time.monotonic()
                self.assertEqual(self.service.json("GET", f"{instance(SINGLE)}/bigkey-tasks")[0], 200)
                self.assertLess(time.monotonic() - began, 1)
            # And they are not waited for for ever.
            slow[0].settimeout(30)
            slow[0].recv(1000)
            self.assertEqual(slow[0].recv(1000), b"")
        finally:
            for client in slow:
                client.close()

    def test_a_key_over_its_rate_is_told_so(self):
        self.service.config.write_text(self.service.config.read_text().replace("requests_per_second = 100000", "requests_per_second = 5"))
        self.start()
        answers = [self.service.request("GET", f"{instance(SINGLE)}/bigkey-tasks")[0] for _ in range(10)]
        self.assertEqual(answers[:5], [200] * 5)
        self.assertIn(429, answers)
        self.assertEqual(self.service.request("GET", f"{instance(SINGLE)}/bigkey-tasks", token="other")[0], 401)


if __name__ == "__main__":
    unittest.main()
