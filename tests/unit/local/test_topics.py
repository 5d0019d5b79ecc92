"""kafka/topics declares what was asked for."""

import pytest

from local.kafka.declarations import declared

DAY_MS = 24 * 60 * 60 * 1000
TOPICS = {topic.name: topic for topic in declared()}


@pytest.mark.parametrize(
    ("name", "partitions", "days"),
    [("user-events", 3, 7), ("order-events", 6, 30), ("payment-events", 3, 90), ("inventory-events", 3, 7)],
)
def test_each_topic_and_its_dead_letters(name: str, partitions: int, days: int) -> None:
    for topic, kept in ((TOPICS[name], days), (TOPICS[f"{name}.dlq"], 30)):
        assert topic.partitions == partitions
        assert topic.replicas == 3
        assert topic.settings == {
            "cleanup.policy": "delete",
            "min.insync.replicas": "2",
            "retention.ms": str(kept * DAY_MS),
            "segment.ms": str(DAY_MS),
        }


def test_there_are_no_others() -> None:
    assert len(TOPICS) == 8
