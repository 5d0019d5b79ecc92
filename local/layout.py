"""The kind of a stack: its parts, and the text that is printed once they are up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from local import topology
from local.credentials import Credentials
from local.part import Part
from local.stack import Stack


@dataclass(frozen=True)
class Layout:
    """One kind of system. `prepare` is called before a fresh start, while nothing runs."""

    parts: Callable[[Stack, Credentials], Sequence[Part]]
    where: Callable[[Stack], str]
    prepare: Callable[[Stack], None] = lambda _: None


def _where(stack: Stack) -> str:
    return (
        f"\nArgosy is up: {stack.url('edge', '/')} in a browser\n"
        f"  documentation of the API {stack.url('edge', '/docs')}\n"
        f"  REST                     {stack.url('edge', '/api/v1')}\n"
        f"  gRPC and gRPC-Web        {stack.address('edge')}\n"
        f"  received mail            {stack.url('mail-http', '/messages')}\n"
        f"  Stripe sandbox           {stack.url('stripe')}\n"
        f"  the system at work       {stack.url('playground', '/')}\n"
        f"{_where_traces(stack)}"
        f"  parts, ports, memory     make status\n"
        f"  logs, stop               make logs, make down"
    )


def _where_traces(stack: Stack) -> str:
    return "  traces                   argosy trace ORDER_ID\n" if stack.traces else ""


LAPTOP = Layout(topology.laptop, _where)
