"""The rules that one resource must keep by itself, kind by kind: what Istio's own validation refuses or warns of."""
