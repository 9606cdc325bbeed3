"""Inputs: paths, patterns, URLs and their options."""

from __future__ import annotations

import http.server
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import bigkeys
import pyarrow
import pytest
from conftest import FILE, FIXTURES


class _Store(http.server.BaseHTTPRequestHandler):
    """Answers like an object store that holds one object, `/bucket/dump.rdb`."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, with_body: bool) -> None:
        whole = Path(FILE).read_bytes()
        if self.path.split("?")[0] != "/bucket/dump.rdb":
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        content, status = whole, 200
        wanted = self.headers.get("Range")
        if wanted is not None:
            first, last = wanted.removeprefix("bytes=").split("-")
            start, end = int(first), min(int(last or len(whole)), len(whole) - 1)
            content, status = whole[start : end + 1], 206
        self.send_response(status)
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{end}/{len(whole)}")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Tue, 24 Nov 2026 03:17:33 GMT")
        self.end_headers()
        if with_body:
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def store() -> Iterator[str]:
    """The address of an object store."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Store)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_object_is_read_with_the_options_of_fsspec(store: str) -> None:
    options = {"anon": True, "client_kwargs": {"endpoint_url": store, "region_name": "us-east-1"}}
    for url in ("s3://bucket/dump.rdb", "s3a://bucket/dump.rdb"):
        assert bigkeys.scan(url, storage_options=options).totals.keys == 599
    named = {"AWS_ENDPOINT": store, "AWS_SKIP_SIGNATURE": "true", "AWS_ALLOW_HTTP": "true"}
    assert bigkeys.scan("s3://bucket/dump.rdb", storage_options=named).totals.keys == 599
    with pytest.raises(bigkeys.InputError) as missing:
        bigkeys.scan("s3://bucket/missing.rdb", storage_options=options)
    assert missing.value.path == "s3://bucket/missing.rdb"
    with pytest.raises(OSError, match="s3://bucket/missing.rdb: .*not found"):
        pyarrow.table(bigkeys.keys("s3://bucket/missing.rdb", storage_options=options))


def test_a_file_has_many_names() -> None:
    expected = bigkeys.scan(FILE).totals
    whole = Path(FILE).resolve()
    for path in (Path(FILE), f"file://{whole}", f"file:{whole}", f"file://localhost{whole}", [FILE], (FILE, f"./{FILE}")):
        assert bigkeys.scan(path).totals == expected
    with pytest.raises(bigkeys.OptionError, match="another machine"):
        bigkeys.scan("file://elsewhere/dump.rdb")


def test_names_of_files_are_any_bytes(tmp_path: Path) -> None:
    content = Path(FILE).read_bytes()
    (tmp_path / "sp ace.rdb").write_bytes(content)
    (tmp_path / "a[1].rdb").write_bytes(content)
    with open(os.fsencode(tmp_path) + b"/n\xff.rdb", "wb") as file:
        file.write(content)
    for name in (b"sp ace.rdb", b"a[1].rdb", b"n\xff.rdb"):
        assert bigkeys.scan((tmp_path / os.fsdecode(name)).as_uri()).totals.keys == 599
    listed = bigkeys.list_inputs(tmp_path)
    assert len(listed) == 3
    assert all(bigkeys.scan(each).totals.keys == 599 for each in listed)
    assert bigkeys.scan(listed).totals.keys == 3 * 599


def test_an_input_keeps_its_name_and_length() -> None:
    [listed] = bigkeys.list_inputs(FILE)
    assert bigkeys.list_inputs(listed) == [listed]
    seen: list[bigkeys.Progress] = []
    report = bigkeys.scan(listed._replace(name="tuesday"), progress=seen.append)
    assert report.sources[0].path == "tuesday"
    assert seen[-1].total_bytes == Path(FILE).stat().st_size


def test_an_interrupt_ends_the_listing_of_a_store(interruptible: None) -> None:
    class Silent(_Store):
        def do_GET(self) -> None:
            answered.wait(60)

    answered = threading.Event()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silent)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    options = {"anon": True, "endpoint_url": f"http://127.0.0.1:{server.server_port}", "AWS_REGION": "us-east-1"}
    interrupt = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    interrupt.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        bigkeys.list_inputs("s3://bucket/*.rdb", storage_options=options)
    assert time.monotonic() - started < 20
    answered.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_input_is_never_a_pattern(tmp_path: Path) -> None:
    (tmp_path / "a1.rdb").write_bytes(Path(FILE).read_bytes())
    gone = str(tmp_path / "a[1].rdb")
    assert bigkeys.scan(gone).totals.keys == 599, "as a path, it matches another file"
    with pytest.raises(bigkeys.InputError):
        bigkeys.scan(bigkeys.Input(gone, gone))
    with pytest.raises(bigkeys.OptionError):
        bigkeys.scan([bigkeys.Input(gone, gone), FILE])  # type: ignore[list-item]


def test_a_shard_does_not_change_the_order_of_inputs() -> None:
    report = bigkeys.scan(FIXTURES, shards={FIXTURES[2]: "10.0.0.1:6379"})
    assert [source.path for source in report.sources] == FIXTURES
    assert [source.shard for source in report.sources].index("10.0.0.1:6379") == 2


def test_an_append_only_file_keeps_its_note(tmp_path: Path) -> None:
    (tmp_path / "a.base.rdb").write_bytes(Path(FILE).read_bytes())
    (tmp_path / "a.incr.aof").write_bytes(b"12345")
    manifest = b"file a.base.rdb seq 1 type b\nfile a.incr.aof seq 1 type i\n"
    (tmp_path / "a.manifest").write_bytes(manifest)
    [listed] = bigkeys.list_inputs(tmp_path)
    assert listed.increments == (1, 5)
    assert bigkeys.scan(listed).to_json() == bigkeys.scan(tmp_path).to_json()
    assert "1 incremental file of 5 bytes not read" in bigkeys.scan(listed).to_json()


def test_inputs_are_listed_once_each() -> None:
    listed = bigkeys.list_inputs("testdata/fixtures/*.rdb")
    assert [each.path for each in listed] == FIXTURES
    assert [each.length for each in listed] == [Path(path).stat().st_size for path in FIXTURES]
    shards = {FILE: "10.0.0.1:6379"}
    assert {each.path: each.shard for each in bigkeys.list_inputs(FIXTURES, shards=shards)} == {
        path: shards.get(path) for path in FIXTURES
    }
