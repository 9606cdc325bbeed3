"""Elements equal what `bigkeys dump` prints."""

from __future__ import annotations

import base64
import gc
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import bigkeys
import pyarrow
import pytest
from conftest import FILE, program, wait_until_scans_ended


def raw(text: Any) -> bytes:
    """Returns the bytes of a string as `bigkeys dump` prints it."""
    return text.encode() if isinstance(text, str) else base64.b64decode(text["b64"])


def as_element(kind: str, shown: Any) -> bigkeys.Element:
    """Returns the element that `bigkeys dump` printed."""
    if kind == "string":
        return bigkeys.Value(raw(shown))
    if kind == "list":
        return bigkeys.Item(raw(shown))
    if kind == "set":
        return bigkeys.Member(raw(shown), None)
    if kind == "zset":
        return bigkeys.ScoredMember(raw(shown["member"]), float(shown["score"]))
    if kind == "hash":
        return bigkeys.Field(raw(shown["field"]), raw(shown["value"]), shown.get("expires_at_ms"))
    if "group" in shown:
        return bigkeys.Group(raw(shown["group"]))
    if "consumer" in shown:
        return bigkeys.Consumer(raw(shown["consumer"]))
    return bigkeys.Entry(shown["id"], [(raw(field), raw(value)) for field, value in shown["fields"]])


def test_elements_are_those_that_dump_prints() -> None:
    seen: dict[str, int] = {}
    for row in pyarrow.table(bigkeys.keys(FILE)).to_pylist():
        kind, name = row["type"], row["key"]
        if kind == "vectorset" or name is None or "\\" in name or seen.get(kind, 0) == 8:
            continue
        seen[kind] = seen.get(kind, 0) + 1
        shown = json.loads(program("dump", "--db", str(row["db"]), "--", name, FILE))
        found = bigkeys.elements(FILE, name, db=row["db"])
        assert (found.type, found.elements) == (kind, row["elements"])
        assert list(found) == [as_element(kind, element) for element in shown["contents"]], name
    assert seen == {kind: 8 for kind in ("string", "list", "set", "zset", "hash", "stream")}


def test_threads_share_the_elements_of_a_value() -> None:
    # A race shows best on an interpreter without the GIL.
    found = bigkeys.elements(FILE, "hash:big:352")
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda _: list(found), range(4)))
    assert sorted(sum(parts, [])) == sorted(bigkeys.elements(FILE, "hash:big:352"))


def test_a_long_value_comes_in_blocks(tmp_path: Path) -> None:
    count = 50_000
    items = b"".join(b"\x04%04d" % (item % 10_000) for item in range(count))
    path = tmp_path / "long.rdb"
    path.write_bytes(b"REDIS0003\x01\x01l\x80" + count.to_bytes(4, "big") + items + b"\xff")
    found = bigkeys.elements(path, b"l")
    assert next(found) == bigkeys.Item(b"0000")
    assert sum(1 for _ in found) == count - 1
    early = bigkeys.elements(path, "l")
    next(early)
    del early
    gc.collect()
    wait_until_scans_ended()


def test_what_cannot_be_read_is_an_exception(tmp_path: Path) -> None:
    with pytest.raises(bigkeys.KeyNotFoundError, match="no key none in database 0"):
        bigkeys.elements(FILE, "none")
    with pytest.raises(bigkeys.KeyNotFoundError):
        bigkeys.elements(FILE, "mod:vset", db=7)
    with pytest.raises(bigkeys.ElementsError, match="module") as opaque:
        list(bigkeys.elements(FILE, "mod:vset"))
    assert opaque.value.path == FILE
    assert opaque.value.offset == 564044
    with pytest.raises(bigkeys.NotRdbError):
        bigkeys.elements("README.md", "k")
    for key, db in ((5, 0), ("k", -1)):
        with pytest.raises(bigkeys.OptionError):
            bigkeys.elements(FILE, key, db=db)  # type: ignore[arg-type]
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(bigkeys.InputError, match="read twice"):
        bigkeys.elements(pipe, "k")


def test_a_key_that_is_not_found_may_be_in_what_is_damaged(truncated: str) -> None:
    with pytest.raises(bigkeys.KeyNotFoundError, match="an input is damaged"):
        bigkeys.elements(truncated, "none")
