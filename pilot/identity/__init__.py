"""Identity in a running control plane: certificates, secrets and roots."""
