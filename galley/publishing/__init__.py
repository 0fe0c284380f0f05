"""The life of a configuration: read, judged, kept, published."""
