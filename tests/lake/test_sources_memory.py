"""A file of any size is read in little memory."""

from __future__ import annotations

import gzip
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

if TYPE_CHECKING:
    from pathlib import Path

READ = """
import resource, sys
from pathlib import Path
from towpath.lake.dataset import Column, Dataset
from towpath.lake.sources import open_source

kinds = {"id": "int64", "fare": "float64", "kind": "string", "note": "string"}
dataset = Dataset("floods", tuple(Column(name, kind) for name, kind in kinds.items()))

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

before = peak()
source = open_source(dataset, Path(sys.argv[1]), root=Path("."))
rows = sum(piece.num_rows for part in source.parts() for piece in source.read(part))
print(rows, peak() - before)
"""
ROWS = 3_000_000
MOST_MIB = 400


def flood() -> pa.Table:
    """Rows that take 200 MB as text."""
    numbers = np.arange(ROWS)
    notes = pa.array(np.char.add("a note of some length number ", numbers.astype(str)))
    kinds = pa.array(["day", "night"]).take(pa.array(numbers % 2, pa.int64()))
    fares = np.random.default_rng(7).random(ROWS)
    return pa.table({"id": numbers, "fare": fares, "kind": kinds, "note": notes})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("floods")
    table = flood()
    csv.write_csv(table, path / "floods.csv")
    pq.write_table(table, path / "floods.parquet", row_group_size=ROWS)
    with gzip.open(path / "floods.csv.gz", "wb", compresslevel=1) as packed:
        packed.write((path / "floods.csv").read_bytes())
    with (path / "floods.jsonl").open("w") as lines:
        for batch in table.to_batches(100_000):
            lines.writelines(
                f'{{"id":{one["id"]},"fare":{one["fare"]},"kind":"day","note":"{one["note"]}"}}\n'
                for one in batch.to_pylist()
            )
    return path


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "csv.gz", "jsonl", "parquet"])
def test_a_large_file_takes_little_memory(folder: Path, kind: str) -> None:
    path = folder / f"floods.{kind}"
    if kind in {"csv", "jsonl"}:
        assert path.stat().st_size > 200_000_000
    command = [sys.executable, "-c", READ, str(path)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    rows, mebibytes = (int(one) for one in run.stdout.split())
    assert rows == ROWS
    assert mebibytes < MOST_MIB
