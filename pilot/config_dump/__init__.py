"""What an Envoy says it holds: its `/config_dump`, read for people, without keys."""
