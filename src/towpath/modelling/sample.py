"""A small real data set to start on: it comes with scikit-learn."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from sklearn.datasets import load_breast_cancer

if TYPE_CHECKING:
    from pathlib import Path

FILE = "tumours.csv"
LABEL = "malignant"


def write_sample(folder: Path) -> Path:
    """Write 569 tumours with 30 measurements each, malignant or not (Wisconsin, 1995), as CSV.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_sample(Path(folder)).read_text().count("yes")
        212
    """
    sample = load_breast_cancer()
    path = folder / FILE
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*sample.feature_names, LABEL])
        for values, benign in zip(sample.data.tolist(), sample.target.tolist(), strict=True):
            writer.writerow([*values, "no" if benign else "yes"])
    return path
