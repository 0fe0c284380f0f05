"""Services and their endpoints, from documents, from registered workloads, and from registries that discover."""
