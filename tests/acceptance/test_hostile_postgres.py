"""What PostgreSQL can't keep is nowhere there, and crashes nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.postgres import Postgres
from tests.shops import Shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with Postgres() as server:
        url = server.create("shop")
        with Shop(tmp_path_factory.mktemp("nul"), MAKEGOOD_DATABASE_URL=url) as running:
            yield running


@pytest.mark.parametrize(
    "path",
    ["/api/v1/orders/%00", "/orders/ORD-12345%00", "/orders/%00", "/api/v1/drafts/%00", "/d/%00/x", "/L/%00"],
)
def test_nothing_is_there_under_a_name_with_a_nul(shop: Shop, path: str) -> None:
    assert shop.customer().http.get(path).status_code == 404


def test_a_nul_that_is_sent_is_refused_or_nobodys(shop: Shop) -> None:
    customer = shop.customer()
    asked = {"number": "ORD-\0", "email": "kim@example.com"}
    assert customer.http.post("/api/v1/orders/lookup", json=asked).status_code == 202
    draft = customer.draft({}, title="One")
    answer = customer.http.post(f"/api/v1/drafts/{draft}/quote", json={"promotion": "A\0B"})
    assert 400 <= answer.status_code < 500, answer.text
    assert "request.crashed" not in shop.log.read_text()
