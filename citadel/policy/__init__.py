"""What the security policies of a mesh decide, as values that the planners ask."""
