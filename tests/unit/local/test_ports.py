import pytest

from local.ports import BASE, offset_from_environment
from local.stack import Stack
from tests.support.real_stack import DEFAULT_OFFSET


def test_no_two_parts_share_a_port_even_in_two_stacks_at_once() -> None:
    shifted = {port + DEFAULT_OFFSET for port in BASE.values()}
    assert len(set(BASE.values()) | shifted) == 2 * len(BASE)


def test_the_offset_shifts_every_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGOSY_PORT_OFFSET", "100")
    stack = Stack.from_environment()
    assert {name: stack.port(name) for name in BASE} == {name: port + 100 for name, port in BASE.items()}


@pytest.mark.parametrize("text", ["", "-1", "ten", "1.5", "16000"])
def test_a_bad_offset_is_refused_and_named(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGOSY_PORT_OFFSET", text)
    with pytest.raises(ValueError, match=f"ARGOSY_PORT_OFFSET.*{text!r}"):
        offset_from_environment()
