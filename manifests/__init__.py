"""Checks the cluster manifests without a cluster: builds every overlay and component, and validates each manifest
against its schema, with Istio's analysis, and with our own rules.
"""
