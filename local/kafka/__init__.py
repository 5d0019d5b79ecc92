"""The laptop's Kafka: one broker in KRaft mode, and the topics that kafka/topics declares."""
