"""Plans: what should be, fully resolved, frozen and hashable. Written by ``mesh``, rendered by ``envoy``.

``origins`` are the resources of the user that a plan was made from; they lead from an Envoy's rejection to a line.
"""
