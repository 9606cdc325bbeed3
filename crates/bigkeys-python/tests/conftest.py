"""What several tests use."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = os.environ.get("BIGKEYS", str(ROOT / "target/debug/bigkeys"))

# Names of files stand in reports, so all are relative to the repository.
os.chdir(ROOT)

FIXTURES = sorted(str(path) for path in Path("testdata/fixtures").glob("*.rdb"))
FILE = "testdata/fixtures/redis-8.2.3.rdb"


def program(*arguments: str, status: int = 0) -> str:
    """Returns what the program prints."""
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    return done.stdout


def wait_until_scans_ended() -> None:
    """Waits until this process has no thread of a scan. Threads end a moment after they are told to."""
    deadline = time.monotonic() + 20
    while scan_threads():
        assert time.monotonic() < deadline, scan_threads()
        time.sleep(0.01)


def scan_threads() -> list[str]:
    """Returns the names of this process's threads that belong to scans."""
    names = []
    for task in Path("/proc/self/task").iterdir():
        try:
            names.append((task / "comm").read_text().strip())
        except OSError:
            pass  # It has ended.
    return [name for name in names if name.startswith("bigkeys")]


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Makes SIGINT raise `KeyboardInterrupt`. A shell ignores the signal in what it runs in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def truncated(tmp_path: Path) -> str:
    """A file that ends in the middle."""
    whole = Path(FILE).read_bytes()
    path = tmp_path / "truncated.rdb"
    path.write_bytes(whole[: len(whole) // 2])
    return str(path)
