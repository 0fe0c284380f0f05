"""Filters of connections and requests, and the access logs that some of them write."""
