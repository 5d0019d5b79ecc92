"""What an error answer contains, and what it leaves out."""

from __future__ import annotations

import grpc
import pytest
from structlog.testing import capture_logs

from services.chassis.plain.logs import error_text
from tests.integration.chassis.rpc.conftest import Lab, lines_of_calls, refusal_of, until
from tests.integration.chassis.rpc.lab_contract import lab_pb2
from tests.integration.chassis.rpc.lab_service import SECRET, PrivateFailure

Probe = lab_pb2.Probe


async def test_a_domain_error_has_the_status_of_the_catalogue(lab: Lab) -> None:
    refusal = await refusal_of(lab.stub.Misbehave(Probe(text="domain")))
    assert refusal.code is grpc.StatusCode.FAILED_PRECONDITION
    assert (refusal.message, refusal.reason, refusal.domain) == ("no patience left", "OUT_OF_PATIENCE", "argosy")
    assert refusal.metadata == {"patience": "0"}
    assert refusal.violations == {"orderLines[1].quantity": "must be at most 3"}
    assert refusal.retry_seconds is None
    assert "retry-after" not in refusal.trailers


@pytest.mark.parametrize("how", ["private", "app", "timeout", "wrong answer", "cancelled inside"])
async def test_anything_else_is_an_internal_error_without_a_word(lab: Lab, how: str) -> None:
    with capture_logs() as lines:
        refusal = await refusal_of(lab.stub.Misbehave(Probe(text=how)))
        (line,) = await lines_of_calls(lines, 1)
    assert refusal.code is grpc.StatusCode.INTERNAL
    assert (refusal.message, refusal.reason) == ("internal error", "INTERNAL")
    assert not any(SECRET in str(value) for value in refusal.trailers.values())
    assert line["log_level"] == "error"
    assert line["exc_info"] is not None


async def test_an_internal_error_is_logged_without_stored_values(lab: Lab) -> None:
    with capture_logs() as lines:
        await refusal_of(lab.stub.Misbehave(Probe(text="private")))
        (line,) = await lines_of_calls(lines, 1)
    assert isinstance(line["exc_info"], PrivateFailure)
    assert error_text(line["exc_info"]) == "PrivateFailure: duplicate key"


async def test_a_dependency_that_is_away_gives_a_retry_delay(lab: Lab) -> None:
    with capture_logs() as lines:
        refusal = await refusal_of(lab.stub.Misbehave(Probe(text="unavailable")))
        (line,) = await lines_of_calls(lines, 1)
    assert refusal.code is grpc.StatusCode.UNAVAILABLE
    assert refusal.retry_seconds == 1
    assert refusal.trailers["retry-after"] == "1"
    assert (line["log_level"], line["cause"]) == ("warning", "ConnectionError: the database is away")


async def test_a_call_takes_no_longer_than_its_deadline(lab: Lab) -> None:
    refusal = await refusal_of(lab.stub.Misbehave(Probe(text="hang"), timeout=20))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
    assert lab.rpc.log == ["hang ended"]


async def test_a_client_that_hangs_up_ends_the_handler_and_is_no_error(lab: Lab) -> None:
    with capture_logs() as lines:
        call = lab.stub.Slow(Probe(number=60))
        await until(lambda: lab.rpc.log)
        call.cancel()
        await until(lambda: "work ended" in lab.rpc.log)
        (line,) = await lines_of_calls(lines, 1)
    assert (line["code"], line["log_level"]) == ("CANCELLED", "info")
    assert "work done" not in lab.rpc.log


async def test_a_client_whose_deadline_passes_ends_the_handler(lab: Lab) -> None:
    with capture_logs() as lines:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await lab.stub.Slow(Probe(number=60), timeout=0.3)
        (line,) = await lines_of_calls(lines, 1)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert (line["code"], line["log_level"]) == ("DEADLINE_EXCEEDED", "warning")
    assert "work done" not in lab.rpc.log


async def test_shielded_work_outlives_its_caller(lab: Lab) -> None:
    call = lab.stub.Slow(Probe(number=0.3, text="shielded"))
    await until(lambda: lab.rpc.log)
    call.cancel()
    await until(lambda: "work ended" in lab.rpc.log)
    assert lab.rpc.log == ["slow began", "work done", "work ended"]


async def test_creating_answers_201_and_a_refused_create_does_not(lab: Lab) -> None:
    created = lab.stub.Create(Probe())
    await created
    assert dict(await created.initial_metadata()) == {"x-http-code": "201"}

    refused = lab.stub.Create(Probe(text="refuse"))
    assert (await refusal_of(refused)).code is grpc.StatusCode.NOT_FOUND
    assert "x-http-code" not in dict(await refused.initial_metadata() or ())

    read = lab.stub.Anyone(Probe())
    await read
    assert "x-http-code" not in dict(await read.initial_metadata() or ())


async def test_an_unknown_rpc_is_unimplemented(lab: Lab) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await lab.channel.unary_unary("/lab.v1.LabService/Nothing")(b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
