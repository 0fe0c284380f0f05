"""Traffic capture: the packet filter rules that lead a workload's connections through its sidecar."""
