"""Pods made of network namespaces, which vanish with the test process: no names, no files, nothing on the host."""
