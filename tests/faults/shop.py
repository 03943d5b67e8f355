"""A user's own small project: 1,200 orders in a CSV, some of them returned."""

from __future__ import annotations

import csv
import random
import shutil
import subprocess
from typing import TYPE_CHECKING

from tests.faults.command import TOWPATH

if TYPE_CHECKING:
    from pathlib import Path

ORDERS = 1200
COLUMNS = ("Order ID", "Amount", "Country", "Items", "Returned")


def start_shop(folder: Path) -> Path:
    """Write the CSV and start a project on it, nothing ingested yet."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_orders(folder / "orders.csv")
    given = ["--from", "orders.csv", "--label", "returned", "--key", "Order ID"]
    subprocess.run(
        [*TOWPATH, "init", "shop", *given], cwd=folder, check=True, stdout=subprocess.DEVNULL
    )
    return folder / "shop"


def write_orders(path: Path) -> None:
    chance = random.Random(7)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number in range(ORDERS):
            amount, country = chance.lognormvariate(3, 1), chance.choice(["PT", "BR", "DE"])
            risk = 0.1 + 0.005 * min(amount, 100) + 0.3 * (country == "DE")
            returned = "yes" if chance.random() < risk else "no"
            items = chance.randint(1, 9)
            writer.writerow([1000 + number, f"{amount:.2f}", country, items, returned])
