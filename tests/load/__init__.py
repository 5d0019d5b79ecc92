"""Load profiles: `make load PROFILE=ramp|spike|soak|flash`, with a report, and the invariants after it.

profiles    what each profile asks for: its settings, arrivals and people
ready       what must be there before it: accounts and goods
k6.js       what an arrival does, as k6 runs it
k6          runs k6, and reads what it measured
parts       memory of each part over time
report      the report of a run, with its plots
setup       builds k6, once

An open model: arrivals come at their rate, however slow the answers are.
"""
