"""Starts `bigkeys serve` and makes backups for it."""

import http.client
import json
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import tempfile
import time

PROJECT = "0123456789abcdef0123456789abcdef"
OTHER_PROJECT = "fedcba98765432100123456789abcdef"
SINGLE = "5560df16-cebf-4473-95c4-d1b573c16e79"
CLUSTER = "0d5c1a2b-3c4d-4e5f-8a6b-7c8d9e0f1a2b"
BROKEN = "11111111-2222-4333-8444-555555555555"
GONE = "22222222-2222-4333-8444-555555555555"
SLOW = "33333333-2222-4333-8444-555555555555"
FOREIGN = "44444444-2222-4333-8444-555555555555"
UNKNOWN = "99999999-2222-4333-8444-555555555555"
AK, SK = "TESTACCESSKEY", "TestSecretKey/0123456789"
READER_AK, READER_SK = "READERACCESSKEY", "ReaderSecretKey/0123456789"
TOKEN = "a-token-of-this-test"
PROJECT_TOKEN = "project"

CONFIG = f"""
roots = ["backups"]

[server]
listen = "127.0.0.1:0"
requests_per_second = 100000

[[access_keys]]
access_key = "{AK}"
secret_key = "{SK}"
projects = ["{PROJECT}"]

[[access_keys]]
access_key = "{READER_AK}"
secret_key_env = "READER_SECRET"
projects = ["{PROJECT}"]
read_only = true

[[tokens]]
name = "test"
sha256 = "{{token}}"

[[tokens]]
name = "project"
sha256 = "{{project_token}}"
projects = ["{PROJECT}"]

[[tokens]]
name = "old"
sha256 = "{{old_token}}"
expires_at = "2026-01-01T00:00:00Z"

[[instances]]
id = "{SINGLE}"
project = "{PROJECT}"
name = "single"
kind = "single"
shards = [{{{{ glob = "backups/single-*.rdb" }}}}]

[[instances]]
id = "{CLUSTER}"
project = "{PROJECT}"
kind = "cluster"
shards = [
    {{{{ address = "10.0.0.1:6379", file = "backups/shard-1.rdb" }}}},
    {{{{ address = "10.0.0.2:6380", file = "backups/shard-2.rdb" }}}},
]

[[instances]]
id = "{BROKEN}"
kind = "single"
shards = [{{{{ file = "backups/broken.rdb" }}}}]

[[instances]]
id = "{GONE}"
kind = "single"
shards = [{{{{ file = "backups/gone.rdb" }}}}]

[[instances]]
id = "{SLOW}"
kind = "single"
shards = [{{{{ file = "backups/slow.rdb" }}}}]

[[instances]]
id = "{FOREIGN}"
project = "{OTHER_PROJECT}"
kind = "single"
shards = [{{{{ file = "backups/shard-1.rdb" }}}}]
"""


def sha256(text):
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()


def length(n):
    """The length of a string as RDB has it."""
    if n < 64:
        return bytes([n])
    return bytes([0x40 | n >> 8, n & 255]) if n < 1 << 14 else b"\x80" + n.to_bytes(4, "big")


def rdb(entries):
    """A version 3 file, which has no checksum, of (type, key, value) with types 0 (string) and 1 (list)."""
    out = [b"REDIS0003\xfe\x00"]
    for kind, key, value in entries:
        out.append(bytes([kind]) + length(len(key)) + key)
        if kind == 0:
            out.append(length(len(value)) + value)
        else:
            out.append(length(len(value)) + b"".join(length(len(item)) + item for item in value))
    return b"".join(out) + b"\xff"


def slow_rdb(path, keys):
    """A file whose scan takes a while."""
    with open(path, "wb") as file:
        file.write(b"REDIS0003\xfe\x00")
        for start in range(0, keys, 10_000):
            file.write(b"".join(b"\x00\x0ckey%09d\x04abcd" % n for n in range(start, start + 10_000)))
        file.write(b"\xff")


class Service:
    """A service with its own directory."""

    def __init__(self, config=CONFIG, backups=None):
        self.directory = tempfile.TemporaryDirectory(prefix="bigkeys-")
        self.path = pathlib.Path(self.directory.name)
        self.backups = self.path / "backups"
        self.backups.mkdir()
        self.config = self.path / "bigkeys.toml"
        self.config.write_text(config.format(token=sha256(TOKEN), project_token=sha256(PROJECT_TOKEN), old_token=sha256("old")))
        self.process = None

    def write(self, name, content):
        (self.backups / name).write_bytes(content)

    def start(self, *arguments, descriptors=None):
        """Starts it, with at most this number of descriptors."""
        arguments = arguments or ("--config", self.config)
        self.log = open(self.path / "log", "ab")
        self.process = subprocess.Popen(
            [os.environ["BIGKEYS"], "serve", "--listen", "127.0.0.1:0", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=self.log,
            env={**os.environ, "READER_SECRET": READER_SK},
            preexec_fn=descriptors and (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))),
        )
        line = self.process.stdout.readline().decode()
        match = re.fullmatch(r"bigkeys: serving on 127\.0\.0\.1:(\d+)\n", line)
        if not match:
            raise RuntimeError(f"no start: {line!r}\n{self.read_log()}")
        self.port = int(match[1])
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    def read_log(self):
        return (self.path / "log").read_text()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()

    def stop(self):
        """Ends it as a service manager does, and gives its exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=30)
        self.process.stdout.close()
        self.log.close()
        return status

    def cpu_seconds(self):
        """Processor time that it has taken so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()
        self.directory.cleanup()

    def memory_bytes(self):
        """Its resident memory."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s*(\d+) kB", status)[1]) << 10

    def sockets(self):
        """Number of its open sockets."""
        links = pathlib.Path(f"/proc/{self.process.pid}/fd").iterdir()
        return sum(os.readlink(link).startswith("socket:") for link in links)

    def reload(self, text, expected):
        """Replaces its configuration, and waits for a line of the log."""
        self.config.write_text(text)
        seen = self.read_log().count(expected)
        self.process.send_signal(signal.SIGHUP)
        for _ in range(500):
            if self.read_log().count(expected) > seen:
                return
            time.sleep(0.01)
        raise TimeoutError(self.read_log())

    def request(self, method, path, body=None, token=TOKEN, headers=None, source="127.0.0.1"):
        """Status, headers and body of one request from an address of this machine."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30, source_address=(source, 0))
        headers = dict(headers or {})
        if token:
            headers["X-Auth-Token"] = token
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response.status, response.headers, content

    def json(self, method, path, **kwargs):
        status, _, content = self.request(method, path, **kwargs)
        return status, json.loads(content)

    def error(self, method, path, **kwargs):
        """Status and code of an answer that must be an error object and nothing else."""
        status, headers, content = self.request(method, path, **kwargs)
        assert headers["X-Request-Id"], headers
        body = json.loads(content)
        assert set(body) == {"error_code", "error_msg"}, body
        assert len(body["error_code"]) <= 9 and len(body["error_msg"]) <= 1024, body
        assert self.directory.name not in content.decode(), "an answer shows a path"
        return status, body["error_code"]

    def wait(self, path, seconds=60):
        """The task at `path` when it has ended."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            status, task = self.json("GET", path)
            assert status == 200, task
            if task["status"] in ("success", "failed"):
                return task
            time.sleep(0.02)
        raise TimeoutError(f"{task}\n{self.read_log()}")


def instance(instance_id, project=PROJECT):
    return f"/v2/{project}/instances/{instance_id}"


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]
