"""Planners: what should be, from the configuration of one moment and a proxy, as plans (`pilot.ir`)."""
