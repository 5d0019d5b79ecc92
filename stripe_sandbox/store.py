"""The sandbox's complete state, under one transaction."""

from contextlib import AbstractContextManager
from pathlib import Path

from stripe_sandbox import database
from stripe_sandbox.answers import Answers
from stripe_sandbox.jobs import Jobs
from stripe_sandbox.objects import Objects
from stripe_sandbox.outbox import Outbox


class Store:
    def __init__(self, path: Path) -> None:
        """Raises WrongSchema."""
        self._db = database.connect(path)
        self.objects = Objects(self._db)
        self.outbox = Outbox(self._db)
        self.jobs = Jobs(self._db)
        self.answers = Answers(self._db)

    def transaction(self) -> AbstractContextManager[None]:
        """Commit all changes of the block, or none. Do not await inside."""
        return database.transaction(self._db)

    def close(self) -> None:
        self._db.close()
