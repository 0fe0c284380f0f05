"""Host names as configuration writes them: what they stand for, and which of them name which services."""
