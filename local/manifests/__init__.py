"""Judges what is shipped for a cluster without one: every overlay and component is built, and each manifest is held to
its schema, to Istio's own judgement, and to rules of ours.
"""
