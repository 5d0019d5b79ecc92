"""Runs k6, and reads what it measured of each request."""

from __future__ import annotations

import asyncio
import csv
import gzip
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.load.profiles import CURIO, Profile
from tests.load.setup import K6

_SCRIPT = Path(__file__).parent / "k6.js"
_UNIT_SECONDS = 10
"""Rates are whole numbers an interval: a longer one makes them finer."""
_MOST_AT_ONCE = 4_000
"""Arrivals that are not over yet, of each visit. One more would be dropped by k6, and that is a failure of the run."""
_WAIT_SECONDS = 12
"""How long an arrival stays, about: k6 makes so many ready, because to make one in the middle of a run takes time."""
_LAST_SECONDS = 120
"""How long those who came may still take at the end."""
_ADDRESSES = "127.0.1.1-127.0.1.200"
"""Where arrivals come from: limits are by address."""


@dataclass(frozen=True)
class Request:
    """One request, and what became of it."""

    at: float
    """When it was answered, seconds since the run began."""
    rpc: str
    status: int
    """HTTP; 0: there was no answer."""
    seconds: float

    @property
    def accepted(self) -> bool:
        """Whether what it asked for was done."""
        return 200 <= self.status < 300

    @property
    def refused(self) -> bool:
        """Whether it was refused for load, to be sent again later."""
        return self.status in (429, 503)


@dataclass(frozen=True)
class Measured:
    """What k6 measured."""

    requests: Sequence[Request]
    dropped: int
    """Arrivals that k6 could not start: the profile was not kept."""


async def run(profile: Profile, api: str, people: Sequence[Mapping[str, str]], into: Path) -> Measured:
    """Let the profile happen; k6 shows its progress on the terminal. Raises RuntimeError when k6 fails."""
    samples = into / "samples.csv.gz"
    variables = _variables(profile, api, people, into)
    began = time.time()
    process = await asyncio.create_subprocess_exec(
        *(str(K6), "run", "--no-usage-report", "--local-ips", _ADDRESSES, "--out", f"csv={samples}"),
        *(part for name, value in variables.items() for part in ("--env", f"{name}={value}")),
        str(_SCRIPT),
        env={"K6_CSV_TIME_FORMAT": "unix_milli", "HOME": str(into)},
    )
    try:
        code = await process.wait()
    finally:
        if process.returncode is None:  # nobody waits for it any more
            process.terminate()
    if code:
        raise RuntimeError(f"k6 ended with {code}")
    rows = list(_rows(samples))
    return Measured(
        [_request(row, began) for row in rows if row["metric_name"] == "http_req_duration"],
        sum(int(float(row["metric_value"])) for row in rows if row["metric_name"] == "dropped_iterations"),
    )


def _variables(profile: Profile, api: str, people: Sequence[Mapping[str, str]], into: Path) -> Mapping[str, str]:
    """What the script reads; what is long, from files."""
    into.mkdir(parents=True, exist_ok=True)
    plan, accounts = into / "plan.json", into / "people.json"
    plan.write_text(json.dumps({"scenarios": scenarios(profile), "product": CURIO}))
    accounts.write_text(json.dumps(list(people)))
    return {"PLAN": str(plan), "PEOPLE": str(accounts), "API": api, "RUN": f"{time.time():.0f}"}


def scenarios(profile: Profile) -> dict[str, Any]:
    """The scenarios of k6: one for each visit, with its share of the arrivals."""
    return {
        visit: {
            "executor": "ramping-arrival-rate",
            "exec": visit,
            "startRate": _rate(profile.stages[0].rate * share),
            "timeUnit": f"{_UNIT_SECONDS}s",
            "preAllocatedVUs": min(_MOST_AT_ONCE, math.ceil(profile.peak * share * _WAIT_SECONDS)),
            "maxVUs": _MOST_AT_ONCE,
            "gracefulStop": f"{_LAST_SECONDS}s",
            "stages": [step for stage in profile.stages for step in _steps(stage.rate * share, stage.seconds)],
        }
        for visit, share in profile.visits.items()
    }


def _steps(rate: float, seconds: float) -> Iterator[dict[str, Any]]:
    """At once to the rate, and on with it."""
    yield {"target": _rate(rate), "duration": "0s"}
    yield {"target": _rate(rate), "duration": f"{seconds:g}s"}


def _rate(a_second: float) -> int:
    return max(1, round(a_second * _UNIT_SECONDS))


def _rows(samples: Path) -> Iterator[dict[str, str]]:
    with gzip.open(samples, "rt", newline="") as lines:
        for row in csv.DictReader(lines):
            if row["metric_name"] in ("http_req_duration", "dropped_iterations"):
                yield row


def _request(row: Mapping[str, str], began: float) -> Request:
    return Request(
        at=int(row["timestamp"]) / 1000 - began,
        rpc=row["name"],
        status=int(row["status"] or 0),
        seconds=float(row["metric_value"]) / 1000,
    )
