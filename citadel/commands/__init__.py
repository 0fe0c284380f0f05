"""The subcommands of ``citadel``."""
