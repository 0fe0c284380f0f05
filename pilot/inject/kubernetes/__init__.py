"""Kubernetes manifests with sidecars."""
