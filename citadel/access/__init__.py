"""Decisions about access, as values: who may do what, which tokens count, and which server is asked."""
