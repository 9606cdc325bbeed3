"""Keys as Arrow streams equal those of the program, in every library."""

from __future__ import annotations

import base64
import gc
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import bigkeys
import duckdb
import pandas
import polars
import pyarrow
import pyarrow.parquet
import pytest
from conftest import FILE, FIXTURES, program, scan_threads, wait_until_scans_ended


def expected_rows(*paths: str) -> list[dict[str, Any]]:
    """Returns the rows that `bigkeys keys` prints, in the columns of the schema."""
    rows = []
    for line in program("keys", "--format", "jsonl", *paths).splitlines():
        row = json.loads(line)
        row["key_binary"] = base64.b64decode(row["key_b64"]) if "key_b64" in row else None
        rows.append({name: row.get(name) for name in pyarrow.schema(bigkeys.key_schema()).names})
    return rows


def test_every_row_is_that_of_the_program() -> None:
    table = pyarrow.table(bigkeys.keys(FIXTURES))
    assert table.to_pylist() == expected_rows(*FIXTURES)


def test_the_schema_is_that_of_parquet(tmp_path: Path) -> None:
    path = tmp_path / "keys.parquet"
    program("keys", "--export", f"parquet={path}", FILE)
    written = pyarrow.parquet.read_table(path)
    table = pyarrow.table(bigkeys.keys(FILE))
    assert written.schema.equals(table.schema)
    assert written.equals(table)
    assert table.schema.equals(pyarrow.schema(bigkeys.key_schema()), check_metadata=True)
    assert table.schema.metadata == {b"bigkeys.key_schema_version": b"1"}
    assert written.schema.metadata == table.schema.metadata


def test_pandas_takes_the_stream() -> None:
    frame = pandas.DataFrame.from_arrow(bigkeys.keys(FILE))
    rows = expected_rows(FILE)
    assert len(frame) == len(rows)
    assert list(frame["rdb_bytes"]) == [row["rdb_bytes"] for row in rows]
    assert frame["memory_bytes"].sum() == sum(row["memory_bytes"] for row in rows)


def test_polars_takes_the_stream() -> None:
    assert polars.DataFrame(bigkeys.keys(FILE)).to_dicts() == expected_rows(FILE)


def test_duckdb_takes_the_stream_in_several_queries() -> None:
    keys = bigkeys.keys(FILE)
    counts = duckdb.sql("select type, count(*) from keys group by type").fetchall()
    assert dict(counts) == {name: group.keys for name, group in bigkeys.scan(FILE).by_type.items()}
    both = "select count(*) from (from keys union all from keys) where memory_bytes > 10000"
    expected = 2 * sum((row["memory_bytes"] or 0) > 10000 for row in expected_rows(FILE))
    assert duckdb.sql(both).fetchall() == [(expected,)]


def test_options_select_and_measure() -> None:
    deep = pyarrow.table(bigkeys.keys(FILE, deep=True, memory=False, where='type == "hash"'))
    assert set(deep["type"].to_pylist()) == {"hash"}
    assert deep["value_bytes"].null_count == 0
    assert deep["memory_bytes"].null_count == len(deep)


def test_in_any_order_the_rows_are_the_same() -> None:
    def rows(in_any_order: bool) -> list[str]:
        stream = bigkeys.keys(FIXTURES, in_any_order=in_any_order, threads=4)
        return sorted(json.dumps(row, default=repr, sort_keys=True) for row in pyarrow.table(stream).to_pylist())

    assert rows(True) == rows(False)


def test_a_damaged_file_gives_its_readable_keys_and_says_so(truncated: str) -> None:
    stream = bigkeys.keys(truncated)
    assert stream.sources is None
    table = pyarrow.table(stream)
    assert stream.sources is not None
    [source] = stream.sources
    assert (source.keys, source.is_clean) == (table.num_rows, False)
    assert table.num_rows > 0
    assert source.reason
    with pytest.raises(pyarrow.ArrowInvalid, match="truncated.rdb: the keys are not all"):
        pyarrow.table(bigkeys.keys(truncated, strict=True))


def test_names_in_errors_of_a_stream_are_harmless_on_a_terminal(tmp_path: Path) -> None:
    path = tmp_path / "hostile.rdb"
    path.write_bytes(b"REDIS0003\x00\x0ckey\x00\x1b[31m\xe2\x80\xae\x05v")
    # A NUL would end the text of a C library.
    with pytest.raises(pyarrow.ArrowInvalid, match="in key .key") as error:
        pyarrow.table(bigkeys.keys(path, strict=True))
    assert not any(character in str(error.value) for character in "\x00\x1b\u202e")


def test_an_input_that_fails_is_an_error() -> None:
    with pytest.raises(bigkeys.InputError):
        bigkeys.keys("missing.rdb")
    with pytest.raises(pyarrow.ArrowInvalid, match="README.md: not an RDB file"):
        pyarrow.table(bigkeys.keys([FILE, "README.md"]))


def test_a_reader_that_ends_early_ends_its_scan() -> None:
    stream = bigkeys.keys(FIXTURES)
    reader = stream.to_pyarrow()
    assert reader.read_next_batch().num_rows > 0
    assert scan_threads() != []
    del reader
    gc.collect()
    assert stream.sources is None, "nobody read to the end"
    wait_until_scans_ended()


def test_a_capsule_that_nobody_reads_leaves_nothing_behind() -> None:
    for _ in range(20):
        bigkeys.keys(FIXTURES).__arrow_c_stream__()
    gc.collect()
    wait_until_scans_ended()


def test_a_stream_can_be_pickled_after_it_was_read() -> None:
    stream = bigkeys.keys(FILE)
    table = pyarrow.table(stream)
    assert pyarrow.table(pickle.loads(pickle.dumps(stream))).equals(table)


def test_a_fork_neither_reads_nor_waits() -> None:
    code = """
import os, sys, bigkeys
stream = bigkeys.keys(sys.argv[1:]).to_pyarrow()
stream.read_next_batch()
members = bigkeys.elements(sys.argv[1], "zset:155")
next(members)
child = os.fork()
if child == 0:
    for read in (stream.read_next_batch, members.__next__):
        try:
            read()
            os._exit(1)
        except Exception as error:
            if "fork" not in str(error):
                os._exit(2)
    del stream, members
    os._exit(7)
_, status = os.waitpid(child, 0)
if os.waitstatus_to_exitcode(status) != 7 or sum(1 for _ in members) != 510 or not stream.read_all():
    os._exit(3)
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, FILE, *FIXTURES], timeout=60, check=True)
