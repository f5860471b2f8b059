"""`taskward serve` and `taskward migrate`: what runs in production."""

import argparse

from taskward import environment
from taskward.database import migrate as migrations
from taskward.database.causes import advice, cause
from taskward.database.schema import REVISION
from taskward.operating import log
from taskward.server import process
from taskward.settings import BadSettings, Settings, load_settings


def serve(options: argparse.Namespace) -> int:
    given = {name: getattr(options, name) for name in ("host", "port", "workers")}
    settings = load_settings(**{name: value for name, value in given.items() if value is not None})
    return serve_with(settings)


def serve_with(settings: Settings) -> int:
    if environment.workers_folder_given():
        raise BadSettings(["PROMETHEUS_MULTIPROC_DIR: is Taskward's to set, for its own workers. Unset it"])
    return process.serve(settings)


def migrate(options: argparse.Namespace) -> int:
    """0 when the database is up to date, 1 when it could not be brought there."""
    settings = load_settings()
    log.configure(settings.log_level, settings.log_format)
    reason = upgrade(settings)
    if reason is None:
        log.tell(f"The database is at revision {REVISION}.", settings.log_format, failed=False)
    else:
        log.tell(f"The database could not be migrated: {reason}", settings.log_format)
    return 0 if reason is None else 1


def upgrade(settings: Settings) -> str | None:
    """Bring the database up to date. Returns None, or why that could not be done."""
    try:
        migrations.upgrade(settings.database_url.get_secret_value())
    except migrations.Unfit as error:
        return str(error)
    except Exception as error:  # drivers raise what they like
        return f"{cause(error)}. {advice(error)}"
    return None
