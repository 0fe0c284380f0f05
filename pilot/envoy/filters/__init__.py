"""Filters: one renderer each, found by the type of its plan."""
