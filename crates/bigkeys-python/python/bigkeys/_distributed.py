"""Plans scans of many files by many processes, and merges their reports.

`bigkeys.ray` and `bigkeys.spark` run the plans. Each file has an index, and each result has the index
of its file, so a file that two processes scan still counts once.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import bigkeys
from bigkeys._options import Paths, native_options


class File(NamedTuple):
    """A file to read."""

    path: str
    shard: str | None
    length_bytes: int | None
    increments: tuple[int, int] | None
    directory: str
    """The working directory of the process that listed the file; a relative path starts there."""


@dataclass(frozen=True)
class Plan:
    """The files to read, and the options for each of them."""

    files: list[File]
    options: dict[str, Any]

    def largest_first(self) -> list[int]:
        """Returns the indices of the files, the longest file first, so that no long file starts last.

        A file of unknown length counts as the longest.
        """
        lengths = [math.inf if file.length_bytes is None else file.length_bytes for file in self.files]
        return sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)

    def groups(self, slots: int, group_bytes: int) -> list[list[int]]:
        """Divides the indices of the files into groups of about the same length.

        `slots` is the number of groups that are scanned at the same time. The number of groups is a multiple
        of `slots`, so that the last groups end together, unless there are fewer files. A slot has several
        groups if each group has at least `group_bytes` on average. A file of unknown length counts as the
        longest known one.
        """
        longest = max([1, *(file.length_bytes or 0 for file in self.files)])
        lengths = [longest if file.length_bytes is None else file.length_bytes for file in self.files]
        rounds = max(sum(lengths) // (slots * group_bytes), 1)
        count = min(slots * rounds, len(self.files))
        groups: list[list[int]] = [[] for _ in range(count)]
        sums = [0] * count
        for index in self.largest_first():
            shortest = sums.index(min(sums))
            groups[shortest].append(index)
            sums[shortest] += lengths[index]
        return groups

    def merge(self, results: Iterable[tuple[int, bigkeys.Report]]) -> bigkeys.Report:
        """Merges one report a file in the order of the files.

        Raises `RuntimeError` if a file has no result or several.
        """
        ordered = sorted(results, key=lambda result: result[0])
        indices = [index for index, _ in ordered]
        if indices != list(range(len(self.files))):
            count = len(self.files)
            raise RuntimeError(f"expected one result for each of {count} files, got results for {indices}")
        if not ordered:
            return bigkeys.scan([], **self.options)
        return bigkeys.merge([report for _, report in ordered])


def plan_scan(paths: Paths, options: Mapping[str, Any]) -> Plan:
    """Lists the files that `paths` name; `options` are those of `bigkeys.scan`."""
    if options.get("where") is not None:
        message = "option 'where' is not for clusters: reports with a filter cannot be merged"
        raise bigkeys.OptionError(message)
    return plan(paths, options)


def plan(paths: Paths, options: Mapping[str, Any]) -> Plan:
    """Lists the files that `paths` name; `options` are those of `bigkeys.keys`, or of `bigkeys.scan`.

    Without `threads`, the options of the plan have one thread.
    """
    rest = dict(options)
    if "progress" in rest:
        raise TypeError("option 'progress' is not for clusters: the engine shows the tasks that have ended")
    if rest.get("threads") is None:
        rest["threads"] = 1
    # Refuses unknown options here and not in every task.
    native_options(paths, rest)
    directory = os.getcwd()
    inputs = bigkeys.list_inputs(
        paths,
        recursive=rest.pop("recursive", False),
        shards=rest.pop("shards", None),
        storage_options=rest.get("storage_options"),
    )
    files = [File(each.path, each.shard, each.length, each.increments, directory) for each in inputs]
    return Plan(files, rest)


def scan_file(file: File, options: Mapping[str, Any]) -> bigkeys.Report:
    """Scans a file with the options of a plan."""
    # The report names the file by its path, so a relative path must not become absolute.
    with _working_directory(file):
        return bigkeys.scan(_input(file, file.path), **options)


def read_file(file: File, options: Mapping[str, Any]) -> bigkeys.KeyStream:
    """Returns the keys of a file, which is read with the options of a plan."""
    path = os.path.join(file.directory, file.path) if _is_relative(file) else file.path
    return bigkeys.keys(_input(file, path), **options)


def _input(file: File, path: str) -> bigkeys.Input:
    # As an input, a name such as `a[1].rdb` is never a pattern, whatever files the worker sees.
    return bigkeys.Input(path, path, file.shard, file.length_bytes, file.increments)


def _is_relative(file: File) -> bool:
    return not os.path.isabs(file.path) and "://" not in file.path


@contextmanager
def _working_directory(file: File) -> Iterator[None]:
    """Works in the directory where a relative path of `file` starts."""
    if not _is_relative(file):
        yield
        return
    before = os.getcwd()
    try:
        os.chdir(file.directory)
    except OSError as error:
        reason = f"this node cannot enter {file.directory}, where the path starts: {error.strerror}"
        raise bigkeys.InputError(f"{file.path}: {reason}", file.path) from error
    try:
        yield
    finally:
        os.chdir(before)
