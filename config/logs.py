"""How log lines look: text for a person at a terminal, JSON for a machine."""

from __future__ import annotations

import logging

import structlog

from backups.redaction import black_out

_before: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
# One list for good: loggers keep it from their first event on, and see what is changed in it.
_processors: list[structlog.typing.Processor] = [
    structlog.stdlib.filter_by_level,
    *_before,
    structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
]


class WithoutQueries(logging.Filter):
    """For the web server's lines of requests: what stands behind a question mark may be a signature."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple) and len(record.args) == 5:  # client, method, address, version, status
            client, method, address, *rest = record.args
            record.args = (client, method, str(address).partition("?")[0], *rest)
        return True


def formatter(as_json: bool) -> logging.Formatter:
    """The formatter for structlog's events and for plain logging records alike."""
    structlog.configure(
        processors=_processors,
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=False)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_before,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            # Last, as what others say stands in messages, in facts and in tracebacks.
            lambda logger, method, event: black_out(str(renderer(logger, method, event))),
        ],
    )
