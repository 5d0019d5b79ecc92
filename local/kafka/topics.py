"""Creates the declared topics: `python -m local.kafka.topics`. Idempotent.

A laptop has one broker, so the declared numbers of replicas and of in-sync replicas are ignored.
"""

import asyncio
from collections.abc import Sequence

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError

from local.kafka.declarations import Topic, declared
from local.stack import Stack

_TIMEOUT_MS = 10_000
_ONE_BROKER = {"min.insync.replicas": "1"}


async def ensure(bootstrap: str, topics: Sequence[Topic]) -> None:
    """Create missing topics, and apply the declared partitions and settings to existing ones."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=_TIMEOUT_MS)
    await admin.start()
    try:
        present = await admin.list_topics()
        await _create(admin, [topic for topic in topics if topic.name not in present])
        await _adjust(admin, [topic for topic in topics if topic.name in present])
    finally:
        await admin.close()


async def _create(admin: AIOKafkaAdminClient, topics: Sequence[Topic]) -> None:
    if topics:
        new = [NewTopic(topic.name, topic.partitions, 1, topic_configs=_settings(topic)) for topic in topics]
        answer = await admin.create_topics(new, timeout_ms=_TIMEOUT_MS)
        for name, code, message in answer.topic_errors:
            if code not in (0, TopicAlreadyExistsError.errno):
                raise RuntimeError(f"Kafka refused the topic {name}: {message}")


async def _adjust(admin: AIOKafkaAdminClient, topics: Sequence[Topic]) -> None:
    if not topics:
        return
    found = await admin.describe_topics([topic.name for topic in topics])
    partitions = {topic["topic"]: len(topic["partitions"]) for topic in found}
    growing = [topic for topic in topics if topic.partitions > partitions[topic.name]]
    if growing:
        await admin.create_partitions({topic.name: NewPartitions(topic.partitions) for topic in growing})
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic.name, _settings(topic)) for topic in topics]
    for answer in await admin.alter_configs(resources):
        for code, message, _, name in answer.resources:
            if code:
                raise RuntimeError(f"Kafka refused the settings of {name}: {message}")


def _settings(topic: Topic) -> dict[str, str]:
    return {**topic.settings, **_ONE_BROKER}


def main() -> None:
    """Entry point. Fails while Kafka is not up yet."""
    asyncio.run(ensure(Stack.from_environment().address("kafka"), declared()))


if __name__ == "__main__":
    main()
