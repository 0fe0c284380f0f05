"""Compose files with sidecars."""
