"""What clients, files and operators must not be able to do."""

import os
import socket
import sqlite3
import ssl
import stat
import subprocess
import time
import unittest

import harness
from harness import CLUSTER, SINGLE, TOKEN, instance


class HostileTest(unittest.TestCase):
    def setUp(self):
        self.service = harness.Service()
        self.addCleanup(self.service.close)

    def start(self, *arguments, **options):
        self.service.start(*(arguments or ("--config", self.service.config)), **options)

    def connect(self):
        client = socket.create_connection(("127.0.0.1", self.service.port))
        self.addCleanup(client.close)
        return client

    def never_read(self):
        """A client that asks for many answers and reads none."""
        client = self.connect()
        client.setblocking(False)
        try:
            client.sendall(b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 200)
        except BlockingIOError:
            pass
        return client

    def answer(self, request):
        """The first line of the answer to some bytes."""
        client = self.connect()
        client.settimeout(30)
        client.sendall(request)
        return client.recv(1000).split(b"\r\n")[0].decode()

    def refuses(self, *arguments):
        run = subprocess.run([os.environ["BIGKEYS"], "serve", *map(str, arguments)], capture_output=True, timeout=30, env={**os.environ, "READER_SECRET": harness.READER_SK})
        self.assertEqual(run.returncode, 2)
        return run.stderr.decode()

    def test_a_client_that_never_reads_is_closed(self):
        self.start()
        before = self.service.sockets()
        clients = [self.never_read() for _ in range(20)]
        time.sleep(1)
        self.assertGreaterEqual(self.service.sockets(), before + len(clients))
        deadline = time.monotonic() + 40
        while self.service.sockets() > before:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.2)

    def test_clients_of_one_address_that_never_read_leave_room_for_others_with_few_descriptors(self):
        self.start(descriptors=256)
        for _ in range(260):
            self.never_read()
        began = time.monotonic()
        self.assertEqual(self.service.request("GET", "/api/v1/instances", source="127.0.0.2")[0], 200)
        self.assertLess(time.monotonic() - began, 2)

    def test_a_reload_cannot_remove_authentication(self):
        self.start()
        text = self.service.config.read_text()
        for shortened in ("", text[text.index("[[instances]]"):]):
            self.service.reload('roots = ["backups"]\n' + shortened, "stays as it was")
            self.assertEqual(self.service.request("GET", "/api/v1/instances", token=None)[0], 401)
            self.assertEqual(self.service.request("GET", "/api/v1/instances")[0], 200)

    def test_a_reload_right_after_the_start_is_no_end(self):
        # Without its handler, SIGHUP ends the process.
        for _ in range(20):
            self.start()
            self.service.reload(self.service.config.read_text(), "was read again")
            self.assertEqual(self.service.stop(), 0)

    def test_a_certificate_is_read_again_on_reload(self):
        key, certificate = self.service.path / "key.pem", self.service.path / "cert.pem"

        def make():
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", certificate,
                 "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
                check=True, capture_output=True,
            )

        def shown():
            return ssl.get_server_certificate(("127.0.0.1", self.service.port))

        make()
        plain = self.service.config.read_text()
        text = plain.replace("[[access_keys]]", '[server.tls]\ncertificate = "cert.pem"\nkey = "key.pem"\n\n[[access_keys]]', 1)
        self.service.config.write_text(text)
        self.start()
        first = shown()
        make()
        self.service.reload(text, "was read again")
        self.assertNotEqual(shown(), first)
        certificate.write_text("nothing")
        self.service.reload(text, "stays as it was")
        self.service.reload(plain, "at the next start only")

    def test_requests_that_are_no_http_are_refused(self):
        self.start()
        path = f"POST {instance(SINGLE)}/bigkey-task HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Auth-Token: {TOKEN}\r\n".encode()
        chunked = path + b"Transfer-Encoding: chunked\r\n\r\n"
        for chunk in (b"xyz\r\n", b"ffffffffffffffffff\r\n", b"-1\r\n"):
            self.assertIn(" 400 ", self.answer(chunked + chunk))
        self.assertIn(" 400 ", self.answer(b"GET /api/v1/health HTTP/1.1\r\n\r\n"))
        self.assertIn(" 200 ", self.answer(b"GET /api/v1/health HTTP/1.0\r\n\r\n"))
        head = b"GET /api/v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        self.assertIn(" 200 ", self.answer(head + b"X-Long: " + b"x" * 30_000 + b"\r\n\r\n"))
        self.assertIn(" 431 ", self.answer(head + b"X-Long: " + b"x" * 33_000 + b"\r\n\r\n"))

    def test_an_address_that_guesses_tokens_is_slowed_down(self):
        self.start()
        answers = [self.service.request("GET", "/api/v1/instances", token=f"guess {n}")[0] for n in range(150)]
        self.assertEqual(answers[:50], [401] * 50)
        self.assertIn(429, answers)
        self.assertEqual(self.service.request("GET", "/api/v1/instances")[0], 429)
        self.assertEqual(self.service.request("GET", "/api/v1/instances", source="127.0.0.2")[0], 200)

    def test_it_is_not_ready_while_the_database_cannot_be_written(self):
        self.start()
        self.assertEqual(self.service.request("GET", "/api/v1/ready", token=None)[0], 200)
        other = sqlite3.connect(self.service.path / "bigkeys.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        time.sleep(1.1)
        self.assertEqual(self.service.request("GET", "/api/v1/ready", token=None)[0], 503)
        self.assertEqual(self.service.request("GET", "/api/v1/health", token=None)[0], 200)
        other.execute("ROLLBACK")
        time.sleep(1.1)
        self.assertEqual(self.service.request("GET", "/api/v1/ready", token=None)[0], 200)

    def test_a_database_has_one_process_also_through_a_link(self):
        self.start()
        link = self.service.path / "link.db"
        link.symlink_to("bigkeys.db")
        message = self.refuses("--config", self.service.config, "--database", link, "--listen", "127.0.0.1:0")
        self.assertIn("another process", message)

    def test_the_database_and_a_new_configuration_are_private(self):
        os.umask(0o022)
        self.start()
        new = self.service.path / "new.toml"
        subprocess.run([os.environ["BIGKEYS"], "serve", "--init", new], check=True, stdout=subprocess.DEVNULL)
        names = [new, *self.service.path.glob("bigkeys.db*")]
        self.assertGreaterEqual(len(names), 3)
        for path in names:
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600, path)

    def test_the_name_of_a_file_cannot_forge_a_line_of_the_log(self):
        self.service.write("a\n2026-01-01 ERROR forged\x1b[2J.rdb", b"no backup")
        self.start("--backups", self.service.backups, "--database", self.service.path / "b.db")
        listed = self.service.json("GET", "/api/v1/instances")[1]["instances"]
        task = self.service.json("POST", f"/api/v1/instances/{listed[0]['id']}/tasks")[1]
        self.assertEqual(self.service.wait(f"/api/v1/tasks/{task['id']}")["status"], "failed")
        log = self.service.read_log()
        self.assertIn("forged", log)
        self.assertNotIn("\x1b", log)
        self.assertFalse(any(line.startswith("2026-01-01 ERROR") for line in log.splitlines()))

    def test_a_fifo_in_place_of_a_backup_is_refused_at_once_and_the_service_ends(self):
        os.mkfifo(self.service.backups / "shard-1.rdb")
        self.service.write("shard-2.rdb", harness.rdb([(0, b"k", b"v")]))
        self.start()
        began = time.monotonic()
        self.assertEqual(self.service.error("POST", f"{instance(CLUSTER)}/bigkey-task"), (400, "DCS.4919"))
        self.assertLess(time.monotonic() - began, 2)
        began = time.monotonic()
        self.assertEqual(self.service.stop(), 0)
        self.assertLess(time.monotonic() - began, 5)

    def test_long_names_make_no_long_answers_and_readers_share_them(self):
        entries = [(0, b"%03d" % n + b"x" * 65_533, b"v") for n in range(100)]
        entries += [(1, b"list%03d" % n + b"\xff" * 65_529, [b"1"]) for n in range(100)]
        self.service.write("single-1.rdb", harness.rdb(entries))
        self.start()
        task = self.service.json("POST", f"{instance(SINGLE)}/bigkey-task")[1]
        path = f"{instance(SINGLE)}/bigkey-task/{task['id']}"
        names = [key["name"] for key in self.service.wait(path)["keys"]]
        self.assertEqual(len(names), 40)
        self.assertEqual(names[0], "000" + "x" * 1021 + "…(65536 bytes)")
        self.assertTrue(all(name.endswith("…(65536 bytes)") for name in names))
        report = self.service.json("GET", f"/api/v1/tasks/{task['id']}/report")[1]
        self.assertEqual({key["key_truncated_from_bytes"] for keys in report["top"].values() for key in keys}, {65536})
        before = self.service.memory_bytes()
        # Readers that take nothing, of the longest answer.
        for _ in range(200):
            request = f"GET /api/v1/tasks/{task['id']}/report HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Auth-Token: {TOKEN}\r\n\r\n"
            self.connect().sendall(request.encode() * 20)
        time.sleep(2)
        self.assertEqual(self.service.request("GET", path)[0], 200)
        self.assertLess(self.service.memory_bytes() - before, 64 << 20)

    def test_the_page_allows_no_inline_code_but_its_own(self):
        self.start()
        policy = self.service.request("GET", "/", token=None)[1]["Content-Security-Policy"]
        self.assertNotIn("unsafe-inline", policy)
        # A style and a script of its own, and those of the reports that it embeds.
        self.assertEqual(policy.count("'sha256-"), 4)


if __name__ == "__main__":
    unittest.main()
