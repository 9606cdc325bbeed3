"""The plan of a scan that both engines run."""

from __future__ import annotations

from pathlib import Path

import pytest

import bigkeys
from bigkeys import _distributed


def test_the_longest_file_is_first_and_an_unknown_length_before_it(dumps: list[str]) -> None:
    url = "http://127.0.0.1:9/dump.rdb"
    plan = _distributed.plan([*dumps, url], {})
    assert [file.path for file in plan.files] == [*dumps, url]
    by_length = sorted(dumps, key=lambda path: Path(path).stat().st_size, reverse=True)
    assert [plan.files[index].path for index in plan.largest_first()] == [url, *by_length]


def test_groups_have_about_the_same_length_and_each_file_once(dumps: list[str]) -> None:
    plan = _distributed.plan(dumps, {})
    lengths = [Path(path).stat().st_size for path in dumps]
    total = sum(lengths)
    for slots, group_bytes, expected in [
        (1, total + 1, 1),
        (1, total // 2 + 1, 1),
        (1, total // 2, 2),
        (1, 1, len(dumps)),
        (2, total, 2),
        (2, total // 4 + 1, 2),
        (2, total // 4, 4),
        (100, 1, len(dumps)),
    ]:
        groups = plan.groups(slots, group_bytes)
        assert len(groups) == expected
        assert sorted(index for group in groups for index in group) == list(range(len(dumps)))
        sums = [sum(lengths[index] for index in group) for group in groups]
        assert max(sums) - min(sums) <= max(lengths)


def test_files_of_unknown_length_have_a_group_each_while_there_are_enough() -> None:
    urls = [f"http://127.0.0.1:9/{number}.rdb" for number in range(4)]
    plan = _distributed.plan(urls, {})
    assert [len(group) for group in plan.groups(3, 1 << 30)] == [2, 1, 1]


@pytest.mark.parametrize("indices", [[0, 1], [0, 1, 1], [0, 1, 2, 2], [0, 1, 3]])
def test_a_missing_or_a_second_result_is_an_error(dumps: list[str], indices: list[int]) -> None:
    plan = _distributed.plan(dumps[:3], {})
    report = bigkeys.scan(dumps[2])
    with pytest.raises(RuntimeError, match="one result for each of 3 files, got results for"):
        plan.merge((index, report) for index in indices)


def test_results_are_merged_in_the_order_of_files(dumps: list[str]) -> None:
    plan = _distributed.plan(dumps, {})
    results = [(index, bigkeys.scan(path)) for index, path in enumerate(dumps)]
    assert plan.merge(reversed(results)).to_json() == bigkeys.scan(dumps).to_json()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("progress", "option 'progress' is not for clusters: the engine shows the tasks that have ended"),
        ("depth", "unknown option: depth"),
    ],
)
def test_a_wrong_option_is_an_error_before_any_task(
    dumps: list[str], option: str, message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        _distributed.plan(dumps, {option: 1})


def test_a_scan_refuses_a_filter_before_any_task(dumps: list[str]) -> None:
    with pytest.raises(bigkeys.OptionError, match="reports with a filter cannot be merged"):
        _distributed.plan_scan(dumps, {"where": 'type == "hash"'})


def test_a_relative_path_on_a_node_without_its_directory_is_an_error(
    dumps: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(dumps[0]).parent)
    file = _distributed.plan(Path(dumps[0]).name, {}).files[0]
    missing = str(tmp_path / "missing")
    with pytest.raises(bigkeys.InputError, match=f"cannot enter {missing}, where the path starts") as error:
        _distributed.scan_file(file._replace(directory=missing), {})
    assert error.value.path == file.path
