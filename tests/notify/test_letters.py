"""What a customer reads in a mail."""

from __future__ import annotations

import html as html_text
import re
from dataclasses import replace
from pathlib import Path

import pytest

from makegood.kernel.money import Money
from makegood.notify import Delivered, Letter, Receipt, Refunded, rendering
from makegood.notify.errors import LetterTemplateBroken
from makegood.notify.rendering import Rendered, render
from tests.notify.example_letters import HOSTILE, ORDER, ORDER_URL, SHOP, letters


def rendered(letter: Letter) -> Rendered:
    return render(letter, shop_name="Makegood", shop_url=SHOP)


def links(html: str) -> set[str]:
    return {html_text.unescape(link) for link in re.findall(r'href="([^"]*)"', html)}


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, {f"{SHOP}/sign-in/abcDEF"}),
        (1, {ORDER_URL, f"{SHOP}/orders"}),
        (2, {ORDER_URL, f"{SHOP}/d/tok1/poster.pdf", f"{SHOP}/d/tok2/poster.pdf", f"{SHOP}/L/ABCDEFGH12"}),
        (3, {ORDER_URL}),
        (4, {ORDER_URL}),
    ],
)
def test_every_link_is_whole_in_the_html_and_in_the_text(number: int, expected: set[str]) -> None:
    body = rendered(letters()[number])
    assert expected <= links(body.html)
    for link in expected:
        assert link in body.text


def test_the_receipt_names_lines_discount_and_total_but_no_tax_of_zero() -> None:
    body = rendered(letters()[1])
    for part in (body.html, body.text):
        assert all(figure in part for figure in (ORDER, "Our first dance", "$7.98", "$2.99", "$1.10", "$9.87"))
        assert "Tax" not in part


def test_an_order_that_costs_nothing_speaks_of_no_payment() -> None:
    receipt = letters()[1]
    assert isinstance(receipt, Receipt)
    body = rendered(replace(receipt, total=Money(0, "USD"), test=True))
    for part in (body.html, body.text):
        assert "nothing to pay" in " ".join(part.split()) and "$0.00" in part
        assert "payment" not in part and "paid" not in part and "money" not in part


def test_a_test_order_is_told_that_no_money_moved() -> None:
    receipt, refunded = letters()[1], letters()[3]
    assert isinstance(receipt, Receipt) and isinstance(refunded, Refunded)
    for letter in (receipt, refunded):
        assert "no real money moved" not in rendered(letter).text
        assert "no real money moved" in rendered(replace(letter, test=True)).text
        assert "no real money moved" in rendered(replace(letter, test=True)).html


def test_a_delivery_says_until_when_and_what_is_still_being_made() -> None:
    delivered = letters()[2]
    assert isinstance(delivered, Delivered)
    whole, part = rendered(delivered), rendered(replace(delivered, remaining=2))
    assert "21 November 2027" in whole.html and "21 November 2027" in whole.text
    assert "being made" not in whole.html + whole.text
    assert "2 more are" in part.text and "Part of your order" in replace(delivered, remaining=2).subject


@pytest.mark.parametrize("number", range(5))
def test_hostile_words_stay_words(number: int) -> None:
    body = rendered(letters(HOSTILE)[number])
    assert "<script" not in body.html and "root:" not in body.html
    if number in (1, 2, 3):
        assert "{{ 7*7 }}" in body.text and "{{ 7*7 }}" in body.html and "&lt;script&gt;" in body.html
    assert not any(line.startswith("Bcc:") for line in body.text.splitlines())
    assert "\0" not in body.html + body.text


@pytest.mark.parametrize("number", range(5))
def test_a_mail_loads_nothing_from_anywhere(number: int) -> None:
    html = rendered(letters()[number]).html
    assert not re.search(r"<(img|link|iframe|script)\b|@import|url\(", html)


@pytest.mark.parametrize("content", [None, "<mjml><mj-body>", "{{ nothing_of_that_name }}", "{% if %}"])
def test_a_missing_or_broken_template_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "order_link.mjml.j2").write_text(content)
    monkeypatch.setattr(rendering, "TEMPLATES", tmp_path)
    rendering._environment.cache_clear()
    try:
        with pytest.raises(LetterTemplateBroken, match=r"order_link\.mjml\.j2"):
            rendered(letters()[4])
    finally:
        rendering._environment.cache_clear()
