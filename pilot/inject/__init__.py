"""`pilot inject`: a compose file or Kubernetes manifests in, the same with sidecars out."""
