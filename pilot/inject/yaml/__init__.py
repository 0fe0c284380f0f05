"""YAML files edited in place, so that the rest stays as written."""
