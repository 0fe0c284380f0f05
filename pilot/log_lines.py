"""How the log is written: one record is one line, whatever strangers have put into it.

Texts of NACKs, node ids, peers, names of files and values of metadata come from outside. In a log they could forge
lines, speak to the terminal of whoever reads it, and fill the disk.
"""

from __future__ import annotations

import logging
import sys

from galley.text.wording import printable, shortened

LONGEST_LINE = 8_000
"""Characters of a record; what exceeds them is counted."""

_LONGEST_TRACE = 200
"""Lines of a traceback."""

_FORMAT = "%(asctime)s.%(msecs)03d %(levelname)s %(message)s"
_DATE_FORMAT = "%Y-%m-%dT%H:%M:%S"
_CONTINUED = "  | "


class LineFormatter(logging.Formatter):
    """Writes a record as one printable line of at most about ``LONGEST_LINE`` characters.

    The lines of a traceback follow, each marked as such, so that none can be taken for a record.
    """

    def __init__(self) -> None:
        super().__init__(_FORMAT, _DATE_FORMAT)

    def format(self, record: logging.LogRecord) -> str:
        """The line of ``record``, and those of its traceback: its end, where the cause stands, when it is long."""
        record.message, record.asctime = record.getMessage(), self.formatTime(record, self.datefmt)
        trace = self.formatException(record.exc_info) if record.exc_info else ""
        followed_by = f"{trace}\n{record.stack_info or ''}".splitlines()[-_LONGEST_TRACE:]
        return "\n".join([_line(self.formatMessage(record)), *(_CONTINUED + _line(one) for one in followed_by if one)])


def _line(text: str) -> str:
    return shortened(printable(text), LONGEST_LINE)


def configure_logging() -> None:
    """Log to standard error from level INFO on, for the commands that run until they are stopped."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
