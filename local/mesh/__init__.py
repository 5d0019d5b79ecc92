"""The mesh on one machine: a real Kubernetes API, a real istiod, and a real sidecar beside every process of ours.

No container and no cluster: plain processes, each "pod" on a loopback address of its own. The shipped manifests decide
everything; `overlay.py` alone adapts addresses.
"""
