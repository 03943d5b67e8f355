from __future__ import annotations

import pytest

from towpath.core.errors import Invalid
from towpath.core.url import check_no_login, check_password, shown_url

SECRET = "S3cr3t"


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://u:{SECRET}@h/db",
        f"ftp://x:{SECRET}@y",
        f"postgresql://u:a/{SECRET}@h/db",
        f"postgresql://u:a@{SECRET}@h/db",
        f"postgresql://u:a?{SECRET}@h/db",
        f"postgresql://u:a@b?{SECRET}@h/db",
        f"postgresql://u:a#{SECRET}@h/db",
        f"postgresql://h/db?password={SECRET}",
        f"postgresql:u:{SECRET}@h/db",
        f"u:{SECRET}@h",
    ],
)
def test_a_shown_url_holds_no_secret(url: str) -> None:
    assert SECRET not in shown_url(url)
    assert shown_url(url).startswith(url.partition(":")[0])


@pytest.mark.parametrize(
    "url", ["sqlite:///a@b.db", "https://host:80/a", "file:lineage.jsonl", "${SHOP}", "trips"]
)
def test_a_url_without_a_secret_is_shown_whole(url: str) -> None:
    assert shown_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{SECRET}@h/db",
        f"postgresql://:{SECRET}@h/db",
        f"postgresql://u:a/{SECRET}@h/db",
        f"postgresql://u:{SECRET}${{NAME}}@h/db",
        f"postgresql://h/db?user=u&password={SECRET}",
    ],
)
def test_a_password_in_plain_text_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(Invalid, match=r"holds a password.*\$\{NAME\}") as caught:
        check_password(url)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:${NAME}@h/db",
        "postgresql://postgres:@/postgres?host=/tmp/socket",
        "postgresql://u@h:5432/db?sslmode=require",
        "sqlite:///C:/a@b.db",
        "${SHOP}",
    ],
)
def test_a_url_without_a_password_is_taken(url: str) -> None:
    check_password(url)


@pytest.mark.parametrize(
    "path", [f"s3://AKIA:{SECRET}@b/x/*.csv", f"s3://AKIA:a/{SECRET}@b/x", f"ftp://u:{SECRET}@h"]
)
def test_a_key_in_a_path_is_refused_and_not_repeated(path: str) -> None:
    with pytest.raises(Invalid, match="key or a password") as caught:
        check_no_login(path)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "path", ["s3://b/a@b:c.csv", "data/a@b.csv", "s3://arn:aws:s3:eu:1:accesspoint/x/y.csv"]
)
def test_a_path_without_a_key_is_taken(path: str) -> None:
    check_no_login(path)
