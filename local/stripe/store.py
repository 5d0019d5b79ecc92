"""The sandbox's complete state, under one transaction."""

from contextlib import AbstractContextManager
from pathlib import Path

from local.stripe import database
from local.stripe.answers import Answers
from local.stripe.jobs import Jobs
from local.stripe.objects import Objects
from local.stripe.outbox import Outbox


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
