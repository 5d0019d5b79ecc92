"""The mesh on one machine: a real Kubernetes API, a real istiod, and a real sidecar for each process.

It needs no container and no cluster: "pods" are plain processes with their own loopback addresses. The shipped
manifests define all policy; `overlay.py` adapts addresses only.
"""
