"""What notification decides about, in plain Python: no I/O, no clock, no protobuf.

- messages: kinds, states, subjects, when to try again
- preferences: which kinds a person may turn off

Modules here import each other and `chassis.money`, nothing else of ours.
"""
