"""What Envoys report of their traffic, over the control plane's own port."""
