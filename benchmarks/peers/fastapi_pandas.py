"""The usual way to serve a scikit-learn pipeline: FastAPI, pydantic and a pandas frame a request.

``train DATA MODEL`` fits the same estimator on the same rows; ``serve MODEL PORT`` answers.
"""

from __future__ import annotations

import sys

import joblib
import pandas as pd
from pydantic import BaseModel


class Request(BaseModel):
    rows: list[dict[str, float | str | bool | None]]


def train(data: str, model: str) -> None:
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    frame = pd.read_parquet(data)
    label = frame.pop("label")
    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    prepare = make_column_transformer(
        (encode, make_column_selector(dtype_exclude=["number", "bool"])), remainder="passthrough"
    )
    pipeline = make_pipeline(prepare, HistGradientBoostingClassifier(random_state=0))
    joblib.dump((pipeline.fit(frame, label), list(frame.columns), frame.dtypes), model)


def serve(model: str, port: int) -> None:
    import uvicorn
    from fastapi import FastAPI

    pipeline, columns, dtypes = joblib.load(model)
    app = FastAPI()

    @app.post("/predict")
    def predict(request: Request) -> dict[str, list[float]]:
        frame = pd.DataFrame(request.rows, columns=columns).astype(dtypes)
        return {"probabilities": pipeline.predict_proba(frame)[:, 1].tolist()}

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    if sys.argv[1] == "train":
        train(sys.argv[2], sys.argv[3])
    else:
        serve(sys.argv[2], int(sys.argv[3]))
