"""Traffic: what configuration means for each proxy, as Envoy resources, served over ADS."""
