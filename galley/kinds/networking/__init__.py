"""The kinds of networking.istio.io: where traffic may go, and how. A file for each kind, with the values it is made of."""
