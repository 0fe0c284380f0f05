"""Fast construction, encoding and decoding of envoy-data-plane messages; knows nothing of the control plane."""
