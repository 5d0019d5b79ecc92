"""The parts that other tests stand on are real and fresh."""

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from motor.motor_asyncio import AsyncIOMotorClient

from local.kafka.declarations import declared
from tests.support.real_stack import MakeTopic, RealStack


async def test_a_fresh_database_is_empty_and_its_owner_no_superuser(postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    try:
        assert await connection.fetchval("select count(*) from pg_tables where schemaname = 'public'") == 0
        assert not await connection.fetchval("select rolsuper from pg_roles where rolname = current_user")
        assert (await connection.fetchval("show server_version")).startswith("18")
    finally:
        await connection.close()


async def test_a_document_is_found_again(mongo_url: str) -> None:
    client: AsyncIOMotorClient[dict[str, object]] = AsyncIOMotorClient(mongo_url)
    try:
        things = client.get_default_database()["things"]
        await things.insert_one({"_id": "one", "name": "first"})
        assert await things.find_one({"name": "first"}) == {"_id": "one", "name": "first"}
    finally:
        client.close()


async def test_every_declared_topic_is_there_with_its_partitions(kafka_bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    try:
        found = await admin.describe_topics([topic.name for topic in declared()])
    finally:
        await admin.close()
    wanted = {topic.name: topic.partitions for topic in declared()}
    assert {topic["topic"]: len(topic["partitions"]) for topic in found} == wanted


async def test_a_topic_of_ones_own_carries_messages(kafka_bootstrap: str, make_topic: MakeTopic) -> None:
    topic = await make_topic(partitions=2)
    producer = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap)
    await producer.start()
    try:
        await producer.send_and_wait(topic, b"value", key=b"key")
    finally:
        await producer.stop()
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka_bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        assert (await consumer.getone()).value == b"value"
    finally:
        await consumer.stop()


def test_nobody_has_mail_yet(mail_sink: RealStack) -> None:
    answer = httpx.get(f"{mail_sink.mail_url}/messages", params={"to": "nobody@example.com"})
    assert answer.json() == {"messages": []}
