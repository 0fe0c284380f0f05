"""YAML as text with positions: bytes to nodes, and from an error back to a line."""
