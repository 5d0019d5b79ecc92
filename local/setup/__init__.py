"""`make setup`: creates `.venv` and installs everything that the laptop, the checks and the tests need.

It needs only Python's standard library. It writes to `.venv` and `third_party` only; deleting those undoes it.
"""
