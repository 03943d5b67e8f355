"""Times as text, many at once: as much work as a copy, where one by one costs most of an answer."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from towpath.features.engines.kernel.compiled import brief, inner

# A quotation mark, 2013-10-05T12:00:00.000000Z, another one and a comma.
WIDTH = 30
# The time that stands for none.
NEVER = b'"1970-01-01T00:00:00.000000Z"'
QUOTE, COMMA, DASH, LETTER_T, COLON, POINT, LETTER_Z, ZERO = (ord(one) for one in '",-T:.Z0')
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - all times here are UTC, and written so
# From 1970 until the year 9999.
LEAST, BEYOND = 0, 253_370_764_800_000_000
DAY_MICROS, SECOND_MICROS = 86_400_000_000, 1_000_000
# Days are counted from the first of March of the year 0, so that a leap day ends its year.
MONTHS_TO_DECEMBER = 10
DAYS_BEFORE_1970, ERA_DAYS, ERA_YEARS = 719_468, 146_097, 400


def instants_json(micros: npt.NDArray[np.int64]) -> bytes:
    """Write times in microseconds as a JSON array of RFC 3339.

    Args:
        micros: int64 [n], of the years 0 to 9999.

    Example:
        >>> instants_json(np.array([0, 1_380_974_400_000_001]))
        b'["1970-01-01T00:00:00.000000Z","2013-10-05T12:00:00.000001Z"]'
    """
    if micros.size == 1 and LEAST <= micros[0] < BEYOND:
        # For a single one a compiled function takes longer to call than this.
        return f'["{instant_text(int(micros[0]))}"]'.encode()
    text = np.empty(2 + max(WIDTH * micros.size - 1, 0) + 1, dtype=np.uint8)
    write_instants(micros, text)
    return text[: max(WIDTH * micros.size, 1) + 1].tobytes()


def instant_text(micros: int) -> str:
    """Write one time, from 1970 until the year 9999.

    Example:
        >>> instant_text(1_380_974_400_000_001)
        '2013-10-05T12:00:00.000001Z'
    """
    moment = EPOCH + timedelta(microseconds=micros)
    return f"{moment.isoformat(timespec='microseconds')}Z"


@brief
def write_instants(micros: npt.NDArray[np.int64], text: npt.NDArray[np.uint8]) -> None:
    """Write the array; a comma after the last one becomes the bracket."""
    text[0], text[1] = 91, 93
    for row in range(micros.size):
        place = 1 + row * WIDTH
        day, rest = micros[row] // DAY_MICROS, micros[row] % DAY_MICROS
        second, fraction = rest // SECOND_MICROS, rest % SECOND_MICROS
        year, month, date = _date(day)
        text[place] = QUOTE
        _digits(text, place + 1, 4, year)
        text[place + 5] = DASH
        _digits(text, place + 6, 2, month)
        text[place + 8] = DASH
        _digits(text, place + 9, 2, date)
        text[place + 11] = LETTER_T
        _digits(text, place + 12, 2, second // 3600)
        text[place + 14] = COLON
        _digits(text, place + 15, 2, second // 60 % 60)
        text[place + 17] = COLON
        _digits(text, place + 18, 2, second % 60)
        text[place + 20] = POINT
        _digits(text, place + 21, 6, fraction)
        text[place + 27], text[place + 28], text[place + 29] = LETTER_Z, QUOTE, COMMA
    if micros.size:
        text[micros.size * WIDTH] = 93


@inner
def _digits(text: npt.NDArray[np.uint8], place: int, width: int, number: int) -> None:
    """Write a number with leading zeros."""
    for back in range(width):
        text[place + width - 1 - back] = ZERO + number % 10
        number //= 10


@inner
def _date(day: int) -> tuple[int, int, int]:
    """Return year, month and day of a day counted from 1970 (Hinnant, "chrono-Compatible")."""
    shifted = day + DAYS_BEFORE_1970
    era, of_era = shifted // ERA_DAYS, shifted % ERA_DAYS
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    slot = (5 * of_year + 2) // 153
    turned = slot // MONTHS_TO_DECEMBER
    month = slot + 3 - 12 * turned
    return era * ERA_YEARS + year + turned, month, of_year - (153 * slot + 2) // 5 + 1
