"""Configuration: YAML in, checked and immutable snapshots out."""
