"""A new option of the policy: `make generate` reads the contract with the stubs that it has just made."""

from __future__ import annotations

from pathlib import Path

from tests.scaffold.clone import Clone


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1, (file, old)
    file.write_text(text.replace(old, new))


def test_a_new_option_is_generated_and_read_in_one_step(clone: Clone) -> None:
    option = "uint32 max_waiting = 3;"
    _replace(clone.root / "proto/argosy/policy/v1/policy.proto", option, f"{option}\n  string note = 15;")
    contract = clone.root / "services/chassis/rpc/contract.py"
    _replace(contract, "    max_waiting: int = 0\n", '    max_waiting: int = 0\n    note: str = ""\n')
    _replace(contract, "one.max_waiting) for one", "one.max_waiting, one.note) for one")

    clone.types("make generate")

    assert "note" in (clone.root / "generated/python/argosy/policy/v1/policy_pb2.pyi").read_text()
