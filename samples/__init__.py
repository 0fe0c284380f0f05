"""Samples that run against a Pilothouse control plane."""
