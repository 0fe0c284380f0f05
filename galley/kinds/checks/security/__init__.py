"""The rules of the kinds of security.istio.io."""
