"""Keys as an Arrow stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from bigkeys import _native
from bigkeys._options import Measuring, Paths, native_options

if TYPE_CHECKING:
    from typing_extensions import Unpack


class SourceStatus(NamedTuple):
    """How much of a source a stream of keys has."""

    path: str
    """The name of the source."""
    shard: str | None
    """The node that wrote it, if it was named."""
    keys: int
    """Keys that were read."""
    is_clean: bool
    """Whether every key was read and nothing was wrong."""
    reason: str | None
    """Why keys are missing, if some are."""
    damaged_keys: int
    """Keys that were left out because they are damaged inside."""


class KeySchema:
    """The schema of keys: `pyarrow.schema(bigkeys.key_schema())`."""

    def __arrow_c_schema__(self) -> object:
        """Returns the schema as a capsule of the Arrow C data interface."""
        return _native.key_schema_capsule()


def key_schema() -> KeySchema:
    """Returns the schema of `keys`: the columns of `bigkeys keys`, with signed integers and plain strings.

    >>> import pyarrow
    >>> pyarrow.schema(key_schema()).field("memory_bytes")
    pyarrow.Field<memory_bytes: int64>
    """
    return KeySchema()


class KeyStream:
    """The keys of inputs, as a stream of Arrow record batches.

    Every library that takes Arrow streams takes this object: `pyarrow.table(stream)`,
    `polars.DataFrame(stream)`, `pandas.DataFrame.from_arrow(stream)`, and DuckDB as a variable in a query.
    Batches are passed on without a copy.

    Each reader starts a scan of its own, so a stream can be read several times. A reader that stops early
    stops its scan.
    """

    def __init__(self, options: dict[str, Any], in_any_order: bool, strict: bool) -> None:
        self._options = options
        self._in_any_order = in_any_order
        self._strict = strict
        self._reader: _native.BatchReader | None = None

    def __arrow_c_schema__(self) -> object:
        """Returns the schema as a capsule of the Arrow C data interface."""
        return _native.key_schema_capsule()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Starts a scan, and returns its batches as a capsule of the Arrow C stream interface.

        The batches always have the schema of `key_schema`, which the interface allows.
        """
        reader = _native.read_keys(self._options, self._in_any_order, self._strict)
        self._reader = reader
        return reader.stream_capsule()

    @property
    def sources(self) -> list[SourceStatus] | None:
        """What was read of each source. `None` until the last reader has read to the end."""
        sources = None if self._reader is None else self._reader.sources()
        return None if sources is None else [SourceStatus(*each) for each in sources]

    def __getstate__(self) -> dict[str, Any]:
        # A copy in another process reads on its own.
        return {**self.__dict__, "_reader": None}

    def to_pyarrow(self) -> Any:
        """Returns a `pyarrow.RecordBatchReader`."""
        import pyarrow

        return pyarrow.RecordBatchReader.from_stream(self)


def keys(
    paths: Paths, *, in_any_order: bool = False, strict: bool = False, **options: Unpack[Measuring]
) -> KeyStream:
    """Returns all keys of `paths` as a stream of Arrow record batches.

    Keys are in the order of the file, and files in the order of `paths`. With `in_any_order`, several files
    are read at the same time.

    A damaged file gives the keys that can be read, and `KeyStream.sources` says what is missing. With
    `strict`, the stream of a damaged file ends in an error instead.

    >>> import pyarrow
    >>> table = pyarrow.table(keys("testdata/fixtures/redis-8.2.3.rdb"))
    >>> table.num_rows
    599
    """
    reading = native_options(paths, options)
    # An input that does not exist is an error here, not in the first reader.
    _native.list_inputs(reading)
    return KeyStream(reading, in_any_order, strict)
