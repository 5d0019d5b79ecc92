"""The parts of a stack, in one table: what runs, with which settings, and how one sees that it is ready."""

from collections.abc import Mapping

from local.credentials import Credentials
from local.health import accepting_queries, answering, listening, routing
from local.part import Group, Part
from local.paths import PYTHON, ROOT
from local.ports import SERVICES
from local.stack import Stack

CATALOGUE = ROOT / "local" / "catalogue.json"


def parts(stack: Stack, secrets: Credentials) -> tuple[Part, ...]:
    """Every part of the stack."""
    return (
        *_stores(stack, secrets),
        *_parties(stack, secrets),
        *_traces(stack),
        *_services(stack, secrets),
        *_edge(stack),
    )


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    return (str(PYTHON), "-m", module, *arguments)


def _stores(stack: Stack, secrets: Credentials) -> tuple[Part, ...]:
    ferretdb = {
        "FERRETDB_LISTEN": stack.address("ferretdb"),
        "FERRETDB_POSTGRESQL_URL": _postgres_url(stack, secrets, "ferretdb") + "?pool_max_conns=40",
    }
    return (
        # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for its clients to leave.
        Part("postgres", Group.STORES, _python("local.postgres"), accepting_queries, ("postgres",), stop_signal="INT"),
        Part("databases", Group.STORES, _until_done("local.databases"), None, needs=("postgres",)),
        Part(
            "ferretdb",
            Group.STORES,
            _python("local.documents"),
            listening("ferretdb"),
            ("ferretdb",),
            ferretdb,
            needs=("databases",),
        ),
        Part("kafka", Group.STORES, _python("local.kafka"), listening("kafka"), ("kafka", "kafka-controller")),
        Part("topics", Group.STORES, _until_done("local.kafka.topics"), None, needs=("kafka",)),
    )


def _parties(stack: Stack, secrets: Credentials) -> tuple[Part, ...]:
    stripe = {
        "STRIPE_SANDBOX_PORT": str(stack.port("stripe")),
        "STRIPE_SANDBOX_DATA": str(stack.data / "stripe"),
        "STRIPE_API_KEY": secrets.stripe_api_key,
        "STRIPE_WEBHOOK_SECRET": secrets.stripe_webhook_secret,
        "STRIPE_WEBHOOK_URL": stack.url("edge", "/api/v1/webhooks/stripe"),
    }
    return (
        Part("stripe", Group.PARTIES, _python("local.stripe"), listening("stripe"), ("stripe",), stripe),
        Part(
            "mail",
            Group.PARTIES,
            _python("local.mail"),
            answering("mail-http", "/health"),
            ("mail-smtp", "mail-http"),
        ),
    )


def _traces(stack: Stack) -> tuple[Part, ...]:
    """The collector, for a stack that keeps traces."""
    if not stack.traces:
        return ()
    return (Part("traces", Group.PARTIES, _python("local.traces"), listening("traces"), ("traces",)),)


def _tracing(stack: Stack) -> Mapping[str, str]:
    """What whoever makes spans is told; nothing in a stack that keeps none."""
    if not stack.traces:
        return {}
    # Whoever looks does so at once: spans leave every half second.
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": stack.url("traces"), "OTEL_BSP_SCHEDULE_DELAY": "500"}


def _services(stack: Stack, secrets: Credentials) -> tuple[Part, ...]:
    own = _own_settings(stack, secrets)
    services = tuple(
        Part(
            name,
            Group.SERVICES,
            _python(f"services.{name}"),
            answering(f"{name}-admin", "/health"),
            (f"{name}-grpc", f"{name}-admin"),
            {**_common_settings(stack, secrets, name), **own[name]},
            stop_seconds=40,
        )
        for name in SERVICES
    )
    seed = Part(
        "catalogue",
        Group.SERVICES,
        _until_done("services.inventory.entrypoints.seed", str(CATALOGUE)),
        None,
        environment={**_common_settings(stack, secrets, "inventory"), **own["inventory"]},
    )
    return (*services, seed)


def edge_settings(stack: Stack) -> Mapping[str, str]:
    """The environment of `python -m edge`."""
    return {
        "EDGE_PORT": str(stack.port("edge")),
        "EDGE_ADMIN_PORT": str(stack.port("edge-admin")),
        "JWKS_URL": _jwks_url(stack),
        **{f"{service.upper()}_TARGET": stack.address(f"{service}-grpc") for service in SERVICES},
        **_tracing(stack),
    }


def _edge(stack: Stack) -> tuple[Part, ...]:
    command = _python("edge", "run")
    return (Part("edge", Group.EDGE, command, routing, ("edge", "edge-admin"), edge_settings(stack), stop_seconds=40),)


def _common_settings(stack: Stack, secrets: Credentials, service: str) -> Mapping[str, str]:
    return {
        "HOST": "127.0.0.1",
        "GRPC_PORT": str(stack.port(f"{service}-grpc")),
        "ADMIN_PORT": str(stack.port(f"{service}-admin")),
        "LOG_LEVEL": "info",
        "JWKS_URL": _jwks_url(stack),
        "SERVICE_KEY_FILE": str(secrets.service_key_file(service)),
        "SERVICE_KEYS_FILE": str(secrets.service_keys_file),
        "KAFKA_BOOTSTRAP_SERVERS": stack.address("kafka"),
        **_tracing(stack),
        "MALLOC_ARENA_MAX": "2",  # glibc else keeps an arena a thread, some 10 MB a service
    }


def _own_settings(stack: Stack, secrets: Credentials) -> Mapping[str, Mapping[str, str]]:
    return {
        "user": {
            "DATABASE_URL": _postgres_url(stack, secrets, "user"),
            "TOKEN_KEYS_DIR": str(secrets.token_keys_directory),
            "IDEMPOTENCY_SECRET": secrets.idempotency_secret("user"),
        },
        "order": {
            "MONGO_URL": f"mongodb://{stack.address('ferretdb')}/orders",
            "INVENTORY_TARGET": stack.address("inventory-grpc"),
            "PAYMENT_TARGET": stack.address("payment-grpc"),
            "IDEMPOTENCY_SECRET": secrets.idempotency_secret("order"),
        },
        "payment": {
            "DATABASE_URL": _postgres_url(stack, secrets, "payment"),
            "ORDER_TARGET": stack.address("order-grpc"),
            "STRIPE_API_URL": stack.url("stripe"),
            "STRIPE_API_KEY": secrets.stripe_api_key,
            "STRIPE_WEBHOOK_SECRET": secrets.stripe_webhook_secret,
            "PAYMENT_RETURN_URL": stack.url("edge", "/docs"),
            "IDEMPOTENCY_SECRET": secrets.idempotency_secret("payment"),
        },
        "inventory": {
            "DATABASE_URL": _postgres_url(stack, secrets, "inventory"),
            "ORDER_TARGET": stack.address("order-grpc"),
            "IDEMPOTENCY_SECRET": secrets.idempotency_secret("inventory"),
        },
        "notification": {
            "DATABASE_URL": _postgres_url(stack, secrets, "notification"),
            "SMTP_URL": f"smtp://{stack.address('mail-smtp')}",
            "USER_TARGET": stack.address("user-grpc"),
        },
    }


def _until_done(module: str, *arguments: str) -> tuple[str, ...]:
    return _python("local.until_done", *_python(module, *arguments))


def _jwks_url(stack: Stack) -> str:
    return stack.url("user-admin", "/.well-known/jwks.json")


def _postgres_url(stack: Stack, secrets: Credentials, role: str) -> str:
    return f"postgresql://{role}:{secrets.postgres_password(role)}@{stack.address('postgres')}/{role}"
