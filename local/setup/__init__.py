"""`make setup`: makes `.venv` and puts into it everything that the laptop, the checks and the tests need.

It runs on a bare Python's standard library. What it makes is in `.venv` and `third_party`; deleting those undoes it.
"""
