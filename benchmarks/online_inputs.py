"""The data, projects and requests on which servers of features are measured."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from benchmarks.environment import BUILD, ROOT, towpath

if TYPE_CHECKING:
    from pathlib import Path

DRIVERS, VIEWS, FEATURES = 10_000, 5, 10
FEAST = ["feast[redis]==0.67.0"]
OUT = BUILD / "bench" / "online"
NAMES = [f"view_{view}_feature_{place}" for view in range(VIEWS) for place in range(FEATURES)]
REFERENCES = [f"{name[:6]}:{name}" for name in NAMES]


class Shape(NamedTuple):
    """What one request asks: so many keys and features, and what is promised of it."""

    keys: int
    features: int
    faster: dict[int, float]

    @property
    def name(self) -> str:
        return f"{self.keys} key{'s' if self.keys > 1 else ''} x {self.features} features"

    @property
    def bodies(self) -> Path:
        return OUT / f"{self.keys}.jsonl"

    @property
    def answer(self) -> Path:
        return OUT / f"{self.keys}.json"


SHAPES = (Shape(1, 10, {1: 5.0, 16: 12.0}), Shape(100, 50, {1: 20.0, 16: 40.0}))


class Kind(NamedTuple):
    """A kind of online store: its name, and how we and Feast are told of it."""

    name: str
    ours: str
    feast: dict[str, str]

    @property
    def peer(self) -> str:
        return f"feast serve --max-requests 0, {self.feast['type']}"


LMDB = Kind("LMDB", "lmdb:.towpath/online", {"type": "sqlite", "path": str(OUT / "feast.db")})


def valkey(port: int) -> Kind:
    """Return the kind of a server of Valkey, in whose databases 0 and 1 we and Feast are."""
    feast = {"type": "redis", "connection_string": f"127.0.0.1:{port},db=1"}
    return Kind("Valkey", f"redis://127.0.0.1:{port}/0", feast)


def write_data(path: Path) -> None:
    """Write one row of fifty floats for each driver, and the requests."""
    OUT.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(1)
    start = np.datetime64("2025-10-01T00:00:00", "us")
    moments = start + random.integers(0, 15 * 86_400_000_000, DRIVERS).astype("timedelta64[us]")
    columns = {name: random.normal(size=DRIVERS) for name in NAMES}
    times = pa.array(moments).cast(pa.timestamp("us", "UTC"))
    ids = pa.array(np.arange(DRIVERS))
    pq.write_table(pa.table({"driver_id": ids, "event_timestamp": times, **columns}), path)
    for shape in SHAPES:
        with shape.bodies.open("w") as file:
            for _ in range(200):
                chosen = random.choice(DRIVERS, shape.keys, replace=False).tolist()
                asked = {
                    "features": REFERENCES[: shape.features],
                    "entities": {"driver_id": chosen},
                }
                file.write(json.dumps(asked) + "\n")


def write_project(folder: Path, data: Path, kind: Kind) -> None:
    """Make our project, with its views in the online store."""
    if kind == LMDB and (folder / ".made").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("datasets", "features"):
        (folder / name).mkdir(parents=True)
    (folder / "towpath.toml").write_text(f'name = "drivers"\nonline = "{kind.ours}"\n')
    floats = "".join(f"  - {{name: {name}, dtype: float64}}\n" for name in NAMES)
    (folder / "datasets" / "drivers.yaml").write_text(
        f"name: drivers\nkey: [driver_id]\nevent_time: event_timestamp\nsource: {data}\ncolumns:\n"
        f"  - {{name: driver_id, dtype: int64}}\n  - {{name: event_timestamp, dtype: timestamp}}\n"
        f"{floats}"
    )
    requests = folder / "requests.parquet"
    drivers = pq.read_table(data, columns=["driver_id", "event_timestamp"])
    pq.write_table(drivers.rename_columns(["driver_id", "at"]), requests)
    (folder / "datasets" / "requests.yaml").write_text(
        f"name: requests\nkey: [driver_id]\nsource: {requests}\ncolumns:\n"
        "  - {name: driver_id, dtype: int64}\n  - {name: at, dtype: timestamp}\n"
    )
    (folder / "features" / "drivers.py").write_text(
        "from towpath.features.feature_set import FeatureSet\n"
        "from towpath.features.view import FeatureView, Latest\n"
        f"views = {{f'view_{{n}}': FeatureView(f'view_{{n}}', 'drivers', ('driver_id',), tuple(\n"
        f"    Latest(f'view_{{n}}_feature_{{place}}') for place in range({FEATURES})))\n"
        f"    for n in range({VIEWS})}}\n"
        "globals().update(views)\n"
        "rank = FeatureSet('rank', 'requests', 'at', tuple(views))\n"
    )
    towpath(folder, "apply")
    for name in ("drivers", "requests"):
        towpath(folder, "data", "ingest", name)
    towpath(folder, "feature", "materialize")
    (folder / ".made").touch()


def write_repository(folder: Path, data: Path, python: Path, kind: Kind) -> None:
    """Make Feast's repository, with its views in the online store."""
    if kind == LMDB and (folder / ".made").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    store = json.dumps(kind.feast)
    script = str(ROOT / "benchmarks" / "peers" / "feast_repository.py")
    subprocess.run([str(python), script, str(folder), store, str(data)], check=True)
    (folder / ".made").touch()
