"""The control plane on the network: streams of proxies, who may open them, and how far each is."""
