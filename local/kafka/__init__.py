"""The laptop's Kafka: one broker in KRaft mode, with the topics that generated/kafka declares."""
