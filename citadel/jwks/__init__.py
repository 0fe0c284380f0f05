"""The keys by which tokens of other issuers are verified: fetched, kept, refreshed, and bounded in size and time."""
