"""Patches: changes to what is rendered, beyond what plans can say (Istio, "EnvoyFilter").

Each is asked about what has an encoding of its own, and only those that match belong to the key of that: what no patch
matches keeps its encoding, whatever patches come and go. The order of work is istiod's: what is outside before what is
inside, and of one kind removals and additions before merges where they are in lists of filters or of routes.
"""
