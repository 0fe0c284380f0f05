"""AuthorizationPolicy: which requests and connections a workload takes, by action, in the order in which they count."""
