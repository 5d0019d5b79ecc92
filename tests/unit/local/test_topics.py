"""The declared topics are those of the contract, each as its publisher's facts describe it."""

import pytest

from facts.system import system, topic_of
from local.kafka.declarations import declared

DAY_MS = 24 * 60 * 60 * 1000
TOPICS = {topic.name: topic for topic in declared()}


@pytest.mark.parametrize("service", system().publishers)
def test_each_topic_and_its_dead_letters(service: str) -> None:
    name, facts = topic_of(service), system()[service].topic
    assert facts is not None
    for topic, kept in ((TOPICS[name], facts.keep_days), (TOPICS[f"{name}.dlq"], 30)):
        assert topic.partitions == facts.partitions
        assert topic.replicas == 3
        assert topic.settings == {
            "cleanup.policy": "delete",
            "min.insync.replicas": "2",
            "retention.ms": str(kept * DAY_MS),
            "segment.ms": str(DAY_MS),
        }


def test_there_are_no_others() -> None:
    assert TOPICS.keys() == {name for topic in system().topics for name in (topic, f"{topic}.dlq")}


def test_what_is_paid_is_kept_longest() -> None:
    """A payment's outcome may be asked for as long as its dispute lasts; orders are listed for a month."""
    kept = {one.name: one.topic.keep_days for one in system().services if one.topic is not None}
    assert (kept["payment"], kept["order"]) == (90, 30)
