from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from towpath.core.errors import Contract, Unavailable
from towpath.core.segment import segment_end, segments
from towpath.serving.log import (
    Logged,
    PredictionLog,
    read_header,
    read_segment,
)

if TYPE_CHECKING:
    from pathlib import Path


def one(number: int, value: object = 1.5) -> Logged:
    return Logged(str(number), "champion", "late", 1, "{}", 1, 2, [value, None], 0.25, False)


def ids(folder: Path) -> list[str]:
    return [each.id for path in segments(folder) for each in read_segment(path)]


def write(folder: Path, count: int, *, segment_bytes: int = 1 << 20) -> None:
    with PredictionLog(folder, "delay", features=("a", "b"), segment_bytes=segment_bytes) as log:
        for number in range(count):
            log.append([one(number)])


@pytest.mark.parametrize("value", [0.1, float("inf"), float("nan"), 2**62, "Ä", True, None])
def test_values_read_back_as_they_were(tmp_path: Path, value: object) -> None:
    with PredictionLog(tmp_path, "delay", features=("a", "b")) as log:
        log.append([one(1, value)])
    [read] = read_segment(segments(tmp_path)[0])
    assert repr(read.values) == repr([value, None])


def test_numpy_numbers_are_taken(tmp_path: Path) -> None:
    with PredictionLog(tmp_path, "delay", features=("a", "b")) as log:
        log.append([one(1, np.float64(0.5)), one(2, np.int64(7))])
    assert [each.values[0] for each in read_segment(segments(tmp_path)[0])] == [0.5, 7]


def test_each_server_writes_a_segment_of_its_own(tmp_path: Path) -> None:
    write(tmp_path, 2)
    write(tmp_path, 2)
    assert len(segments(tmp_path)) == 2
    assert ids(tmp_path) == ["0", "1", "0", "1"]


def test_full_segment_is_followed_by_the_next(tmp_path: Path) -> None:
    write(tmp_path, 40, segment_bytes=300)
    assert len(segments(tmp_path)) > 3
    assert ids(tmp_path) == [str(number) for number in range(40)]


@settings(deadline=None)
@given(lost=st.integers(min_value=1, max_value=60))
def test_torn_tail_costs_the_torn_prediction_only(
    tmp_path_factory: pytest.TempPathFactory, lost: int
) -> None:
    folder = tmp_path_factory.mktemp("log")
    write(folder, 5)
    path = segments(folder)[0]
    size = path.stat().st_size
    os.truncate(path, size - lost)
    kept = ids(folder)
    assert kept == [str(number) for number in range(len(kept))]
    assert len(kept) >= 3
    assert segment_end(path) <= size - lost


def test_flipped_byte_ends_the_segment(tmp_path: Path) -> None:
    write(tmp_path, 5)
    path = segments(tmp_path)[0]
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    assert ids(tmp_path) == ["0", "1", "2", "3"]


def test_segment_without_a_header_is_empty(tmp_path: Path) -> None:
    (tmp_path / "0000000001-00000000.log").write_bytes(b"\x05")
    assert read_header(segments(tmp_path)[0]) is None
    assert ids(tmp_path) == []


def test_reading_goes_on_at_an_offset(tmp_path: Path) -> None:
    write(tmp_path, 5)
    path = segments(tmp_path)[0]
    middle = segment_end(path, limit=path.stat().st_size // 2)
    first = [each.id for each in read_segment(path, end=middle)]
    rest = [each.id for each in read_segment(path, start=middle)]
    assert first
    assert rest
    assert first + rest == ["0", "1", "2", "3", "4"]


def test_header_names_the_features(tmp_path: Path) -> None:
    write(tmp_path, 0)
    header = read_header(segments(tmp_path)[0])
    assert header is not None
    assert (header.endpoint, header.features) == ("delay", ("a", "b"))


def test_full_disk_is_said_and_what_follows_is_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operating system takes half a frame, then nothing, then all again."""
    real = os.write

    def half(handle: int, data: bytes) -> int:
        return real(handle, data[: len(data) // 2])

    def full(handle: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with PredictionLog(tmp_path, "delay", features=("a", "b")) as log:
        log.append([one(1)])
        for broken in (half, full):
            monkeypatch.setattr(os, "write", broken)
            with pytest.raises(Unavailable, match="Free space"):
                log.append([one(2)])
        monkeypatch.setattr(os, "write", real)
        log.append([one(3)])
    assert ids(tmp_path) == ["1", "3"]


@pytest.mark.parametrize("flipped", [2, 40, 90])
def test_flipped_byte_before_whole_predictions_is_told(tmp_path: Path, flipped: int) -> None:
    """In the header's length, in the header, in a prediction."""
    write(tmp_path, 5)
    path = segments(tmp_path)[0]
    data = bytearray(path.read_bytes())
    data[flipped] ^= 1
    path.write_bytes(data)
    for read in (segment_end, lambda segment: list(read_segment(segment))):
        with pytest.raises(Contract, match=f"{path.name}.* damaged at byte"):
            read(path)


def test_zeros_after_a_loss_of_power_are_a_torn_tail(tmp_path: Path) -> None:
    write(tmp_path, 5)
    path = segments(tmp_path)[0]
    with path.open("ab") as file:
        file.write(bytes(100))
    assert ids(tmp_path) == ["0", "1", "2", "3", "4"]
