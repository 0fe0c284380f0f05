"""The admin port: what people and scripts on the same host may ask of a running control plane."""
