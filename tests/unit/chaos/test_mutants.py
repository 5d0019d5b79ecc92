"""Every declared mutation fits the source as it is today."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.paths import ROOT
from tests.mutants import scratch
from tests.mutants.catalogue import MUTATIONS, Mutation, named
from tests.mutants.scratch import NotApplicable, Replacement


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_changes_its_file_and_leaves_it_python(mutation: Mutation) -> None:
    text = (ROOT / mutation.change.file).read_text()
    changed = mutation.change.applied_to(text)
    assert changed != text
    compile(changed, mutation.change.file, "exec")


@pytest.mark.parametrize("before", ["not in the file", "def first_time"])
def test_a_replacement_that_fits_not_exactly_once_is_refused(tmp_path: Path, before: str) -> None:
    text = "def first_time\ndef first_time\n"
    with pytest.raises(NotApplicable, match=r"inbox\.py: found [02] times"):
        Replacement("services/chassis/inbox.py", before, "").applied_to(text)


def test_a_copy_has_the_mutation_and_the_checkout_has_not(tmp_path: Path) -> None:
    mutation = named("no-inbox")
    scratch.write(tmp_path, mutation.change)
    file = mutation.change.file
    assert mutation.change.after in (tmp_path / file).read_text()
    assert mutation.change.before in (ROOT / file).read_text()
    scratch.write(tmp_path, None)
    assert (tmp_path / file).read_text() == (ROOT / file).read_text()
    assert (tmp_path / "services/payment/migrations").is_dir()


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no mutation 'nothing'"):
        named("nothing")
