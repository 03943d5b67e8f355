"""What a user gets wrong: each a clear error with its exit code, and nothing half-done."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.e2e

Run = Callable[..., "object"]


def error_of(towpath: Run, folder: Path, *arguments: str, code: int) -> str:
    text: str = towpath(folder, *arguments, code=code).stderr  # type: ignore[attr-defined]  # a finished process
    assert "Traceback" not in text
    assert "next:" in text
    return text


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_an_unknown_column_in_a_feature_set_names_the_close_one(shop: Path, towpath: Run) -> None:
    edit(shop / "features" / "orders.py", '"amount"', '"amuont"')
    text = error_of(towpath, shop, "plan", code=2)
    assert "features/orders.py" in text
    assert "Did you mean 'amount'?" in text


def test_a_wrong_expression_names_file_line_and_the_close_column(shop: Path, towpath: Run) -> None:
    path = shop / "features" / "orders.py"
    lines = path.read_text().splitlines()
    lines += ["from towpath.features.derived import derived_sql"]
    lines += ['per_piece = derived_sql("per_piece", "amuont / quantity")']
    lines += ["orders = orders.replace(derived=(per_piece,))"]
    path.write_text("\n".join(lines) + "\n")
    text = error_of(towpath, shop, "plan", code=2)
    assert "where: features/orders.py:" in text
    assert "Did you mean 'amount'?" in text


def test_nothing_is_registered_when_one_definition_is_wrong(shop: Path, towpath: Run) -> None:
    edit(shop / "datasets" / "orders.yaml", "owner:", "description: changed\nowner:")
    edit(shop / "endpoints" / "returned.yaml", "model: returned", "model: retuned")
    text = error_of(towpath, shop, "apply", code=2)
    assert "endpoints/returned.yaml:1" in text
    edit(shop / "endpoints" / "returned.yaml", "model: retuned", "model: returned")
    plan = json.loads(towpath(shop, "plan", "--json").stdout)  # type: ignore[attr-defined]  # a finished process
    assert [one["name"] for one in plan["changes"]] == ["orders"]


def test_duplicate_keys_in_a_contract_name_file_and_line(shop: Path, towpath: Run) -> None:
    edit(shop / "datasets" / "orders.yaml", "- order_id\n", "- order_id\n- order_id\n")
    text = error_of(towpath, shop, "plan", code=2)
    assert "datasets/orders.yaml" in text
    assert "twice" in text


def test_a_yaml_typo_names_file_line_and_allowed_fields(shop: Path, towpath: Run) -> None:
    edit(shop / "monitors" / "returned.yaml", "every: 7d", "evry: 7d")
    text = error_of(towpath, shop, "plan", code=2)
    assert "monitors/returned.yaml:3" in text
    assert "Did you mean 'every'?" in text
    assert "coverage" in text


def test_an_unapplied_change_is_not_run(shop: Path, towpath: Run) -> None:
    edit(shop / "models" / "returned.py", "alpha=0.05", "alpha=0.01")
    assert "towpath apply" in error_of(towpath, shop, "run", "train", code=5)


def test_an_unknown_step_of_a_pipeline_fails_at_plan(shop: Path, towpath: Run) -> None:
    edit(shop / "pipelines" / "train.yaml", "uses: model.train,", "uses: model.trian,")
    text = error_of(towpath, shop, "plan", code=2)
    assert "pipelines/train.yaml:1" in text
    assert "Did you mean 'model.train'" in text
    error_of(towpath, shop, "apply", code=2)


def test_plan_can_say_by_its_exit_code_that_there_are_changes(shop: Path, towpath: Run) -> None:
    towpath(shop, "plan", "--exit-code")
    edit(shop / "models" / "returned.py", "alpha=0.05", "alpha=0.01")
    towpath(shop, "plan", "--exit-code", code=1)


def test_a_missing_label_column_says_so(shop: Path, towpath: Run) -> None:
    edit(shop / "models" / "returned.py", 'Label("orders", "returned")', 'Label("orders", "lost")')
    text = error_of(towpath, shop, "plan", code=2)
    assert "models/returned.py" in text
    assert "'lost'" in text


def test_a_naive_time_in_a_split_is_refused(shop: Path, towpath: Run) -> None:
    path = shop / "models" / "returned.py"
    text = path.read_text().replace("HashSplit(test_share=0.2)", "TimeSplit(datetime(2024, 5, 1))")
    head = "from datetime import datetime\nfrom towpath.modelling.model import TimeSplit\n"
    path.write_text(head + text)
    found = error_of(towpath, shop, "plan", code=2)
    assert "models/returned.py" in found
    assert "no time zone" in found


def test_a_naive_time_on_the_command_line_is_refused(shop: Path, towpath: Run) -> None:
    arguments = ("predict", "returned", "1042", "--at", "2024-05-01T08:00")
    assert "no time zone" in error_of(towpath, shop, *arguments, code=2)


def test_an_empty_dataset_is_refused_and_the_old_one_kept(shop: Path, towpath: Run) -> None:
    source = shop / "data" / "source" / "orders.csv"
    source.write_text("Order ID,Amount,Country,Items,Paid By,Returned\n")
    text = error_of(towpath, shop, "run", "train", code=1)
    assert "no rows" in text
    kept = json.loads(towpath(shop, "data", "show", "orders", "--json").stdout)  # type: ignore[attr-defined]  # a finished process
    assert kept["rows"] == 1200


def test_an_unknown_key_is_not_found(shop: Path, towpath: Run) -> None:
    text = error_of(towpath, shop, "predict", "returned", "7", code=3)
    assert '"order_id":7' in text


def test_an_unknown_key_gets_the_defaults_where_the_endpoint_says_so(
    shop: Path, towpath: Run
) -> None:
    edit(shop / "endpoints" / "returned.yaml", "unknown_key: error", "unknown_key: defaults")
    edit(shop / "features" / "orders.py", "columns=(", 'defaults={"country": "PT"},\n    columns=(')
    towpath(shop, "apply")
    answer = json.loads(towpath(shop, "predict", "returned", "7", "--json").stdout)  # type: ignore[attr-defined]  # a finished process
    assert 0.0 < answer["predictions"][0]["probability"] < 1.0


def test_a_port_that_is_taken_is_a_conflict(shop: Path, towpath: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        text = error_of(towpath, shop, "serve", "--port", str(port), code=5)
    assert f"--port {port + 1}" in text


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_no_permission_to_write_is_denied(shop: Path, towpath: Run) -> None:
    (shop / ".towpath").chmod(0o500)
    try:
        error_of(towpath, shop, "run", "train", code=4)
    finally:
        (shop / ".towpath").chmod(0o700)


def test_a_state_folder_that_cannot_be_made_is_denied(shop: Path, towpath: Run) -> None:
    (shop / "towpath.toml").write_text(
        'name = "shop"\ncatalog = "sqlite:/proc/towpath/catalog.db"\n'
    )
    text = error_of(towpath, shop, "status", code=4)
    assert "/proc/towpath" in text


def test_init_leaves_nothing_behind_when_the_file_does_not_fit(
    tmp_path: Path, orders: Path, towpath: Run
) -> None:
    arguments = ("init", "shop", "--from", str(orders), "--label", "Country")
    text = error_of(towpath, tmp_path, *arguments, code=1)
    assert "3 different values" in text
    assert not (tmp_path / "shop").exists()


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (("shop", "--time", "Day", "--zone", "Europe/Lisbn"), 2, "Europe/Lisbon"),
        (("shop",), 2, "--time known_at"),
        (("orders.csv",), 5, "another name"),
    ],
)
def test_init_says_what_to_do_instead(
    tmp_path: Path, towpath: Run, given: tuple[str, ...], code: int, said: str
) -> None:
    rows = "".join(f"2024-05-01 08:00:00,{one},1\n" for one in ("yes", "no") * 9)
    (tmp_path / "orders.csv").write_text(f"Day,Returned,known_at\n{rows}")
    arguments = ("init", *given, "--from", "orders.csv", "--label", "Returned")
    text = error_of(towpath, tmp_path, *arguments, code=code)
    assert said in text
    assert [path.name for path in tmp_path.iterdir()] == ["orders.csv"]


def test_outside_a_project_the_error_says_how_to_start_one(tmp_path: Path, towpath: Run) -> None:
    assert "towpath init" in error_of(towpath, tmp_path, "status", code=3)
