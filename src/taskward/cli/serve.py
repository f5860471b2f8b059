"""`taskward serve` and `taskward migrate`, the commands of production."""

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
        raise BadSettings(
            ["PROMETHEUS_MULTIPROC_DIR: must not be set, because Taskward sets it for its workers. Unset it"]
        )
    return process.serve(settings)


def migrate(options: argparse.Namespace) -> int:
    """0 when the database is up to date, 1 when it could not be migrated."""
    settings = load_settings()
    log.configure(settings.log_level, settings.log_format)
    reason = upgrade(settings)
    if reason is None:
        log.tell(f"The database is at revision {REVISION}.", settings.log_format, failed=False)
    else:
        log.tell(f"The database could not be migrated: {reason}", settings.log_format)
    return 0 if reason is None else 1


def upgrade(settings: Settings) -> str | None:
    """Migrate the database to the newest revision. Returns None, or why that failed."""
    try:
        migrations.upgrade(settings.database_url.get_secret_value())
    except migrations.Unfit as error:
        return str(error)
    except Exception as error:  # any error of the driver
        return f"{cause(error)}. {advice(error)}"
    return None
