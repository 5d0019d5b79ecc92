"""`make demo`: purchases on the running stack, step by step.

`shop.py` calls the API as a customer does, `watch.py` watches an order, `story.py` runs and prints the steps.
"""
