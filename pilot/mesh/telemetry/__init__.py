"""Telemetry: what a proxy reports of its traffic, from the resources that reach its workload and from MeshConfig."""
