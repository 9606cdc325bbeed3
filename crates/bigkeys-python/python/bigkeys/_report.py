"""Reports, with typed attributes."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from bigkeys import _native
from bigkeys._options import Paths, Reporting, native_options

if TYPE_CHECKING:
    from typing_extensions import Unpack


@dataclass(frozen=True)
class Sums:
    """Sums over keys."""

    keys: int
    keys_with_expiry: int
    elements: int
    """Over the keys that have a number of elements."""
    value_bytes: int
    """Over the keys of which it is known: `value_bytes_keys`."""
    value_bytes_keys: int
    rdb_bytes: int
    memory_bytes: int | None
    """`None` if memory was not modelled, or there are no keys."""
    memory_not_modelled_keys: int
    """Keys that are in `memory_bytes` with their bytes in the file."""


@dataclass(frozen=True)
class TypeSums(Sums):
    """Sums over the keys of a type."""

    type: str


@dataclass(frozen=True)
class EncodingSums(Sums):
    """Sums over the keys of an encoding."""

    type: str
    encoding: str


@dataclass(frozen=True)
class DatabaseSums(Sums):
    """Sums over the keys of a logical database."""

    db: int | None
    """`None` for the databases beyond the 1,024 with the lowest numbers."""


@dataclass(frozen=True)
class ExpirySums(Sums):
    """Sums over the keys that expire within some time."""

    bucket: str
    """`never`, `expired`, `within_hour`, `within_day`, `within_week`, `within_month` or `later`."""


@dataclass(frozen=True)
class PrefixSums(Sums):
    """Sums over the keys whose names begin alike."""

    prefix: bytes


@dataclass(frozen=True)
class Prefixes:
    """Sums by the beginnings of names. All of them add up to the totals."""

    groups: list[PrefixSums]
    """The largest, largest first."""
    no_prefix: Sums
    others: Sums
    error_bytes: int
    """By how much the bytes of a group may be too low."""


@dataclass(frozen=True)
class Key:
    """A key of a report."""

    db: int
    key: bytes
    """The name, or the first 64 KiB of it."""
    key_bytes: int
    """Length of the whole name."""
    type: str
    encoding: str
    elements: int | None
    value_bytes: int | None
    rdb_bytes: int
    memory_bytes: int | None
    largest_element_bytes: int | None
    expires_at_ms: int | None
    idle_seconds: int | None
    freq: int | None
    slot: int | None
    shard: str | None
    offset: int
    """Where the record of the key begins in the content of its file."""
    memory_not_modelled: bool = False
    """Whether `memory_bytes` are the bytes in the file."""
    largest_element: Mapping[str, Any] | None = None
    """The largest element, if the report ranks by it."""


@dataclass(frozen=True)
class Source:
    """An input of a report."""

    path: str
    shard: str | None
    server_version: str | None
    rdb_version: int
    bytes: int
    keys: int
    is_complete: bool
    """Whether every key was read."""
    reason: str | None
    """Why reading ended early, or what was wrong with the first key that was left out."""
    stopped_at_offset: int | None
    damaged_keys: int
    checksum: str
    document: Mapping[str, Any] = field(repr=False, compare=False)
    """All that the JSON says of the source."""


class Progress(NamedTuple):
    """How far a scan is."""

    bytes_read: int
    total_bytes: int | None
    """`None` if the length of an input is unknown."""
    keys: int


def _sums(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: document[name] for name in Sums.__dataclass_fields__}


def _name(document: Mapping[str, Any], name: str) -> bytes:
    if name in document:
        return str(document[name]).encode()
    return base64.b64decode(document[f"{name}_b64"])


def _key(document: Mapping[str, Any]) -> Key:
    name = _name(document, "key")
    known = {each: document[each] for each in Key.__dataclass_fields__ if each in document and each != "key"}
    return Key(key=name, key_bytes=document.get("key_truncated_from_bytes", len(name)), **known)


def _source(document: Mapping[str, Any]) -> Source:
    coverage = document["coverage"]
    named = {name: document[name] for name in ("path", "shard", "server_version", "rdb_version", "bytes")}
    return Source(
        **named,
        keys=document["keys"],
        is_complete=coverage["complete"],
        reason=coverage["reason"],
        stopped_at_offset=coverage["stopped_at_offset"],
        damaged_keys=coverage["damaged_keys"],
        checksum=document["checksum"] if isinstance(document["checksum"], str) else "mismatch",
        document=document,
    )


class Report:
    """Totals, groups and the largest keys of all inputs of a scan.

    A report can be pickled, so that it travels between processes.
    """

    def __init__(self, native: _native.NativeReport) -> None:
        self._native = native

    def to_json(self) -> str:
        """Returns the JSON that `bigkeys scan --format json` prints, without the newline at the end."""
        return self._json

    def to_html(self) -> str:
        """Returns a page with pictures, as `bigkeys report` writes it of a saved report."""
        return self._native.to_html()

    def to_saved(self) -> str:
        """Returns the report as `bigkeys scan --save` writes it. `Report.from_saved` reads it."""
        return self._native.to_saved()

    @classmethod
    def from_saved(cls, text: str) -> Report:
        """Reads what `to_saved` or `bigkeys scan --save` has written."""
        return cls(_native.NativeReport.from_saved(text))

    @cached_property
    def _json(self) -> str:
        return self._native.to_json()

    @cached_property
    def document(self) -> Mapping[str, Any]:
        """The JSON as a dictionary. Its schema is in the documentation."""
        document: Mapping[str, Any] = json.loads(self._json)
        return document

    @cached_property
    def sources(self) -> list[Source]:
        """One for each input, in the order of the inputs."""
        return [_source(each) for each in self.document["sources"]]

    @property
    def is_clean(self) -> bool:
        """Whether every input was read to its end and nothing was wrong with any."""
        return all(
            source.is_complete and source.damaged_keys == 0 and source.checksum != "mismatch"
            for source in self.sources
        )

    @cached_property
    def totals(self) -> Sums:
        """Sums over all keys."""
        return Sums(**_sums(self.document["totals"]))

    @cached_property
    def by_type(self) -> dict[str, TypeSums]:
        """Sums over the keys of each type."""
        groups = self.document["by_type"]
        return {each["type"]: TypeSums(**_sums(each), type=each["type"]) for each in groups}

    @cached_property
    def by_encoding(self) -> list[EncodingSums]:
        """Sums over the keys of each encoding."""
        groups = self.document["by_encoding"]
        return [EncodingSums(**_sums(each), type=each["type"], encoding=each["encoding"]) for each in groups]

    @cached_property
    def by_db(self) -> list[DatabaseSums]:
        """Sums over the keys of each logical database."""
        return [DatabaseSums(**_sums(each), db=each["db"]) for each in self.document["by_db"]]

    @cached_property
    def expiry(self) -> list[ExpirySums]:
        """Sums over keys by the time until they expire."""
        return [ExpirySums(**_sums(each), bucket=each["bucket"]) for each in self.document["expiry"]]

    @cached_property
    def prefixes(self) -> Prefixes | None:
        """Sums by the beginnings of names. `None` if names were not summed up."""
        table = self.document["prefixes"]
        if table is None:
            return None
        return Prefixes(
            groups=[PrefixSums(**_sums(each), prefix=_name(each, "prefix")) for each in table["groups"]],
            no_prefix=Sums(**_sums(table["no_prefix"])),
            others=Sums(**_sums(table["others"])),
            error_bytes=table["error_bytes"],
        )

    @cached_property
    def top(self) -> dict[str, list[Key]]:
        """The largest keys of each type that occurs, largest first."""
        return {name: [_key(each) for each in keys] for name, keys in self.document["top"].items()}

    def __repr__(self) -> str:
        totals = self.totals
        memory = "" if totals.memory_bytes is None else f", {totals.memory_bytes:,} bytes of memory"
        sources = "1 source" if len(self.sources) == 1 else f"{len(self.sources)} sources"
        return f"<bigkeys.Report: {totals.keys:,} keys in {sources}{memory}>"

    def _repr_html_(self) -> str:
        # The page has a policy of its own, and cannot reach the notebook.
        page = html.escape(self.to_html(), quote=True)
        style = "width:100%;height:640px;border:1px solid #8884"
        return f'<iframe sandbox="allow-scripts" style="{style}" srcdoc="{page}"></iframe>'

    def __reduce__(self) -> tuple[Callable[[str], Report], tuple[str]]:
        return Report.from_saved, (self.to_saved(),)


def scan(
    paths: Paths,
    *,
    progress: Callable[[Progress], object] | None = None,
    **options: Unpack[Reporting],
) -> Report:
    """Scans all inputs into one report, on all threads.

    `progress` is called about 20 times a second. Its exception, and Ctrl-C, end the scan.

    Damage in a file is no exception: the report covers what was readable, and `Report.is_clean` says so.
    An input that cannot be opened raises `InputError`, and one that is no RDB file `NotRdbError`.

    >>> report = scan("testdata/fixtures/redis-8.2.3.rdb")
    >>> report
    <bigkeys.Report: 599 keys in 1 source, 7,601,180 bytes of memory>
    >>> report.by_type["hash"].keys
    85
    """
    call = None if progress is None else lambda *numbers: progress(Progress(*numbers))
    return Report(_native.scan_report(native_options(paths, options), call))


def merge(reports: Iterable[Report]) -> Report:
    """Merges reports of different inputs into the report that one scan of all inputs gives.

    All were made with the same options. A list becomes as long as the shortest of its kind.
    """
    return Report(_native.merge_reports([report._native for report in reports]))


@dataclass(frozen=True)
class Change:
    """How sums differ between two reports."""

    growth_bytes: int
    """Bytes of memory, or bytes in the file if `Diff.bytes_are` says so."""
    old: Sums
    new: Sums


def _change(document: Mapping[str, Any]) -> Change:
    old, new = (Sums(**_sums(document[side])) for side in ("old", "new"))
    return Change(growth_bytes=document["growth_bytes"], old=old, new=new)


class Diff:
    """What changed between two reports."""

    def __init__(self, text: str) -> None:
        self._json = text

    def to_json(self) -> str:
        """Returns the JSON that `bigkeys diff --format json` prints of two saved reports, without the newline
        at the end."""
        return self._json

    @cached_property
    def document(self) -> Mapping[str, Any]:
        """The JSON as a dictionary. Its schema is in the documentation."""
        document: Mapping[str, Any] = json.loads(self._json)
        return document

    @property
    def bytes_are(self) -> str:
        """`memory_bytes`, or `rdb_bytes` if a report has no memory."""
        return str(self.document["bytes_are"])

    @cached_property
    def totals(self) -> Change:
        """How the sums over all keys changed."""
        return _change(self.document["totals"])

    @cached_property
    def by_type(self) -> dict[str, Change]:
        """How the sums over the keys of each type changed."""
        return {each["type"]: _change(each) for each in self.document["by_type"]}

    @cached_property
    def prefixes(self) -> dict[bytes, Change]:
        """How the prefixes changed that changed most, the biggest change first."""
        table = self.document["prefixes"] or {"groups": []}
        return {_name(each, "prefix"): _change(each) for each in table["groups"]}

    def __repr__(self) -> str:
        totals = self.totals
        return f"<bigkeys.Diff: {totals.growth_bytes:+,} bytes, {totals.new.keys - totals.old.keys:+,} keys>"


def diff(old: Report, new: Report, *, memory: bool = True, top: int = 20) -> Diff:
    """Compares two reports; with `memory`, by memory if both reports have it.

    >>> old, new = (scan(f"testdata/fixtures/{name}.rdb") for name in ("redis-7.2.6", "redis-8.2.3"))
    >>> diff(old, old)
    <bigkeys.Diff: +0 bytes, +0 keys>
    >>> diff(old, new).totals.new.keys
    599
    """
    return Diff(_native.diff_reports(old._native, new._native, memory, top))
