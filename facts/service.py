"""Reads `services/<name>/service.yaml`: the deployment data of one service. It is the only reader."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

ROOT = Path(__file__).resolve().parent.parent
FILE = "service.yaml"


class FactsError(Exception):
    """A service.yaml is missing or invalid. The text names the file and the field."""


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Ports(_Facts):
    """The ports of the process, on a laptop (plus the stack's offset) and in a pod."""

    grpc: int = Field(gt=0, le=65535)
    admin: int = Field(gt=0, le=65535)
    """/health, /live and /metrics."""


class Store(_Facts):
    """The service's own database."""

    kind: Literal["postgres", "mongo", "none"]
    database: str = ""
    """The database's name. Empty: the service's name."""


class Secret(_Facts):
    """A secret setting. In a cluster it comes from the secret store, under the setting's name."""

    prefix: str = ""
    """The prefix of the random value on a laptop."""
    laptop: str = ""
    """The value on a laptop and in compose, if it is not random. `{name}` is the address of that port."""
    given: bool = False
    """Whether an external party issues it. The overlay `dev` then takes it from the environment."""


class Setting(_Facts):
    """A setting that is not secret. Empty: the default of the settings class."""

    laptop: str = ""
    """The value on a laptop and in compose. `{name}` is the address of that port."""
    cluster: str = ""


class Party(_Facts):
    """An external host that the service may call."""

    host: str
    port: int = Field(gt=0, le=65535)
    label: str
    """The display name ("Stripe")."""


class Topic(_Facts):
    """The topic `<name>-events` and its dead letters."""

    about: str
    """The description: its events and their key."""
    partitions: int = Field(gt=0)
    keep_days: int = Field(gt=0)


class Replicas(_Facts):
    """The minimum and maximum number of instances."""

    least: int = Field(gt=0)
    most: int = Field(gt=0)


class Amounts(_Facts):
    """CPU and memory, as Kubernetes writes them."""

    cpu: str
    memory: str


class Resources(_Facts):
    """The container's resource requests and limits."""

    requests: Amounts
    limits: Amounts


class Objective(_Facts):
    """The service level objective over 30 days. monitoring/rules/slo.yaml has the alerts."""

    available_percent: float = Field(gt=0, lt=100)
    """The share of calls without server errors, in percent."""
    fast_percent: float = Field(gt=0, lt=100)
    """The share of calls that take less than a second, in percent."""


class Service(_Facts):
    """One service, from its service.yaml."""

    name: str
    """The folder's name. It is the owner in the contract."""
    owns: str
    """What the service owns, for README's table."""
    ports: Ports
    store: Store
    secrets: dict[str, Secret] = {}
    """Variable → secret, without the store's address."""
    secret_directories: dict[str, str] = {}
    """Variable → directory of secret files."""
    settings: dict[str, Setting] = {}
    """Variable → setting."""
    parties: dict[str, Party] = {}
    """Short name → external host."""
    admin_paths: tuple[str, ...] = ()
    """Additional paths of its admin port."""
    topic: Topic | None = None
    """None: the service publishes nothing."""
    consumes: tuple[str, ...] = ()
    """The event types that its consumer group handles."""
    follows: tuple[str, ...] = ()
    """The topics that each replica reads without a consumer group."""
    seeds: dict[str, tuple[str, ...]] = {}
    """Processes that run once at start on a laptop, with the service's environment: name → module and arguments."""
    replicas: Replicas
    resources: Resources
    objective: Objective

    @property
    def group(self) -> str:
        """The name of its consumer group."""
        return f"{self.name}-service-group"

    @property
    def database(self) -> str:
        """The name of its database."""
        return self.store.database or self.name

    @property
    def store_setting(self) -> str:
        """The variable with its store's address. Empty: it has no store."""
        return {"postgres": "DATABASE_URL", "mongo": "MONGO_URL", "none": ""}[self.store.kind]

    @property
    def migrates(self) -> bool:
        """Whether it has a schema, which a job migrates."""
        return self.store.kind == "postgres"


def read(root: Path = ROOT) -> tuple[Service, ...]:
    """All services, sorted by gRPC port. Raises FactsError."""
    return tuple(sorted(map(_read, folders(root)), key=lambda service: service.ports.grpc))


def folders(root: Path = ROOT) -> list[Path]:
    """The folders of `services/` that are a service: those with a `__main__.py`."""
    return sorted(path.parent for path in (root / "services").glob("*/__main__.py"))


def target_setting(service: str) -> str:
    """The variable with a service's address, for its callers."""
    return f"{service.upper()}_TARGET"


def _read(folder: Path) -> Service:
    file = folder / FILE
    try:
        facts = yaml.safe_load(file.read_text(encoding="utf-8"))
        return Service.model_validate({**facts, "name": folder.name})
    except FileNotFoundError:
        raise FactsError(f"services/{folder.name} has no {FILE}") from None
    except (yaml.YAMLError, TypeError) as error:
        raise FactsError(f"services/{folder.name}/{FILE} is not a YAML mapping: {error}") from error
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        raise FactsError(f"services/{folder.name}/{FILE}: {'; '.join(problems)}") from error
