"""The same rows by deltalake itself."""

from __future__ import annotations

import json
import sys
import time

import pyarrow.parquet
from deltalake import DeltaTable, write_deltalake


def main(path: str, folder: str) -> None:
    table = pyarrow.parquet.read_table(path)
    start = time.perf_counter()
    write_deltalake(folder, table)
    seconds = time.perf_counter() - start
    counts = pyarrow.table(DeltaTable(folder).get_add_actions())["num_records"]
    print(json.dumps({"seconds": seconds, "rows": sum(counts.to_pylist())}))


if __name__ == "__main__":
    main(*sys.argv[1:])
