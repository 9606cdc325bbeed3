"""The elements of one value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Union

from bigkeys import _native
from bigkeys._errors import OptionError
from bigkeys._options import Paths, Reading, is_number, native_options

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Value(NamedTuple):
    """The value of a string."""

    value: bytes


class Item(NamedTuple):
    """An item of a list."""

    item: bytes


class Member(NamedTuple):
    """A member of a set."""

    member: bytes
    expires_at_ms: int | None
    """When it expires, in milliseconds since 1970. Only members of Dragonfly expire."""


class ScoredMember(NamedTuple):
    """A member of a sorted set."""

    member: bytes
    score: float | None
    """`None` if the file has no number."""


class Field(NamedTuple):
    """A field of a hash."""

    field: bytes
    value: bytes
    expires_at_ms: int | None
    """When it expires, in milliseconds since 1970."""


class Cell(NamedTuple):
    """A cell of an array."""

    position: int
    value: bytes


class Entry(NamedTuple):
    """An entry of a stream."""

    id: str
    """Milliseconds and sequence number, such as `1526919030474-55`."""
    fields: list[tuple[bytes, bytes]]


class Group(NamedTuple):
    """A consumer group of a stream."""

    name: bytes


class Consumer(NamedTuple):
    """A consumer of the group before it."""

    name: bytes


Element = Union[Value, Item, Member, ScoredMember, Field, Cell, Entry, Group, Consumer]

_KINDS: dict[str, Any] = {
    "value": Value,
    "item": Item,
    "member": Member,
    "scored": ScoredMember,
    "field": Field,
    "cell": Cell,
    "entry": Entry,
    "group": Group,
    "consumer": Consumer,
}


class Elements(Iterator[Element]):
    """The elements of one value, in the order of the file.

    The record of a mapped file is not copied. The record of a compressed file or of an object is held in memory.
    """

    def __init__(self, reader: _native.ElementReader) -> None:
        self._reader = reader

    def __next__(self) -> Element:
        kind, parts = next(self._reader)
        element: Element = _KINDS[kind](*parts)
        return element

    @property
    def type(self) -> str:
        """The data type of the value."""
        return self._reader.data_type

    @property
    def elements(self) -> int | None:
        """Number of elements. `None` if the file does not say."""
        return self._reader.elements

    @property
    def expires_at_ms(self) -> int | None:
        """When the key expires, in milliseconds since 1970."""
        return self._reader.expires_at_ms


def elements(paths: Paths, key: bytes | str, *, db: int = 0, **options: Unpack[Reading]) -> Elements:
    """Iterates over the elements of the first key of this name and database in `paths`.

    The inputs are scanned for the key, and then the key is read, so a pipe is an error. Text is encoded as
    UTF-8.

    Raises `KeyNotFoundError` if no input has the key, and `ElementsError` where the value is damaged.

    >>> next(elements("testdata/fixtures/redis-8.2.3.rdb", "str:int:85"))
    Value(value=b'-2147483648')
    """
    if not isinstance(key, (bytes, str)):
        raise OptionError(f"the name of a key is bytes or text, and not {key!r}")
    if not is_number(db):
        raise OptionError(f"option db cannot be {db!r}")
    name = key.encode() if isinstance(key, str) else key
    reading = native_options(paths, {**options, "memory": False})
    return Elements(_native.elements(reading, name, db))
