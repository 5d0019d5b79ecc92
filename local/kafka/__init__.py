"""The laptop's Kafka: one broker in KRaft mode, and the topics that generated/kafka declares."""
