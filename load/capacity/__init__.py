"""A model of the purchase: which part saturates first at a rate, and how many of each part a rate needs.

__main__  `python -m load.capacity --rate 100`: utilisation by part, the first to saturate, latencies
costs     what a purchase costs each part, as `make bench` measured it; the only figures by hand
purchase  the way of a purchase through the parts
plan      how many of each part there are: as deployed, or as a rate needs
queues    a discrete-event simulation of jobs that queue for parts, and the formulas it is tested against
report    the tables of docs/capacity.md
"""
