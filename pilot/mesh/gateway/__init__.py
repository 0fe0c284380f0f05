"""Planners of gateways."""
