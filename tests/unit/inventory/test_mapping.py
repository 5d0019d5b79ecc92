"""What a request of the contract means to the domain."""

import pytest

from argosy.inventory.v1 import product_pb2
from services.inventory.entrypoints.mapping import new_product, product_change
from services.inventory.entrypoints.seed import CatalogEntry


@pytest.mark.parametrize("currency", ["eur", "Eur", "EUR"])
def test_a_currency_is_taken_in_any_case(currency: str) -> None:
    asked = product_pb2.CreateProductRequest(id="bell", name="Bell", price=12.5, currency=currency)
    assert new_product(asked).price.currency == "EUR"
    assert product_change(product_pb2.UpdateProductRequest(id="bell", price=12.5, currency=currency)).currency == "EUR"
    assert (
        CatalogEntry(id="bell", name="Bell", price="12.50", currency=currency, stock=1).product().price.currency
        == "EUR"
    )


def test_a_product_without_a_currency_costs_dollars() -> None:
    assert new_product(product_pb2.CreateProductRequest(id="bell", name="Bell", price=12.5)).price.currency == "USD"
