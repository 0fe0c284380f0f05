"""The subcommands of ``pilot``: each module adds a parser and runs what it parsed."""
