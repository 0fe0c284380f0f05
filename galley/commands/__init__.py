"""The subcommands of ``galley``, and how diagnostics are written."""
