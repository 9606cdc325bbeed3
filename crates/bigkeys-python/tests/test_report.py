"""Reports equal those of the program."""

from __future__ import annotations

import fcntl
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import bigkeys
import pytest
from conftest import FILE, FIXTURES, program, wait_until_scans_ended


@pytest.mark.parametrize("paths", [FIXTURES[:1], FIXTURES], ids=["one", "all"])
def test_a_scan_gives_the_json_of_the_program(paths: list[str]) -> None:
    assert bigkeys.scan(paths).to_json() + "\n" == program("scan", "--format", "json", *paths)


def test_options_are_those_of_the_program() -> None:
    expected = program(
        "scan", "--format", "json", "--top", "3", "--by", "elements", "--prefixes", "2", "--separator", ".",
        "--deep", "--no-memory", "--threads", "1", "--server-version", "7.2.6", "--shard", f"10.0.0.1:6379={FILE}",
    )  # fmt: skip
    report = bigkeys.scan(
        [],
        top=3,
        by="elements",
        prefixes=2,
        separator=".",
        deep=True,
        memory=False,
        threads=1,
        server_version="7.2.6",
        shards={FILE: "10.0.0.1:6379"},
    )
    assert report.to_json() + "\n" == expected


def test_a_condition_selects_keys() -> None:
    condition = 'type == "hash" && memory_bytes > 1KB'
    report = bigkeys.scan(FILE, where=condition)
    assert report.to_json() + "\n" == program("scan", "--format", "json", "--where", condition, FILE)
    assert set(report.by_type) == {"hash"}
    with pytest.raises(bigkeys.ReportError, match="filter"):
        bigkeys.merge([report, report])


def test_attributes_have_what_the_json_has() -> None:
    report = bigkeys.scan(FIXTURES)
    document = report.document
    assert report.totals.keys == document["totals"]["keys"] == sum(source.keys for source in report.sources)
    assert sum(group.keys for group in report.by_type.values()) == report.totals.keys
    assert sum(group.keys for group in report.by_encoding) == report.totals.keys
    assert sum(group.keys for group in report.by_db) == report.totals.keys
    assert sum(group.keys for group in report.expiry) == report.totals.keys
    prefixes = report.prefixes
    assert prefixes is not None
    listed = [*prefixes.groups, prefixes.no_prefix, prefixes.others]
    assert sum(group.keys for group in listed) == report.totals.keys
    for name, keys in report.top.items():
        assert [key.offset for key in keys] == [key["offset"] for key in document["top"][name]]
        assert all(key.type == name and key.key_bytes >= len(key.key) for key in keys)
    assert report.is_clean == all(source["coverage"]["complete"] for source in document["sources"])


def test_merged_reports_are_the_report_of_one_scan() -> None:
    parts = [bigkeys.scan(path) for path in FIXTURES]
    travelled = [pickle.loads(pickle.dumps(part)) for part in parts]
    assert bigkeys.merge(travelled).to_json() == bigkeys.scan(FIXTURES).to_json()


def test_saved_reports_travel_to_the_program_and_back(tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    program("scan", "--save", str(saved), *FIXTURES[:3])
    report = bigkeys.Report.from_saved(saved.read_text())
    assert report.to_json() == bigkeys.scan(FIXTURES[:3]).to_json()
    saved.write_text(report.to_saved())
    assert program("report", "--format", "json", str(saved)) == report.to_json() + "\n"
    with pytest.raises(bigkeys.ReportError):
        bigkeys.Report.from_saved("nothing")


def test_a_diff_is_that_of_the_program(tmp_path: Path) -> None:
    old, new = FIXTURES[4], FILE
    saved = []
    for name, path in (("old", old), ("new", new)):
        saved.append(str(tmp_path / name))
        program("scan", "--save", saved[-1], path)
    diff = bigkeys.diff(bigkeys.scan(old), bigkeys.scan(new))
    assert diff.to_json() + "\n" == program("diff", "--format", "json", *saved)
    assert diff.totals.new.keys == 599
    assert diff.totals.growth_bytes == sum(change.growth_bytes for change in diff.by_type.values())
    assert diff.prefixes


def test_a_notebook_shows_the_page_in_a_sandbox() -> None:
    shown = bigkeys.scan(FILE)._repr_html_()
    assert re.match(r'<iframe sandbox="allow-scripts" [^>]*srcdoc="&lt;!doctype html', shown)
    assert "<svg" not in shown, "the page is one attribute"
    assert "&lt;svg" in shown
    assert shown.count('"') == 6, "nothing in the page ends the attribute"


def test_damage_is_in_the_report_and_is_no_exception(truncated: str) -> None:
    report = bigkeys.scan(truncated)
    [source] = report.sources
    assert not report.is_clean
    assert not source.is_complete
    assert source.stopped_at_offset is not None
    assert source.reason


def test_failures_have_a_type_a_path_and_an_offset() -> None:
    with pytest.raises(bigkeys.InputError) as missing:
        bigkeys.scan("missing.rdb")
    assert (missing.value.path, missing.value.offset) == ("missing.rdb", None)
    assert isinstance(missing.value, OSError)
    with pytest.raises(bigkeys.NotRdbError) as text:
        bigkeys.scan([FILE, "README.md"])
    assert (text.value.path, text.value.offset) == ("README.md", 0)
    again = pickle.loads(pickle.dumps(text.value))
    assert (type(again), str(again), again.path) == (bigkeys.NotRdbError, str(text.value), "README.md")
    wrong = [
        {"by": "size"},
        {"separator": "::"},
        {"where": "nonsense("},
        {"server_version": "x"},
        {"top": -1},
        {"top": "3"},
        {"threads": 0},
        {"threads": 100_000},
        {"deep": 1},
        {"top": 2**70},
        {"top": True},
    ]
    for options in wrong:
        with pytest.raises(bigkeys.OptionError):
            bigkeys.scan(FILE, **options)
    with pytest.raises(TypeError, match="unknown option: tops"):
        bigkeys.scan(FILE, tops=3)  # type: ignore[call-arg]


def test_progress_ends_with_all_bytes_and_keys() -> None:
    seen: list[bigkeys.Progress] = []
    report = bigkeys.scan(FIXTURES, progress=seen.append)
    last = seen[-1]
    assert last.keys == report.totals.keys
    assert last.total_bytes == sum(Path(path).stat().st_size for path in FIXTURES)
    assert last.bytes_read == last.total_bytes


class _Pipe:
    """A FIFO with the beginning of a file, which does not end before the test does."""

    def __init__(self, directory: Path) -> None:
        self.path = str(directory / "pipe")
        os.mkfifo(self.path)

    def __enter__(self) -> str:
        # A process that also reads does not wait for a reader.
        self._pipe = os.open(self.path, os.O_RDWR)
        fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, 1 << 20)
        os.write(self._pipe, Path(FILE).read_bytes()[:100_000])
        return self.path

    def __exit__(self, *_: object) -> None:
        os.close(self._pipe)


def test_an_exception_of_the_callback_ends_the_scan(tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    def callback(_: bigkeys.Progress) -> None:
        raise Enough

    with _Pipe(tmp_path) as pipe, pytest.raises(Enough):
        bigkeys.scan(pipe, progress=callback)
    wait_until_scans_ended()


def test_an_interrupt_ends_the_scan(tmp_path: Path, interruptible: None) -> None:
    interrupt = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    with _Pipe(tmp_path) as pipe:
        interrupt.start()
        with pytest.raises(KeyboardInterrupt):
            bigkeys.scan(pipe)
    interrupt.join()
    wait_until_scans_ended()
    assert bigkeys.scan(FILE).totals.keys == 599, "the next scan is not affected"


def test_other_threads_run_during_a_scan(tmp_path: Path) -> None:
    code = """
import os, sys, threading, bigkeys
scan = threading.Thread(target=bigkeys.scan, args=(sys.argv[1],), daemon=True)
scan.start()
threading.Event().wait(0.2)
os._exit(7 if scan.is_alive() else 1)
"""
    with _Pipe(tmp_path) as pipe:
        # A scan that held the interpreter would keep the process from its end.
        assert subprocess.run([sys.executable, "-c", code, pipe], timeout=60).returncode == 7


def test_names_in_exceptions_are_harmless_on_a_terminal(tmp_path: Path) -> None:
    missing = str(tmp_path / "e\x1b[31m.rdb")
    with pytest.raises(bigkeys.InputError) as error:
        bigkeys.scan(missing)
    assert "\x1b" not in str(error.value)
    assert error.value.path == missing


def test_a_thousand_scans_do_not_take_more_memory() -> None:
    def resident_kb() -> int:
        status = Path("/proc/self/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1))  # type: ignore[union-attr]

    path = min(FIXTURES, key=os.path.getsize)
    for _ in range(100):
        bigkeys.scan(path, threads=2).to_json()
    before = resident_kb()
    for _ in range(1000):
        bigkeys.scan(path, threads=2).to_json()
    assert resident_kb() - before < 16 << 10
