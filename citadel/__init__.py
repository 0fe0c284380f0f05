"""Identity and policy: who a workload is, what a connection must prove, and the authority that certifies it."""
