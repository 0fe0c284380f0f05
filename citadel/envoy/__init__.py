"""Decisions about security, as Envoy's own messages."""
