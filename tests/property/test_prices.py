"""The one pricing function: what is shown, charged and given back are the same figures."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from makegood.catalog.pricing import price
from makegood.kernel.ids import CROCKFORD, new_order_number
from makegood.kernel.money import allocate
from makegood.orders.reading import read_number
from makegood.product_api import PriceLine

amounts = st.integers(0, 10**9)


@given(
    st.lists(amounts, min_size=1, max_size=5), st.integers(1, 20), st.integers(0, 100),
    st.decimals(0, 100, places=2).map(float),
)  # fmt: skip
def test_a_total_is_its_lines_less_discount_plus_tax_and_never_negative(
    units: list[int], quantity: int, discount: int, tax: float
) -> None:
    lines = [PriceLine("a thing", unit) for unit in units]

    found = price(lines, quantity, currency="USD", discount_percent=discount, tax_percent=tax)

    subtotal = sum(units) * quantity
    assert found.total_minor == subtotal - found.discount_minor + found.tax_minor >= 0
    assert abs(found.discount_minor - subtotal * discount / 100) <= 0.5
    assert abs(found.tax_minor - (subtotal - found.discount_minor) * tax / 100) <= 0.5 + subtotal * 1e-12
    assert (found.total_minor == 0) or discount < 100 or found.tax_minor == 0


@given(amounts, st.lists(st.integers(0, 10**6), min_size=1, max_size=200))
def test_every_cent_of_a_total_is_allocated_to_a_unit(total: int, weights: list[int]) -> None:
    parts = allocate(total, weights)

    assert sum(parts) == total
    assert all(part >= 0 for part in parts)
    assert max(parts) - min(parts) <= 1 or len(set(weights)) > 1


@given(st.data())
def test_an_order_number_is_found_however_a_person_writes_it(data: st.DataObject) -> None:
    number = new_order_number()
    spoken = data.draw(st.sampled_from([number, number.lower(), number.replace("-", ""), f"  {number} "]))
    confused = spoken[:4] + spoken[4:].replace("0", data.draw(st.sampled_from("0Oo"))).replace("1", "I")

    assert set(number.removeprefix("ORD-")) <= set(CROCKFORD)
    assert read_number(confused) == number
