"""Planners of a sidecar's inbound side."""
