"""The lab's handlers, and a process that serves them: `python -m tests.integration.chassis.rpc.lab_service`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, ClassVar

import grpc

from services.chassis.app import App
from services.chassis.plain.errors import AppError, NotFound, Unavailable
from services.chassis.plain.logs import to_stdout
from services.chassis.plain.shielded import shielded
from services.chassis.process.settings import CommonSettings, load
from services.chassis.rpc.call import Call
from services.chassis.rpc.statuses import Catalogue, Fault
from tests.integration.chassis.rpc.lab_contract import INTERNAL, LAB, lab_pb2

SECRET = "row (email)=(ada@example.org)"


class OutOfPatience(Exception):
    """A domain's own error: no base class of ours."""

    metadata: ClassVar = {"patience": "0"}
    violations = (("orderLines[1].quantity", "must be at most 3"),)


class PrivateFailure(Exception):
    """Not in the catalogue."""


CATALOGUE = Catalogue({OutOfPatience: Fault(grpc.StatusCode.FAILED_PRECONDITION, "OUT_OF_PATIENCE")})


class LabRpc:
    """Remembers what it was called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, Call]] = []
        self.log: list[str] = []

    def _answer(self, request: Any, call: Call) -> Any:
        self.calls.append((request, call))
        return lab_pb2.Answer(text=call.method.name)

    async def Anyone(self, request: Any, call: Call) -> Any:
        return self._answer(request, call)

    async def SignedIn(self, request: Any, call: Call) -> Any:
        return self._answer(request, call)

    async def StaffOnly(self, request: Any, call: Call) -> Any:
        return self._answer(request, call)

    async def Create(self, request: Any, call: Call) -> Any:
        if request.text == "refuse":
            raise NotFound("no such thing")
        return self._answer(request, call)

    async def Misbehave(self, request: Any, call: Call) -> Any:
        self.calls.append((request, call))
        match request.text:
            case "domain":
                raise OutOfPatience("no patience left")
            case "private":
                raise PrivateFailure(f"duplicate key\nDETAIL: {SECRET}")
            case "app":
                raise AppError("said nobody")
            case "unavailable":
                raise Unavailable() from ConnectionError("the database is away")
            case "timeout":
                raise TimeoutError("of its own")
            case "wrong answer":
                return lab_pb2.Probe()
            case "cancelled inside":
                raise asyncio.CancelledError
            case "user":
                call.user()
            case "hang":
                await self._hang()
        return lab_pb2.Answer()

    async def Stream(self, request: Any, call: Call) -> AsyncGenerator[Any, None]:
        self.calls.append((request, call))
        if request.text == "refuse":
            raise NotFound("no such thing")
        try:
            for number in range(int(request.number)):
                yield lab_pb2.Answer(text=f"{number}{'.' * int(request.labels.get('padding', 0))}")
                self.note(f"sent {number}")
            if request.text == "break":
                raise PrivateFailure(SECRET)
            if request.text == "other":
                yield lab_pb2.Probe()
            if request.text == "stay":
                await asyncio.sleep(60)
        finally:
            self.note("stream ended")

    async def ShortStream(self, request: Any, call: Call) -> AsyncGenerator[Any, None]:
        async with aclosing(self.Stream(request, call)) as answers:
            async for answer in answers:
                yield answer

    async def Slow(self, request: Any, call: Call) -> Any:
        self.calls.append((request, call))
        self.note("slow began")
        if request.text == "shielded":
            await shielded(self._work(request.number), at_most=30)
        else:
            await self._work(request.number)
        return lab_pb2.Answer(text="done")

    async def _work(self, seconds: float) -> None:
        try:
            await asyncio.sleep(seconds)
            self.note("work done")
        finally:
            await asyncio.sleep(0.05)
            self.note("work ended")

    async def _hang(self) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            self.note("hang ended")

    def note(self, what: str) -> None:
        self.log.append(what)


class LabInternalRpc:
    """Internal rpcs; `failures` is how many calls are refused first."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, Call]] = []
        self.failures = 2

    async def Internal(self, request: Any, call: Call) -> Any:
        self.calls.append((request, call))
        if request.number:
            await asyncio.sleep(request.number)
        return lab_pb2.Answer(text="Internal")

    async def Flaky(self, request: Any, call: Call) -> Any:
        self.calls.append((request, call))
        if len(self.calls) <= self.failures:
            raise Unavailable()
        return lab_pb2.Answer(text="Flaky")

    async def FlakyOnce(self, request: Any, call: Call) -> Any:
        return await self.Flaky(request, call)


class _SpeakingRpc(LabRpc):
    def note(self, what: str) -> None:
        to_stdout(what)


class _SpeakingResource:
    name = "speaking"

    async def start(self) -> None:
        """Nothing to do."""

    async def stop(self) -> None:
        to_stdout("resource stopped")

    async def check(self) -> None:
        """Always fine."""


async def _tick() -> None:
    try:
        await asyncio.sleep(3600)
    finally:
        to_stdout("background ended")


def main() -> None:
    """A whole process, as a service's `__main__` would be."""
    app = App("lab", load(CommonSettings))
    app.add(_SpeakingResource())
    app.serve(LAB, _SpeakingRpc())
    app.serve(INTERNAL, LabInternalRpc())
    app.background("tick", _tick)
    app.run(CATALOGUE)


if __name__ == "__main__":
    main()
