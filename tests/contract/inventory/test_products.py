"""ProductService: the catalog, for anyone."""

from __future__ import annotations

import grpc
import pytest

from argosy.inventory.v1 import product_pb2, product_pb2_grpc
from services.chassis.data import paging
from tests.contract.support import bad_tokens, bearer, fields, refused, service_token
from tests.support.real_stack import RealStack

Stub = product_pb2_grpc.ProductServiceStub


async def test_a_product_as_anyone_sees_it(products: Stub, product: str) -> None:
    assert await products.GetProduct(product_pb2.GetProductRequest(id=product)) == product_pb2.Product(
        id=product, name="Test", price="12.50", currency="USD", available=10
    )


async def test_an_unknown_product_is_not_found(products: Stub) -> None:
    refusal = await refused(products.GetProduct(product_pb2.GetProductRequest(id="no-such-product")))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.NOT_FOUND, "PRODUCT_UNKNOWN")


@pytest.mark.parametrize("product_id", ["", "Prod-123", "-prod", "prod_123", "p" * 65, "prod 1", "prod\u0000"])
async def test_a_malformed_id_is_named(products: Stub, product_id: str) -> None:
    refusal = await refused(products.GetProduct(product_pb2.GetProductRequest(id=product_id)))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(fields(refusal)) == {"id"}


async def test_pages_hold_the_whole_catalog_once_in_order(products: Stub, product: str) -> None:
    seen: list[str] = []
    token = ""
    while True:
        request = product_pb2.ListProductsRequest(page_size=3, page_token=token)
        page = await products.ListProducts(request)
        assert len(page.products) <= 3
        seen += [found.id for found in page.products]
        token = page.next_page_token
        if not token:
            break
    assert seen == sorted(set(seen))
    assert {product, "prod-123"} <= set(seen)


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
async def test_a_page_token_with_text_that_no_store_takes_is_named(products: Stub, text: str) -> None:
    token = paging.encode_page_token(text)
    refusal = await refused(products.ListProducts(product_pb2.ListProductsRequest(page_token=token)))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(fields(refusal)) == {"pageToken"}


async def test_a_page_of_more_than_a_hundred_is_one_of_a_hundred(products: Stub) -> None:
    page = await products.ListProducts(product_pb2.ListProductsRequest(page_size=10_000))
    assert 0 < len(page.products) <= 100


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (product_pb2.ListProductsRequest(page_size=-1), "pageSize"),
        (product_pb2.ListProductsRequest(page_token="nonsense"), "pageToken"),
        (product_pb2.ListProductsRequest(page_token="W10"), "pageToken"),
        (product_pb2.ListProductsRequest(page_token="x" * 513), "pageToken"),
    ],
)
async def test_what_is_wrong_with_a_page_is_named(
    products: Stub, request_: product_pb2.ListProductsRequest, field: str
) -> None:
    refusal = await refused(products.ListProducts(request_))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert fields(refusal) == [field]


async def test_a_bad_token_is_refused_even_where_none_is_needed(products: Stub, stack: RealStack) -> None:
    tokens = {**bad_tokens(stack, "nobody"), "a service's": service_token(stack, "order")}
    for what, token in tokens.items():
        for call in (
            products.GetProduct(product_pb2.GetProductRequest(id="prod-123"), metadata=bearer(token)),
            products.ListProducts(product_pb2.ListProductsRequest(), metadata=bearer(token)),
        ):
            refusal = await refused(call)
            assert refusal.code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED), what
