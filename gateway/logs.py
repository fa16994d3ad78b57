"""Log lines for machines: one JSON object a line."""

from __future__ import annotations

import logging

import msgspec

from gateway.contract import timestamp

_encode = msgspec.json.Encoder().encode


class JsonFormatter(logging.Formatter):
    """`{"ts", "level", "logger", "message"}`, with `exception` when there is a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON, whatever is in it."""
        line = {
            "ts": timestamp(int(record.created * 1000)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        elif record.exc_text:
            line["exception"] = record.exc_text
        return _encode({key: _printable(text) for key, text in line.items()}).decode()


def _printable(text: str) -> str:
    """Text that UTF-8 can carry; the names of files may hold anything."""
    return text.encode("utf-8", "backslashreplace").decode()
