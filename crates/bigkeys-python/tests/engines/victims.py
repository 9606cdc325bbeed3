"""Kills a process that reads a file, when it has read half of the file."""

from __future__ import annotations

import os
import re
import select
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil

Hold = Callable[[psutil.Process], object]
"""What happens while a process waits for the second half of a file."""


class HeldFile:
    """A file on a web server that holds back the second half from the first worker that reads it.

    A worker is any process but this one. The server calls `hold` with the worker, and sends the second
    half when `hold` returns. Other processes get the file at once.
    """

    def __init__(self, file: Path, hold: Hold) -> None:
        self.content = file.read_bytes()
        self.name = file.name
        self.url = ""
        self.readers: list[int] = []
        """The process of each request for the second half, in the order of the requests."""
        self.errors: list[Exception] = []
        """Exceptions of `hold`."""
        self._hold = hold
        self._changed = threading.Condition()

    @property
    def workers(self) -> list[int]:
        """The worker of each request for the second half, in the order of the requests."""
        return [reader for reader in self.readers if reader != os.getpid()]

    def wait_for_workers(self, count: int) -> None:
        """Waits for the request of worker number `count`."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.workers) >= count, timeout=60):
                raise TimeoutError(f"after 60 seconds, {self.workers} of {count} workers read the file")

    def before_second_half(self, reader: psutil.Process) -> None:
        """Calls `hold` if `reader` is the first worker."""
        with self._changed:
            is_first_worker = reader.pid != os.getpid() and not self.workers
            self.readers.append(reader.pid)
            self._changed.notify_all()
        if is_first_worker:
            try:
                self._hold(reader)
            except Exception as error:
                self.errors.append(error)


@contextmanager
def serve(file: Path, hold: Hold) -> Iterator[HeldFile]:
    """Serves `file` on a free port of loopback."""
    held = HeldFile(file, hold)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            total = len(held.content)
            match = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"])
            assert match, "bigkeys asks for ranges"
            start, end = int(match[1]), min(int(match[2]) + 1, total)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{total}")
            self.send_header("Content-Length", str(end - start))
            self.send_header("ETag", '"1"')
            self.end_headers()
            middle = total // 2
            self.wfile.write(held.content[start : min(middle, end)])
            # The first request is for the beginning of the file only.
            if end > middle:
                held.before_second_half(_process_with_port(self.client_address[1]))
                try:
                    self.wfile.write(held.content[max(start, middle) : end])
                except ConnectionError:
                    # The reader was killed.
                    self.close_connection = True

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    held.url = f"http://127.0.0.1:{server.server_port}/{held.name}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield held
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def kill(*processes: psutil.Process) -> None:
    """Kills processes, and returns when all have ended."""
    descriptors = [os.pidfd_open(process.pid) for process in processes]
    try:
        for descriptor in descriptors:
            try:
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            except ProcessLookupError:
                # It ended with a process that was killed before it.
                pass
        for process, descriptor in zip(processes, descriptors, strict=True):
            # The descriptor is readable when the process has ended, even if nobody has waited for it.
            ended, _, _ = select.select([descriptor], [], [], 60)
            if not ended:
                raise TimeoutError(f"process {process.pid} is alive 60 seconds after SIGKILL")
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _process_with_port(port: int) -> psutil.Process:
    for connection in psutil.net_connections(kind="tcp4"):
        if connection.laddr and connection.laddr.port == port and connection.pid is not None:
            return psutil.Process(connection.pid)
    raise LookupError(f"no process has the TCP port {port}")
