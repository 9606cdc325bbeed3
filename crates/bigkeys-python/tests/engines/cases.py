"""What the fixtures are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

FIXTURES = Path(__file__).resolve().parents[4] / "testdata" / "fixtures"


class Case(NamedTuple):
    """A scan: paths, and options of `bigkeys.scan`."""

    paths: str | list[str]
    options: dict[str, Any]
