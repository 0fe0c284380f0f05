"""From YAML nodes to typed values: the decoders of scalars, and the compiled decoders of dataclasses."""
