"""The derived blocks of compose.yaml: services, targets of the edge, stores, seeds."""

from __future__ import annotations

from textwrap import indent

from facts.service import Service, target_setting
from facts.system import System

_ADDRESSES = {"edge": "localhost:8080", "stripe": "stripe:12111", "mail-smtp": "mail:1025"}
"""The addresses in compose of the ports that facts refer to."""
_SECRET = "${ARGOSY_SECRET}"  # noqa: S105 (the variable that holds it)
_LONG_SECRET = "${ARGOSY_SECRET:?any words of 16 letters or more}"  # noqa: S105


def targets(system: System) -> str:
    """The edge's *_TARGET variables."""
    lines = (f"{target_setting(name)}: {name}:{system[name].ports.grpc}\n" for name in system.public)
    return indent("".join(lines), " " * 6)


def services(system: System) -> str:
    """The services."""
    return "\n".join(_service(system, one) for one in system.services)


def seeds(system: System) -> str:
    """The seeds: processes that run once, with a service's environment."""
    return "".join(
        f"""\
  {name}:
    <<: *service
    restart: on-failure
    command: [{", ".join([module, *(f"/argosy/{argument}" for argument in arguments)])}]
    environment: *{one.name}
    volumes:
      - keys:/keys:ro
      - ./local:/argosy/local:ro
"""
        for one in system.services
        for name, (module, *arguments) in one.seeds.items()
    )


def stores(system: System) -> str:
    """The stores of the services."""
    return "".join(_store(one) for one in system.services)


def volumes(system: System) -> str:
    """The volumes of the stores."""
    return "".join(f"  {one.name}: {{}}\n" for one in system.services if one.store.kind != "none")


BLOCKS = {"targets": targets, "services": services, "seeds": seeds, "stores": stores, "volumes": volumes}


def _service(system: System, service: Service) -> str:
    # It creates its secret files in the volume of the keys.
    mount = "    volumes:\n      - keys:/keys\n" if service.secret_directories else ""
    anchor = f" &{service.name}" if service.seeds else ""
    settings = "".join(f"      {name}: {value}\n" for name, value in environment(system, service).items())
    return (
        f"  {service.name}:\n    <<: *service\n    command: [services.{service.name}]\n{mount}"
        f"    environment:{anchor}\n      <<: *environment\n{settings}"
    )


def environment(system: System, service: Service) -> dict[str, str]:
    """The environment variables of one service, without the common ones."""
    return {
        "GRPC_PORT": str(service.ports.grpc),
        "ADMIN_PORT": str(service.ports.admin),
        "SERVICE_KEY_FILE": f"/keys/service-{service.name}.pem",
        **_store_url(service),
        **{target_setting(called): f"{called}:{system[called].ports.grpc}" for called in system.calls(service.name)},
        **{
            name: secret.laptop.format_map(_ADDRESSES)
            or (f"{secret.prefix}{_SECRET}" if secret.prefix else _LONG_SECRET)
            for name, secret in service.secrets.items()
        },
        **{name: f"/keys/{directory}" for name, directory in service.secret_directories.items()},
        **{name: one.laptop.format_map(_ADDRESSES) for name, one in service.settings.items() if one.laptop},
    }


def _store_url(service: Service) -> dict[str, str]:
    name = service.name
    match service.store.kind:
        case "postgres":
            return {"DATABASE_URL": f"postgresql://{name}:{_SECRET}@{name}-postgres:5432/{service.database}"}
        case "mongo":
            url = f"mongodb://{name}:{_SECRET}@{name}-mongodb:27017/{service.database}?authSource=admin"
            return {"MONGO_URL": url}
        case _:
            return {}


def _store(service: Service) -> str:
    name = service.name
    match service.store.kind:
        case "postgres":
            return f"""\
  {name}-postgres:
    <<: *postgres
    environment: {{POSTGRES_USER: {name}, POSTGRES_DB: {service.database}, POSTGRES_PASSWORD: "{_SECRET}"}}
    volumes: ["{name}:/var/lib/postgresql"]
"""
        case "mongo":
            return f"""\
  {name}-mongodb:
    <<: *mongodb
    environment: {{MONGO_INITDB_ROOT_USERNAME: {name}, MONGO_INITDB_ROOT_PASSWORD: "{_SECRET}"}}
    volumes: ["{name}:/data/db"]
"""
        case _:
            return ""
