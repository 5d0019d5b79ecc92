"""A consumer to be killed: `python -m tests.integration.chassis.data.consumer_process DSN BOOTSTRAP TOPIC`.

Takes effect of the lab's events on that topic as a service does, slowly enough to die in the middle.
"""

from __future__ import annotations

import asyncio
import sys

from services.chassis.bus.consumer import Consumer
from services.chassis.bus.events import Event
from services.chassis.bus.producer import Producer
from services.chassis.bus.reading import BEGINNING
from services.chassis.data.inbox import first_time
from services.chassis.data.postgres import Postgres
from tests.integration.chassis.data.lab_events import lab_events, step

GROUP = "lab-to-be-killed"


async def main(dsn: str, bootstrap: str, topic: str) -> None:
    """Consume until killed."""
    postgres = Postgres(dsn, "lab")
    await postgres.start()
    lab = lab_events(topic)

    async def handle(event: Event) -> None:
        key, number = step(event)
        async with postgres.transaction() as connection:
            if await first_time(connection, GROUP, event.id):
                await asyncio.sleep(0.005)
                await connection.execute(
                    "INSERT INTO effects (key, number, event_id) VALUES ($1, $2, $3)", key, number, event.id
                )

    producer = Producer(bootstrap, "lab")
    await Consumer(bootstrap, GROUP, {lab.happened: handle}, producer, lab.registry, since=BEGINNING).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
