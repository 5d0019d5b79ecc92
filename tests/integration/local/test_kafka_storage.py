"""The broker's storage, formatted by Kafka's own tool."""

import base64
import uuid
from pathlib import Path

import pytest

from local.kafka import __main__ as kafka
from local.stack import Stack


@pytest.mark.parametrize("cluster_id", ["-ffmmhhfT9SdttI97U2tPg", "AffmmhhfT9SdttI97U2tPg"])
def test_storage_is_formatted_whatever_its_id_begins_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster_id: str
) -> None:
    drawn = uuid.UUID(bytes=base64.urlsafe_b64decode(f"{cluster_id}=="))
    monkeypatch.setattr(uuid, "uuid4", lambda: drawn)
    kafka._format(Stack(tmp_path, 0), tmp_path / "kafka")
    assert f"cluster.id={cluster_id}" in (tmp_path / "kafka" / "meta.properties").read_text().splitlines()
