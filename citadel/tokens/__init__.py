"""Join tokens: how a workload without a certificate proves for the first time who it is."""
