"""Runs beside a workload: makes its key, has it certified, hands it to the Envoy on this host, and keeps that alive."""
