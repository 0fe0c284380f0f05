"""Planners of clusters and their endpoints."""
