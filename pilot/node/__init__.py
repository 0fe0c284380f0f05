"""The xDS node by which an Envoy and its control plane know one another: written by bootstraps, read by the server."""
