"""Every declared mutation fits the source as it is today."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.paths import ROOT
from tests.mutants import scratch
from tests.mutants.catalogue import MUTATIONS, Mutation, named
from tests.mutants.scratch import NotApplicable, Replacement


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_fits_one_place_and_leaves_it_python(mutation: Mutation) -> None:
    text = (ROOT / mutation.change.place()).read_text()
    changed = text.replace(mutation.change.before, mutation.change.after)
    assert changed != text
    compile(changed, mutation.name, "exec")


@pytest.mark.parametrize(
    ("before", "where"),
    [("def nowhere", "0 times.*no file"), ("def here", r"2 times.*services/a\.py, services/b/c\.py")],
)
def test_a_replacement_that_fits_not_exactly_once_is_refused(tmp_path: Path, before: str, where: str) -> None:
    for file in (tmp_path / "services/a.py", tmp_path / "services/b/c.py"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("def here\n")
    with pytest.raises(NotApplicable, match=rf"(?s){where}.*{before}"):
        Replacement(before, "").apply(tmp_path)


def test_a_copy_has_the_mutation_and_the_checkout_has_not(tmp_path: Path) -> None:
    change = named("no-inbox").change
    file = change.place()
    scratch.write(tmp_path, change)
    assert change.after in (tmp_path / file).read_text()
    assert change.before in (ROOT / file).read_text()
    scratch.write(tmp_path, None)
    assert (tmp_path / file).read_text() == (ROOT / file).read_text()
    assert (tmp_path / "services/payment/migrations").is_dir()


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no mutation 'nothing'"):
        named("nothing")
