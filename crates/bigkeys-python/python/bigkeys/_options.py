"""The options of all functions, and the inputs that they name."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypedDict, Union
from urllib.parse import unquote_to_bytes, urlsplit

from bigkeys import _native
from bigkeys._errors import OptionError

Path = Union[str, "os.PathLike[str]"]
"""A file, a directory, a pattern such as `backup/*.rdb`, or a URL: s3, gs, az, http, https, file."""


class Input(NamedTuple):
    """An input of a scan, as `list_inputs` finds it.

    Functions that take paths take inputs, too. An input stands for itself, and is not searched or expanded.
    """

    path: str
    """Its path or URL."""
    name: str
    """Its name in reports and messages."""
    shard: str | None = None
    """The node that wrote it, if it was named."""
    length: int | None = None
    """Length in bytes, if the file system or the store reports it."""
    increments: tuple[int, int] | None = None
    """Number and bytes of the files that were written after it and are not read, if it is the base of a
    multi-part append-only file."""


Paths = Union[Path, Input, Sequence[Path], Sequence[Input]]


class Reading(TypedDict, total=False):
    """Options of every function that reads inputs."""

    recursive: bool
    """Whether directories below a named directory are searched. Off by default."""
    shards: Mapping[str, str] | None
    """The node, `ip:port`, that wrote the file at a path. A file that is named only here is an input, too."""
    storage_options: Mapping[str, Any] | None
    """Settings of the object store: names of environment variables such as `AWS_ENDPOINT`, or those of
    fsspec: `key`, `secret`, `token`, `endpoint_url`, `anon`."""
    threads: int | None
    """Number of threads. By default one per core, and one in `bigkeys.ray`."""
    verify_checksum: bool
    """Whether checksums are compared. On by default."""
    map_files: bool
    """Whether regular files are mapped. On by default. The first mapping installs a handler of `SIGBUS`,
    which survives files that shrink."""


class Measuring(Reading, total=False):
    """Options of every function that measures keys."""

    deep: bool
    """Whether packed values are decoded, so that `value_bytes` is known for them. Off by default."""
    memory: bool
    """Whether the memory of the server is modelled. On by default."""
    server_version: str | None
    """The assumed server, such as `7.2.6` or `valkey-8.1`. The default is the server that the file names."""
    allocator: str | None
    """The assumed allocator: `jemalloc-q8`, `jemalloc-q16` or `glibc`."""
    where: str | None
    """Only keys for which an expression holds, such as `memory_bytes > 1MB && type == "hash"`."""


class Reporting(Measuring, total=False):
    """Options of reports."""

    top: int
    """Keys of each type that the report lists. 20 by default."""
    by: str
    """The measure by which keys rank: `memory_bytes`, `rdb_bytes`, `elements`, `value_bytes`,
    `largest_element_bytes` or `natural`. `memory_bytes` by default, or `rdb_bytes` without a model."""
    prefixes: int
    """Prefixes of names that the report lists. 20 by default."""
    separator: str
    """The character that ends a prefix. A colon by default."""


_DEFAULTS: dict[str, Any] = {
    "recursive": False,
    "threads": None,
    "verify_checksum": True,
    "map_files": True,
    "deep": False,
    "memory": True,
    "server_version": None,
    "allocator": None,
    "where": None,
    "top": 20,
    "by": "memory_bytes",
    "prefixes": 20,
    "separator": ":",
}

_FSSPEC_NAMES = {
    "key": "AWS_ACCESS_KEY_ID",
    "secret": "AWS_SECRET_ACCESS_KEY",
    "token": "AWS_SESSION_TOKEN",
    "endpoint_url": "AWS_ENDPOINT",
    "anon": "AWS_SKIP_SIGNATURE",
}
"""Options of s3fs, and the settings of the store that they are."""


_MAX_THREADS = 1024


def native_options(paths: Paths, options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the dictionary that the native functions take."""
    unknown = options.keys() - _DEFAULTS.keys() - {"shards", "storage_options"}
    if unknown:
        raise TypeError(f"unknown option: {', '.join(sorted(unknown))}")
    given = {name: value for name, value in options.items() if name in _DEFAULTS}
    for name, value in given.items():
        _check(name, value)
    shards = {_plain(path): node for path, node in (options.get("shards") or {}).items()}
    native = {
        **_DEFAULTS,
        **given,
        "paths": [],
        "inputs": None,
        "shards": [(node, path) for path, node in shards.items()],
        "store_options": _store_options(options.get("storage_options") or {}),
    }
    if isinstance(paths, (str, os.PathLike)):
        native["paths"] = [_plain(paths)]
        return native
    named = [paths] if isinstance(paths, Input) else list(paths)
    inputs = [each for each in named if isinstance(each, Input)]
    if not inputs:
        native["paths"] = [_plain(path) for path in named if not isinstance(path, Input)]
    elif len(inputs) < len(named) or shards:
        raise OptionError("inputs of list_inputs go with neither paths nor the option shards")
    else:
        native["inputs"] = [tuple(each) for each in inputs]
    return native


def is_number(value: Any, lowest: int = 0, highest: int = 2**63 - 1) -> bool:
    """Returns whether a value is an integer between two limits. A `bool` is not."""
    return isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest


def _check(name: str, value: Any) -> None:
    """Raises `OptionError` unless a value has the type of its option, and a number is in its range."""
    default = _DEFAULTS[name]
    if value is None and default is None:
        return
    if isinstance(default, bool):
        is_right = isinstance(value, bool)
    elif name == "threads":
        is_right = is_number(value, 1, _MAX_THREADS)
    elif isinstance(default, int):
        is_right = is_number(value)
    else:
        is_right = isinstance(value, str)
    if not is_right:
        raise OptionError(f"option {name} cannot be {value!r}")


def _plain(path: Path) -> str:
    """Returns a path or URL as the stores name it."""
    text = os.fspath(path)
    if not isinstance(text, str):
        raise OptionError(f"a path must be text, and is {path!r}")
    if text.startswith("file:"):
        url = urlsplit(text)
        if url.netloc not in ("", "localhost"):
            raise OptionError(f"{text}: the file is on another machine")
        return os.fsdecode(unquote_to_bytes(url.path))
    if text.startswith("local://"):
        return text.removeprefix("local://")
    for fsspec, store in (("gcs://", "gs://"), ("s3a://", "s3://"), ("abfs://", "az://")):
        if text.startswith(fsspec):
            return store + text[len(fsspec) :]
    return text


def _store_options(options: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns the settings of a store, with the names that fsspec uses translated."""
    settings = []
    for name, value in options.items():
        if name == "client_kwargs":
            settings += _store_options(value)
            continue
        text = str(value).lower() if isinstance(value, bool) else str(value)
        settings.append((_FSSPEC_NAMES.get(name, name), text))
        if name == "endpoint_url" and text.startswith("http://"):
            settings.append(("AWS_ALLOW_HTTP", "true"))
    return settings


def list_inputs(
    paths: Paths,
    *,
    recursive: bool = False,
    shards: Mapping[str, str] | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> list[Input]:
    """Lists the inputs that `paths` name, each file once, without reading them.

    >>> [input.name for input in list_inputs("testdata/fixtures/redis-7.2*.rdb")]
    ['testdata/fixtures/redis-7.2.6-lru.rdb', 'testdata/fixtures/redis-7.2.6.rdb']
    """
    options = {"recursive": recursive, "shards": shards, "storage_options": storage_options}
    return [Input(*each) for each in _native.list_inputs(native_options(paths, options))]
