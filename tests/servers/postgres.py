"""A private PostgreSQL cluster on 127.0.0.1; each test gets a database of its own."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import waiting
from servers.daemon import Daemon, User
from servers.ports import HOST, accepts_connections, free_port
from servers.requirement import missing

_SUPERUSER = "steelyard"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServer:
    """The cluster: where it listens, its superuser's password, its directory and its process."""

    port: int
    password: str
    directory: Path
    daemon: Daemon

    def url(self, database: str) -> str:
        """SQLAlchemy's address of a database, driver pg8000."""
        return f"postgresql+pg8000://{_SUPERUSER}:{self.password}@{HOST}:{self.port}/{database}"

    def create_database(self, *, like: str | None = None) -> str:
        """Create an empty database, or a copy of one that was left; returns its name."""
        name = f"test_{secrets.token_hex(6)}"
        self._run(f'CREATE DATABASE "{name}"' + ("" if like is None else f' TEMPLATE "{like}"'))
        return name

    def wait_until_left(self, database: str) -> None:
        """Wait until nobody is connected to it: a server's process ends a moment after its client."""
        waiting.until(lambda: not self._connections(database), f"nobody is connected to {database}")

    def drop_database(self, name: str) -> None:
        """Drop the database whoever is still connected (and start the server where the test left it down)."""
        self.daemon.start()
        self._run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def stop(self) -> None:
        """Fast shutdown: connections are cut, data are safe."""
        self.daemon.stop()

    def restart(self) -> None:
        """Start again on the same port and directory."""
        self.daemon.restart()

    def remove(self) -> None:
        """Stop the server and delete its directory."""
        self.daemon.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _connections(self, database: str) -> int:
        return [name for (name,) in self._run("SELECT datname FROM pg_stat_activity")].count(database)

    def _run(self, statement: str) -> Any:
        import pg8000.native  # noqa: PLC0415 - only a run that has a PostgreSQL needs the driver

        with closing(
            pg8000.native.Connection(_SUPERUSER, host=HOST, port=self.port, password=self.password, database="postgres")
        ) as connection:
            return connection.run(statement)


def start_postgres() -> PostgresServer:
    """Create and start a cluster in a temporary directory of its own."""
    programs = _program_directory()
    if programs is None:
        missing("postgres", "apt-get install postgresql")
    user = _ordinary_user()
    # Not pytest's temporary directory: that one belongs to root alone where root runs the tests.
    directory = Path(tempfile.mkdtemp(prefix="steelyard-postgres-"))
    password = secrets.token_hex(12)
    password_file = directory / "password"
    password_file.write_text(password)
    if user is not None:
        for path in (directory, password_file):
            os.chown(path, user.uid, user.gid)
    data = directory / "data"
    _initialize(programs / "initdb", data, password_file, user)
    port = free_port()
    daemon = Daemon(
        command=(
            str(programs / "postgres"),
            "-D", str(data),
            "-p", str(port),
            "-c", f"listen_addresses={HOST}",
            "-c", f"unix_socket_directories={directory}",
            # The cluster does not outlive the run, and nobody copies it.
            "-c", "fsync=off",
            "-c", "full_page_writes=off",
            "-c", "wal_level=minimal",
            "-c", "max_wal_senders=0",
            "-c", "max_connections=100",
            "-c", "shared_buffers=32MB",
        ),
        log=directory / "postgres.log",
        ready=lambda: accepts_connections(port) and _accepts_queries(programs, port),
        directory=directory,
        user=user,
        stop_signal=signal.SIGINT,
    )  # fmt: skip
    daemon.start()
    return PostgresServer(port=port, password=password, directory=directory, daemon=daemon)


def _program_directory() -> Path | None:
    """Where initdb and postgres are: Debian keeps them off PATH, by version; the latest is taken."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda found: int(found.parts[-3]))
    return versions[-1].parent if versions else None


def _ordinary_user() -> User | None:
    """PostgreSQL refuses to run as root: then as the user `postgres`, else as `nobody`."""
    if os.geteuid() != 0:
        return None
    entries = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = entries.get("postgres") or entries.get("nobody")
    if entry is None:
        missing("postgres", "it does not run as root, and there is neither a user `postgres` nor `nobody`")
    return User(uid=entry.pw_uid, gid=entry.pw_gid)


def _initialize(initdb: Path, data: Path, password_file: Path, user: User | None) -> None:
    identity = {"user": user.uid, "group": user.gid, "extra_groups": []} if user else {}
    done = subprocess.run(
        [
            str(initdb), "-D", str(data), "-U", _SUPERUSER, "--pwfile", str(password_file),
            "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync",
        ],
        cwd=data.parent,
        capture_output=True,
        text=True,
        check=False,
        **identity,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"initdb ended with {done.returncode}:\n{done.stdout}{done.stderr}")


def _accepts_queries(programs: Path, port: int) -> bool:
    command = [str(programs / "pg_isready"), "-q", "-h", HOST, "-p", str(port)]
    return subprocess.run(command, check=False).returncode == 0
