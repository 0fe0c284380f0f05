"""The demo: Bookinfo on one machine, behind real Envoys, without root."""
