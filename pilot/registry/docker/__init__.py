"""Containers of a Docker Engine as workloads: followed by its events, read by their labels."""
