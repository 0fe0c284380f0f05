"""The state of a running control plane: configuration and workloads."""
