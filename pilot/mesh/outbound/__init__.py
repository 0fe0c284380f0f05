"""Planners of a sidecar's outbound side: listeners, routes, names."""
