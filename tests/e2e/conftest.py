from __future__ import annotations

import csv
import os
import random
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

Run = Callable[..., "subprocess.CompletedProcess[str]"]
COLUMNS = ["Order ID", "Amount", "Country", "Items", "Paid By", "Returned"]


@pytest.fixture(scope="session")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's own CSV: 1,200 orders, some returned, with spaces in its names and gaps."""
    chance = random.Random(7)
    path = tmp_path_factory.mktemp("own") / "orders.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number in range(1200):
            amount, country = chance.lognormvariate(3, 1), chance.choice(["PT", "BR", "DE"])
            paid = chance.choice(["card", "cash", ""])
            risk = 0.1 + 0.005 * min(amount, 100) + 0.3 * (country == "DE")
            returned = "yes" if chance.random() < risk else "no"
            row = [1000 + number, f"{amount:.2f}", country, chance.randint(1, 9), paid, returned]
            writer.writerow(row)
    return path


@pytest.fixture(scope="session")
def towpath() -> Run:
    """Run the command line as a user does, in a process of its own."""

    def run(
        folder: Path, *arguments: str, code: int | None = 0
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "towpath", *arguments],
            cwd=folder,
            env={**os.environ, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory, orders: Path, towpath: Run) -> Path:
    """A project on the user's CSV, trained."""
    folder = tmp_path_factory.mktemp("work")
    arguments = ("--from", str(orders), "--label", "returned", "--key", "Order ID")
    towpath(folder, "init", "shop", *arguments)
    towpath(folder / "shop", "run", "train")
    return folder / "shop"


@pytest.fixture
def shop(started: Path, tmp_path: Path) -> Path:
    """A copy of the trained project, to break."""
    import shutil

    folder = tmp_path / "shop"
    shutil.copytree(started, folder)
    return folder
