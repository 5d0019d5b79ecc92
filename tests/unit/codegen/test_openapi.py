"""The OpenAPI document is valid, and agrees with the contract."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import openapi_spec_validator
import pytest
import yaml
from openapi_schema_validator import OAS30Validator

from codegen.check import CheckFailed, check_openapi
from codegen.image import build_image, build_json_image
from codegen.openapi import document, rules
from codegen.openapi.image import Image
from codegen.openapi.operations import path_of
from codegen.openapi.schemas import Schemas
from services.chassis.rpc.contract import ContractError, Service, public_rpcs, read_contract

Json = dict[str, Any]
WHO = {"PUBLIC": "Anyone may call it.", "USER": "Requires sign-in.", "STAFF": "Requires the role staff."}
ERRORS = ("400", "401", "403", "404", "408", "409", "413", "429", "500", "503", "504")


@pytest.fixture(scope="module")
def image() -> Json:
    return build_json_image(source_info=True)


@pytest.fixture(scope="module")
def services() -> tuple[Service, ...]:
    return read_contract(build_image(source_info=False))


@pytest.fixture(scope="module")
def openapi(image: Json, services: tuple[Service, ...]) -> Json:
    return document.openapi(image, services)


def operation(openapi: Json, verb: str, path: str) -> Json:
    found: Json = openapi["paths"][path][verb.lower()]
    return found


def complaints(openapi: Json, schema: Json, value: Any) -> list[str]:
    """What a value breaks of a schema in the document."""
    validator = OAS30Validator({**schema, "components": openapi["components"]})
    return [error.message for error in validator.iter_errors(value)]


def test_it_is_valid_openapi(openapi: Json) -> None:
    openapi_spec_validator.validate(openapi)


def test_a_document_that_is_not_valid_is_refused(openapi: Json, tmp_path: Path) -> None:
    (tmp_path / "openapi").mkdir()
    file = tmp_path / "openapi" / "openapi.json"
    file.write_text(json.dumps(openapi))
    check_openapi(tmp_path)
    file.write_text(json.dumps({name: part for name, part in openapi.items() if name != "paths"}))
    with pytest.raises(CheckFailed, match="not valid OpenAPI"):
        check_openapi(tmp_path)


def test_every_public_rpc_is_there_with_its_sign_in_and_no_internal_one(
    openapi: Json, services: tuple[Service, ...]
) -> None:
    there = {(verb.upper(), path) for path, verbs in openapi["paths"].items() for verb in verbs}
    root = {("GET", path) for path in ("/healthz", "/openapi.json", "/asyncapi.json", "/.well-known/jwks.json")}
    assert there - root == {(rpc.verb, path_of(rpc.route)) for _, rpc in public_rpcs(services)}
    for _, rpc in public_rpcs(services):
        signs_in = operation(openapi, rpc.verb, path_of(rpc.route))["security"] == [{"bearer": []}]
        assert signs_in == (rpc.access != "PUBLIC"), rpc.path
        assert WHO[rpc.access] in operation(openapi, rpc.verb, path_of(rpc.route))["description"]
    text = json.dumps(openapi)
    for service in services:
        if service.is_internal:
            assert not [rpc.name for rpc in service.rpcs if f'"{rpc.name}' in text]


def test_every_path_declares_its_parameters(openapi: Json) -> None:
    for path, verbs in openapi["paths"].items():
        for verb, one in verbs.items():
            declared = {parameter["name"] for parameter in one.get("parameters", []) if parameter.get("in") == "path"}
            assert declared == variables(path), (verb, path)


def variables(path: str) -> set[str]:
    """What stands in a path's braces."""
    return set(re.findall(r"\{([^}]*)\}", path))


def test_a_field_of_two_words_in_a_path_has_one_name(image: Json, services: tuple[Service, ...]) -> None:
    """Its proto name is in the route, its JSON name in the document: in the path and in the list of parameters."""
    renamed = deepcopy(image)
    (field,) = Image(renamed).message("argosy.inventory.v1.GetProductRequest")["field"]
    field |= {"name": "product_id", "jsonName": "productId"}
    route = "/api/v1/products/{product_id}"
    changed = tuple(
        replace(one, rpcs=tuple(replace(rpc, route=route) if rpc.name == "GetProduct" else rpc for rpc in one.rpcs))
        for one in services
    )
    found = document.openapi(renamed, changed)
    (parameter,) = [one for one in operation(found, "get", "/api/v1/products/{productId}")["parameters"] if "in" in one]
    assert (parameter["name"], parameter["in"]) == ("productId", "path")
    assert route not in found["paths"]
    openapi_spec_validator.validate(found)


def test_a_create_answers_201_and_takes_a_key_and_nothing_else_does(openapi: Json) -> None:
    key = {"$ref": "#/components/parameters/IdempotencyKey"}
    creates = {
        path
        for path, verbs in openapi["paths"].items()
        for one in verbs.values()
        if ("201" in one["responses"]) and key in one["parameters"] and "409" in one["responses"]
    }
    assert creates >= {"/api/v1/users/register", "/api/v1/orders", "/api/v1/payments"}
    for path, verbs in openapi["paths"].items():
        for one in verbs.values():
            assert ("201" in one["responses"]) != ("200" in one["responses"])
            assert (key in one.get("parameters", [])) == ("201" in one["responses"]), path


def test_the_rate_limit_group_is_in_the_description(openapi: Json) -> None:
    assert "200 calls a minute and 2,000 an hour" in operation(openapi, "GET", "/api/v1/orders")["description"]
    webhook = operation(openapi, "POST", "/api/v1/webhooks/stripe")
    assert "an hour" not in webhook["description"]
    assert "429" not in webhook["responses"]


def test_signing_in_has_the_app_header_and_a_webhook_its_signature_header(openapi: Json) -> None:
    app = {"$ref": "#/components/parameters/ClientApp"}
    takers = {p for p, verbs in openapi["paths"].items() for one in verbs.values() if app in one.get("parameters", [])}
    assert takers == {"/api/v1/users/login", "/api/v1/users/register"}
    webhook = operation(openapi, "POST", "/api/v1/webhooks/stripe")
    assert webhook["parameters"] == [{"$ref": "#/components/parameters/StripeSignature"}]


@pytest.mark.parametrize("status", ERRORS)
def test_every_error_has_the_one_shape_and_an_example_of_it(openapi: Json, status: str) -> None:
    content = openapi["components"]["responses"][status]["content"]["application/json"]
    assert content["schema"] == {"$ref": "#/components/schemas/Error"}
    examples = [content["example"]] if "example" in content else [one["value"] for one in content["examples"].values()]
    assert examples
    for example in examples:
        assert complaints(openapi, content["schema"], example) == []


def test_every_example_of_a_request_is_a_good_one(openapi: Json) -> None:
    written = yaml.safe_load(document.BASE.read_text())["x-requests"]
    seen = 0
    for verbs in openapi["paths"].values():
        for one in verbs.values():
            content = one.get("requestBody", {}).get("content", {}).get("application/json", {})
            if "example" in content:
                seen += 1
                assert complaints(openapi, content["schema"], content["example"]) == [], one["operationId"]
    assert seen == len(written)


def test_every_example_of_an_answer_is_a_good_one(openapi: Json) -> None:
    written = yaml.safe_load(document.BASE.read_text())["x-answers"]
    schemas = openapi["components"]["schemas"]
    assert {name for name, schema in schemas.items() if "example" in schema} == set(written)
    for name in written:
        assert complaints(openapi, {"$ref": f"#/components/schemas/{name}"}, schemas[name]["example"]) == [], name
        assert set(schemas[name]["example"]) <= set(schemas[name]["properties"])


@pytest.mark.parametrize("kind", ["x-requests", "x-answers"])
def test_an_example_of_nothing_is_refused(
    image: Json, services: tuple[Service, ...], kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    base = yaml.safe_load(document.BASE.read_text())
    base[kind]["SinkShip"] = {}
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(base))
    monkeypatch.setattr(document, "BASE", tmp_path / "base.yaml")
    with pytest.raises(ContractError, match="SinkShip"):
        document.openapi(image, services)


def test_what_is_answered_is_required_and_what_is_sent_has_rules(openapi: Json) -> None:
    schemas = openapi["components"]["schemas"]
    assert schemas["Order"]["required"] == ["id", "userId", "items", "totalAmount", "currency", "status"]
    assert schemas["Order"]["properties"]["totalAmount"]["type"] == "string"
    assert set(schemas["Payment"]["required"]).isdisjoint({"declineCode", "clientSecret", "requiresAction"})
    quantity = schemas["OrderItemRequest"]["properties"]["quantity"]
    assert (quantity["minimum"], quantity["maximum"]) == (1, 1000)
    assert "maxLength" not in schemas["ShippingAddress"]["properties"]["street"]
    assert schemas["ShippingAddressInput"]["properties"]["street"]["maxLength"] == 200
    price = {"$ref": "#/components/schemas/OrderItemRequest"}
    for good in (29.99, "29.99", 30):
        assert complaints(openapi, price, {"productId": "prod-123", "quantity": 1, "price": good}) == []
    for bad in (-1, "a lot", "1e3", True):
        assert complaints(openapi, price, {"productId": "prod-123", "quantity": 1, "price": bad}) != []


def test_what_is_in_the_path_is_not_in_the_body(openapi: Json) -> None:
    assert "id" not in openapi["components"]["schemas"]["UpdateOrderStatusRequest"]["properties"]


@pytest.mark.parametrize(
    ("rules_of_field", "schema"),
    [
        ({"required": True}, {"minLength": 1}),
        ({"string": {"minLen": "8", "maxBytes": "72"}}, {"minLength": 8, "maxLength": 72}),
        ({"string": {"maxLen": "100", "maxBytes": "72"}}, {"maxLength": 72}),
        ({"string": {"in": ["a", "b"]}}, {"enum": ["a", "b"]}),
        ({"string": {"uuid": True}}, {"format": "uuid"}),
        ({"cel": [{"expression": "this.matches('^[A-Z]{3}$')"}]}, {"pattern": "^[A-Z]{3}$"}),
        ({"cel": [{"expression": "this == 'me' || this.matches('^x$')"}]}, {"pattern": "^me$|^x$"}),
        (
            {"cel": [{"expression": "this == '' || (this.size() <= 20 && this.isUri() && this.matches('^h'))"}]},
            {"pattern": "^$|^h", "maxLength": 20},
        ),
        # What cannot be expressed is left out, so that no valid value is refused.
        ({"cel": [{"expression": "this == '' || this.startsWith('x')"}]}, {}),
        (
            {"string": {"email": True}, "cel": [{"expression": "!this.isEmail() || this.matches('[.][a-z]{2,}$')"}]},
            {"format": "email", "pattern": "[.][a-z]{2,}$"},
        ),
    ],
)
def test_rules_of_text(rules_of_field: Json, schema: Json) -> None:
    assert rules.of_string(rules_of_field) == {"type": "string", **schema}


def test_bounds_are_open_or_closed() -> None:
    assert rules.of_number({"int32": {"gt": 0, "lte": 9}}, "int32") == {
        "minimum": 0,
        "exclusiveMinimum": True,
        "maximum": 9,
    }


SHELF: Json = {
    "file": [
        {
            "name": "argosy/shop/v1/shop.proto",
            "package": "argosy.shop.v1",
            "messageType": [
                {
                    "name": "Book",
                    "field": [
                        {"name": "pages", "jsonName": "pages", "label": "LABEL_OPTIONAL", "type": "TYPE_INT64"},
                        {
                            "name": "tags", "jsonName": "tags", "label": "LABEL_REPEATED", "type": "TYPE_MESSAGE",
                            "typeName": ".argosy.shop.v1.Book.TagsEntry",
                        },
                        {
                            "name": "sequel", "jsonName": "sequel", "label": "LABEL_OPTIONAL", "type": "TYPE_MESSAGE",
                            "typeName": ".argosy.shop.v1.Book",
                        },
                    ],
                    "nestedType": [
                        {
                            "name": "TagsEntry",
                            "options": {"mapEntry": True},
                            "field": [
                                {"name": "key", "jsonName": "key", "label": "LABEL_OPTIONAL", "type": "TYPE_STRING"},
                                {"name": "value", "jsonName": "value", "label": "LABEL_OPTIONAL", "type": "TYPE_BOOL"},
                            ],
                        }
                    ],
                }
            ],
        },
        {"name": "argosy/other/v1/other.proto", "package": "argosy.other.v1", "messageType": [{"name": "Book"}]},
    ]
}  # fmt: skip


def test_maps_long_numbers_and_messages_within_themselves() -> None:
    schemas = Schemas(Image(SHELF), ["argosy.shop.v1.Book"])
    schemas.answer("argosy.shop.v1.Book")
    book = schemas.components["Book"]
    assert book["properties"]["pages"]["type"] == "string"
    assert book["properties"]["tags"]["additionalProperties"] == {"type": "boolean"}
    assert book["properties"]["sequel"]["allOf"] == [{"$ref": "#/components/schemas/Book"}]
    assert book["required"] == ["pages", "tags"]


def test_two_messages_of_one_name_are_refused() -> None:
    schemas = Schemas(Image(SHELF), ["argosy.shop.v1.Book", "argosy.other.v1.Book"])
    schemas.answer("argosy.shop.v1.Book")
    with pytest.raises(ContractError, match="has the same name"):
        schemas.answer("argosy.other.v1.Book")
