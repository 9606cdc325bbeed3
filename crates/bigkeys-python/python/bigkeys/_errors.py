"""Exceptions."""

from __future__ import annotations


class Error(Exception):
    """The base of all exceptions of this package."""

    path: str | None
    """The input at fault, if one is."""

    offset: int | None
    """Where in the content of the input the fault is, in bytes."""

    def __init__(self, message: str, path: str | None = None, offset: int | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.offset = offset

    def __reduce__(self) -> tuple[type[Error], tuple[str, str | None, int | None]]:
        return type(self), (str(self), self.path, self.offset)


class InputError(Error, OSError):
    """An input cannot be found or opened."""

    def __str__(self) -> str:
        return str(self.args[0])


class NotRdbError(Error, ValueError):
    """An input is no RDB file."""


class OptionError(Error, ValueError):
    """An option has a wrong value."""


class ReportError(Error, ValueError):
    """A report cannot be read, merged or compared."""


class KeyNotFoundError(Error, LookupError):
    """No input has the key."""


class ElementsError(Error, ValueError):
    """The elements of a value cannot be read.

    The value is damaged, is of a module, or needs the record of another key (a hash template, a compressed
    blob of Dragonfly).
    """
