"""Reads `services/<name>/service.yaml`: what deployment needs to know of one service. It is the only reader."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

ROOT = Path(__file__).resolve().parent.parent
FILE = "service.yaml"


class FactsError(Exception):
    """A service.yaml is missing, or says something that does not fit; the text names the file and the field."""


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Ports(_Facts):
    """Where the process listens, on a laptop (plus the stack's offset) and in a pod."""

    grpc: int = Field(gt=0, le=65535)
    admin: int = Field(gt=0, le=65535)
    """/health, /live and /metrics."""


class Store(_Facts):
    """The database that is the service's alone."""

    kind: Literal["postgres", "mongo", "none"]
    database: str = ""
    """Its name; empty for the service's own name."""


class Secret(_Facts):
    """A setting that is secret. In a cluster it comes from the secret store, under its own name."""

    prefix: str = ""
    """What the random word that stands for it on a laptop begins with."""
    laptop: str = ""
    """Its value on a laptop and in compose, where it is no random word; `{name}` is the address of that port."""
    given: bool = False
    """Whether somebody outside issues it: the overlay `dev` takes it from the environment and makes none."""


class Setting(_Facts):
    """A setting that is not secret; empty where the default of the settings class holds."""

    laptop: str = ""
    """On a laptop and in compose; `{name}` is the address of that port."""
    cluster: str = ""


class Party(_Facts):
    """Somebody outside the cluster whom the service may call."""

    host: str
    port: int = Field(gt=0, le=65535)
    label: str
    """What people call it ("Stripe")."""


class Topic(_Facts):
    """The topic `<name>-events` and its dead letters."""

    about: str
    """What lies on it, and by which key."""
    partitions: int = Field(gt=0)
    keep_days: int = Field(gt=0)


class Replicas(_Facts):
    """How many instances run: as few as `least`, as many as `most`."""

    least: int = Field(gt=0)
    most: int = Field(gt=0)


class Amounts(_Facts):
    """CPU and memory, as Kubernetes writes them."""

    cpu: str
    memory: str


class Resources(_Facts):
    """What the container is sure to get, and at most may take."""

    requests: Amounts
    limits: Amounts


class Objective(_Facts):
    """What its callers are promised over 30 days; the alerts in monitoring/rules/slo.yaml watch it."""

    available_percent: float = Field(gt=0, lt=100)
    """So many calls do not fail by our fault."""
    fast_percent: float = Field(gt=0, lt=100)
    """So many calls are answered within a second."""


class Service(_Facts):
    """One service, as its service.yaml describes it."""

    name: str
    """The folder's name, which is the owner's in the contract."""
    owns: str
    """For README's table."""
    ports: Ports
    store: Store
    secrets: dict[str, Secret] = {}
    """Besides the store's address, by the variable that holds them."""
    secret_directories: dict[str, str] = {}
    """Variable → a directory of secret files that it names."""
    settings: dict[str, Setting] = {}
    """By the variable."""
    parties: dict[str, Party] = {}
    """By a short name."""
    admin_paths: tuple[str, ...] = ()
    """What its admin port serves besides, to whoever can reach it."""
    topic: Topic | None = None
    """None for a service that publishes nothing."""
    consumes: tuple[str, ...] = ()
    """The types of the events that its consumer group handles."""
    follows: tuple[str, ...] = ()
    """The topics that each replica reads by itself, without a group."""
    seeds: dict[str, tuple[str, ...]] = {}
    """Processes that run once at start on a laptop, with the service's environment: module and arguments by name."""
    replicas: Replicas
    resources: Resources
    objective: Objective

    @property
    def group(self) -> str:
        """Its consumer group."""
        return f"{self.name}-service-group"

    @property
    def database(self) -> str:
        """Its database's name."""
        return self.store.database or self.name

    @property
    def store_setting(self) -> str:
        """The variable with its store's address; empty without a store."""
        return {"postgres": "DATABASE_URL", "mongo": "MONGO_URL", "none": ""}[self.store.kind]

    @property
    def migrates(self) -> bool:
        """Whether it has a schema that a job of its own brings up to date."""
        return self.store.kind == "postgres"


def read(root: Path = ROOT) -> tuple[Service, ...]:
    """Every service, by gRPC port. Raises FactsError."""
    return tuple(sorted(map(_read, folders(root)), key=lambda service: service.ports.grpc))


def folders(root: Path = ROOT) -> list[Path]:
    """The folders of `services/` that are a service: those that can be run."""
    return sorted(path.parent for path in (root / "services").glob("*/__main__.py"))


def target_setting(service: str) -> str:
    """The variable that tells a caller where a service answers."""
    return f"{service.upper()}_TARGET"


def _read(folder: Path) -> Service:
    file = folder / FILE
    try:
        facts = yaml.safe_load(file.read_text(encoding="utf-8"))
        return Service.model_validate({**facts, "name": folder.name})
    except FileNotFoundError:
        raise FactsError(f"services/{folder.name} has no {FILE}") from None
    except (yaml.YAMLError, TypeError) as error:
        raise FactsError(f"services/{folder.name}/{FILE} is no YAML mapping: {error}") from error
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise FactsError(f"services/{folder.name}/{FILE}: {'; '.join(problems)}") from error
