"""The xDS protocol as state machines: requests and published resources in, responses out, and no I/O."""
