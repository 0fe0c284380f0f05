"""Flags that the commands of ``pilot`` share, and what their values mean."""
