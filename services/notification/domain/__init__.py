"""The domain of notification, in plain Python: no I/O, no clock, no protobuf.

- messages: kinds, states, subjects, retry pauses
- preferences: the kinds that a user may turn off

Modules here import each other and `chassis.plain.money`, nothing else of ours.
"""
