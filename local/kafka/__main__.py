"""Runs the broker: `python -m local.kafka`. The first run formats its storage."""

import base64
import os
import shutil
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path

from local.paths import KAFKA_JARS
from local.stack import Stack

# One node is both broker and controller. Fast start-up matters more here than peak throughput.
_JAVA = ["java", "-Xms128m", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", f"{KAFKA_JARS}/*"]
_LOGGING = [
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    "-Duser.timezone=UTC",
]


def main() -> None:
    """Format the storage if there is none, then replace this process by the broker."""
    stack = Stack.from_environment()
    storage = stack.data / "kafka"
    if not storage.exists():
        _format(stack, storage)
    configuration = _write(stack.run / "kafka.properties", _settings(stack, storage))
    os.execvp(_JAVA[0], [*_JAVA, *_LOGGING, "kafka.Kafka", str(configuration)])


def _format(stack: Stack, storage: Path) -> None:
    """Format under a temporary name and rename, so that existing storage is always complete."""
    unfinished = storage.with_name("kafka.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    configuration = _write(stack.run / "kafka-format.properties", _settings(stack, unfinished))
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    # With "=": an id may begin with "-", which would be parsed as an option.
    chosen = [f"--cluster-id={cluster_id}", f"--config={configuration}"]
    command = [*_JAVA, *_LOGGING, "kafka.tools.StorageTool", "format", *chosen]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    unfinished.rename(storage)


def _settings(stack: Stack, storage: Path) -> Mapping[str, str]:
    broker, controller = stack.address("kafka"), stack.address("kafka-controller")
    listen, advertised = _beside()
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{broker},CONTROLLER://{controller}{listen}",
        "advertised.listeners": f"PLAINTEXT://{broker}{advertised}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,BESIDE:PLAINTEXT",
        "log.dirs": str(storage),
        "auto.create.topics.enable": "false",
        # One broker: every topic has one replica, internal topics included.
        "default.replication.factor": "1",
        "min.insync.replicas": "1",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "6",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "6",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # Each of these threads looks for work three times a second, for both listeners: by default there are 22.
        "num.network.threads": "1",
        "num.io.threads": "2",
        # No other controller has to be shown twice a second that this one is alive.
        "metadata.max.idle.interval.ms": "0",
        # No other member will join: a group need not wait for more.
        "group.initial.rebalance.delay.ms": "0",
        # A short session timeout, so that a killed consumer can restart at once.
        "group.min.session.timeout.ms": "1000",
    }


def _beside() -> tuple[str, str]:
    """An additional listener for clients behind a proxy: KAFKA_LISTENER_BESIDE is `listen,advertised`."""
    listen, _, advertised = os.environ.get("KAFKA_LISTENER_BESIDE", "").partition(",")
    return (f",BESIDE://{listen}", f",BESIDE://{advertised}") if listen else ("", "")


def _write(path: Path, settings: Mapping[str, str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    return path


if __name__ == "__main__":
    main()
