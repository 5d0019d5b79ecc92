"""The parts of a stack, in one table: commands, settings and readiness checks."""

from collections.abc import Mapping

from facts.service import Service, target_setting
from facts.system import EDGE, system
from local.credentials import FERRETDB, Credentials, is_word
from local.health import accepting_queries, answering, listening, routing
from local.part import Group, Part
from local.paths import PYTHON, ROOT
from local.ports import BASE
from local.stack import Stack

STRIPE_WEBHOOK_EVENTS = (
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "charge.refund.updated",
    "charge.refunded",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "payment_intent.succeeded",
    "refund.created",
    "refund.failed",
    "refund.updated",
)
"""The events that payment follows: others are two of three webhooks of a purchase, for nothing."""


def parts(stack: Stack, secrets: Credentials) -> tuple[Part, ...]:
    """Every part of the stack."""
    return (
        *_stores(stack, secrets),
        *_parties(stack, secrets),
        *_traces(stack),
        *_services(stack, secrets),
        *_web(stack),
        *_edge(stack),
    )


def laptop(stack: Stack, secrets: Credentials) -> tuple[Part, ...]:
    """Every part of the stack, and the page that shows it at work: only a laptop has that."""
    ready = answering("playground", "/health")
    page = Part("playground", Group.EDGE, _python("playground"), ready, ("playground",))
    return (*parts(stack, secrets), page)


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    return (str(PYTHON), "-m", module, *arguments)


def _stores(stack: Stack, secrets: Credentials) -> tuple[Part, ...]:
    ferretdb = {
        "FERRETDB_LISTEN": stack.address("ferretdb"),
        "FERRETDB_POSTGRESQL_URL": _postgres_url(stack, secrets, FERRETDB) + "?pool_max_conns=40",
        "GOGC": "400",  # its heap is small: collecting it less often costs some 10 MB
    }
    return (
        # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for clients to disconnect.
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
        "STRIPE_WEBHOOK_EVENTS": ",".join(STRIPE_WEBHOOK_EVENTS),
    }
    return (
        Part("stripe", Group.PARTIES, _python("stripe_sandbox"), listening("stripe"), ("stripe",), stripe),
        Part(
            "mail",
            Group.PARTIES,
            _python("local.mail"),
            answering("mail-http", "/health"),
            ("mail-smtp", "mail-http"),
        ),
    )


def _traces(stack: Stack) -> tuple[Part, ...]:
    """The collector, if the stack collects traces."""
    if not stack.traces:
        return ()
    return (Part("traces", Group.PARTIES, _python("local.traces"), listening("traces"), ("traces",)),)


def _tracing(stack: Stack) -> Mapping[str, str]:
    """The trace settings of every part that makes spans; empty if the stack collects no traces."""
    if not stack.traces:
        return {}
    # Spans are exported every half second, for people who look at once.
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": stack.url("traces"), "OTEL_BSP_SCHEDULE_DELAY": "500"}


def _services(stack: Stack, secrets: Credentials) -> tuple[Part, ...]:
    services = tuple(
        Part(
            one.name,
            Group.SERVICES,
            _python(f"services.{one.name}"),
            answering(f"{one.name}-admin", "/health"),
            (f"{one.name}-grpc", f"{one.name}-admin"),
            _settings(stack, secrets, one),
            stop_seconds=40,
        )
        for one in system().services
    )
    seeds = tuple(
        Part(
            name,
            Group.SERVICES,
            _until_done(module, *(str(ROOT / argument) for argument in arguments)),
            None,
            environment=_settings(stack, secrets, one),
        )
        for one in system().services
        for name, (module, *arguments) in one.seeds.items()
    )
    return (*services, *seeds)


def _web(stack: Stack) -> tuple[Part, ...]:
    ports = {"WEB_PORT": str(stack.port("web")), "ADMIN_PORT": str(stack.port("web-admin"))}
    ready = answering("web-admin", "/health")
    return (Part("web", Group.EDGE, _python("web"), ready, ("web", "web-admin"), ports, stop_seconds=40),)


def edge_settings(stack: Stack) -> Mapping[str, str]:
    """The environment of `python -m edge`."""
    return {
        "EDGE_PORT": str(stack.port("edge")),
        "EDGE_ADMIN_PORT": str(stack.port("edge-admin")),
        "JWKS_URL": _jwks_url(stack),
        "EDGE_SECURE_COOKIES": "false",  # it is plain HTTP, where not every browser keeps a secure cookie
        "WEB_TARGET": stack.address("web"),
        **_targets(stack, EDGE),
        **_tracing(stack),
    }


def _edge(stack: Stack) -> tuple[Part, ...]:
    command = _python("edge", "run")
    return (Part("edge", Group.EDGE, command, routing, ("edge", "edge-admin"), edge_settings(stack), stop_seconds=40),)


def _settings(stack: Stack, secrets: Credentials, service: Service) -> Mapping[str, str]:
    """A service's environment: common settings, and those that its facts and the contract define."""
    addresses = {name: stack.address(name) for name in BASE}
    words = {
        setting: secrets.secret(service.name, setting) for setting, secret in service.secrets.items() if is_word(secret)
    }
    templates = {
        **{name: setting.laptop for name, setting in service.settings.items()},
        **{name: secret.laptop for name, secret in service.secrets.items()},
    }
    return {
        "HOST": "127.0.0.1",
        "GRPC_PORT": str(stack.port(f"{service.name}-grpc")),
        "ADMIN_PORT": str(stack.port(f"{service.name}-admin")),
        "LOG_LEVEL": "info",
        "JWKS_URL": _jwks_url(stack),
        "SERVICE_KEY_FILE": str(secrets.service_key_file(service.name)),
        "SERVICE_KEYS_FILE": str(secrets.service_keys_file),
        "KAFKA_BOOTSTRAP_SERVERS": stack.address("kafka"),
        **_tracing(stack),
        "MALLOC_ARENA_MAX": "2",  # glibc's default is an arena per thread, some 10 MB per service
        **_store(stack, secrets, service),
        **_targets(stack, service.name),
        **words,
        **{name: template.format_map(addresses) for name, template in templates.items() if template},
        **{setting: str(secrets.secret_directory(name)) for setting, name in service.secret_directories.items()},
    }


def _store(stack: Stack, secrets: Credentials, service: Service) -> Mapping[str, str]:
    match service.store.kind:
        case "postgres":
            return {service.store_setting: _postgres_url(stack, secrets, service.name)}
        case "mongo":
            return {service.store_setting: f"mongodb://{stack.address('ferretdb')}/{service.database}"}
        case _:
            return {}


def _targets(stack: Stack, caller: str) -> Mapping[str, str]:
    """The addresses of the services that the contract allows it to call."""
    return {target_setting(called): stack.address(f"{called}-grpc") for called in system().calls(caller)}


def _until_done(module: str, *arguments: str) -> tuple[str, ...]:
    return _python("local.until_done", *_python(module, *arguments))


def _jwks_url(stack: Stack) -> str:
    return stack.url("user-admin", "/.well-known/jwks.json")


def _postgres_url(stack: Stack, secrets: Credentials, role: str) -> str:
    return f"postgresql://{role}:{secrets.postgres_password(role)}@{stack.address('postgres')}/{role}"
