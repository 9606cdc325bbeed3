"""Fixtures of all engines."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cases import FIXTURES, Case
from spark_clusters import environment


@pytest.fixture(scope="session")
def dumps() -> list[str]:
    """RDB files of several servers, not in the order of their lengths."""
    names = ["redis-6.2.5", "valkey-9.0.0-libc", "redis-7.2.6-lru", "valkey-8.0.1", "redis-8.2.3"]
    return [str(FIXTURES / f"{name}.rdb") for name in names]


@pytest.fixture(scope="session")
def remote_dump() -> Path:
    """The RDB file on the web server, several times as long as the first request of a reader."""
    return FIXTURES / "redis-8.10.2-libc.rdb"


@pytest.fixture
def not_an_rdb(tmp_path: Path) -> Path:
    file = tmp_path / "broken.rdb"
    file.write_bytes(b"%PDF-1.7\n" * 100)
    return file


@pytest.fixture
def truncated_dump(dumps: list[str], tmp_path: Path) -> str:
    file = tmp_path / "half.rdb"
    content = Path(dumps[4]).read_bytes()
    file.write_bytes(content[: len(content) // 2])
    return str(file)


@pytest.fixture(params=["options", "shards", "truncated", "relative", "append-only", "no files"])
def case(
    request: pytest.FixtureRequest,
    dumps: list[str],
    truncated_dump: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Case:
    if request.param == "options":
        return Case(dumps, {"top": 3, "by": "elements", "deep": True, "separator": "_"})
    if request.param == "shards":
        return Case(dumps, {"shards": {dumps[3]: "10.0.0.3:6379", dumps[1]: "10.0.0.1:6379"}})
    if request.param == "truncated":
        return Case([dumps[0], truncated_dump, dumps[2]], {})
    if request.param == "relative":
        # The processes of the engine run in other directories.
        monkeypatch.chdir(FIXTURES)
        return Case(["redis-7.2.*.rdb", "valkey-8.0.1.rdb", "./redis-7.2.6.rdb"], {})
    if request.param == "append-only":
        # The report says that the second file was not read.
        directory = tmp_path / "appendonlydir"
        directory.mkdir()
        shutil.copy(dumps[0], directory / "appendonly.aof.1.base.rdb")
        (directory / "appendonly.aof.1.incr.aof").write_bytes(b"*1\r\n$4\r\nPING\r\n")
        (directory / "appendonly.aof.manifest").write_text(
            "file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n"
        )
        return Case([str(directory), dumps[2]], {})
    return Case([], {"top": 3})


@pytest.fixture(scope="session")
def spark_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where Spark writes its files; also sets the environment of the processes of Spark."""
    directory = tmp_path_factory.mktemp("spark")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(directory).items():
            patch.setenv(name, value)
        yield directory
