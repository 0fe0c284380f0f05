"""The kinds of networking.istio.io: where traffic may go, and how; a file for each, with the values it is made of."""
