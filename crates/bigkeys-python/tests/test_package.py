"""The installed package is complete and typed."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata, resources
from pathlib import Path

import bigkeys


def test_the_wheel_has_types_and_licences() -> None:
    files = {str(path) for path in metadata.files("bigkeys") or []}
    assert {"bigkeys/py.typed", "bigkeys/_native.pyi", "bigkeys/ray.py", "bigkeys/spark.py"} <= files
    assert any(path.endswith("LICENSE-MIT") for path in files)
    assert metadata.version("bigkeys")


def test_all_that_is_exported_exists_and_is_documented() -> None:
    for name in bigkeys.__all__:
        each = getattr(bigkeys, name)
        assert each.__doc__ or name == "Element", name


USE = """
import bigkeys
from bigkeys import Field

report: bigkeys.Report = bigkeys.scan("dump.rdb", top=3, progress=lambda progress: progress.keys)
memory: int | None = report.top["hash"][0].memory_bytes
names: list[bytes] = [element.field for element in bigkeys.elements("d", b"k") if isinstance(element, Field)]
"""
MISUSE = """
import bigkeys

bigkeys.scan("dump.rdb", top="3")
bigkeys.scan("dump.rdb", tops=3)
name: str = bigkeys.scan("dump.rdb").top["hash"][0].key
"""


def check_types(tool: list[str], package: list[str], tmp_path: Path) -> None:
    """Runs a type checker on the package, on a program that uses it, and on one with three mistakes."""
    use, misuse = tmp_path / "use.py", tmp_path / "misuse.py"
    use.write_text(USE)
    misuse.write_text(MISUSE)
    for checked in (package, [str(use)]):
        good = subprocess.run([sys.executable, "-m", *tool, *checked], capture_output=True, text=True)
        assert good.returncode == 0, good.stdout + good.stderr
    bad = subprocess.run([sys.executable, "-m", *tool, str(misuse)], capture_output=True, text=True)
    assert bad.returncode == 1
    assert bad.stdout.count("error:") == 3, bad.stdout


def test_mypy_accepts_the_package(tmp_path: Path) -> None:
    config = Path(__file__).resolve().parents[1] / "pyproject.toml"
    tool = ["mypy", "--config-file", str(config), "--cache-dir", str(tmp_path / "cache")]
    check_types(tool, ["--package", "bigkeys"], tmp_path)


def test_pyright_accepts_the_package(tmp_path: Path) -> None:
    # Without the engines, pyright refuses the modules for them. Mypy has checked these.
    files = [str(path) for path in Path(str(resources.files("bigkeys"))).glob("_*.py")]
    check_types(["pyright", "--pythonpath", sys.executable], files, tmp_path)
