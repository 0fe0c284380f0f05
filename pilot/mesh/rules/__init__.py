"""Rules for traffic and DestinationRules: which of them count for a host, and what they say."""
