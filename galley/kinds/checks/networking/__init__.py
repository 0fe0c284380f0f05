"""The rules of the kinds of networking.istio.io, and of the values that only these share."""
