"""From YAML nodes to typed values: the recorder of complaints, the leaves, and the compiled decoders of dataclasses."""
