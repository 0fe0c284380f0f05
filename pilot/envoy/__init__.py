"""Renderers: what a plan says, as Envoy's own messages.

A renderer reaches nothing but its argument, and equal plans give equal bytes. Everything rendered is valid on stock
Envoy 1.36 and later.
"""
