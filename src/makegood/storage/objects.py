"""The object store: write once, durable before it is acknowledged, never moved."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import LocalStore

from makegood.kernel.errors import MakegoodError, Temporary

CHUNK = 1 << 20


class ObjectMissing(Temporary):
    code = "OBJECT_MISSING"
    customer = "A file of yours can't be read just now. Nothing is lost; we are looking into it."
    operator = "The object {key} is not in the store."


class ObjectDamaged(Temporary):
    code = "OBJECT_DAMAGED"
    customer = "A file of yours can't be read just now. We are looking into it."
    operator = "The object {key} is not what was stored: {found} instead of {expected}."


class ObjectConflict(MakegoodError):
    code = "OBJECT_CONFLICT"
    operator = "The object {key} exists with other bytes; keys end in their sha256, so this can't be an accident."


class ObjectNotDeleted(Temporary):
    code = "OBJECT_NOT_DELETED"
    operator = "The object {key} could not be deleted: {problem}"


class LowDisk(Temporary):
    code = "LOW_DISK"
    customer = "The shop can't take new files or orders just now. Please try again later; nothing was charged."
    operator = "Only {free_mb} MB are free below {folder}; new orders wait for {floor_mb} MB."


def digest(path: Path) -> tuple[str, int]:
    """The sha256 (hexadecimal) and size in bytes of a file, read in constant memory."""
    sha, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            sha.update(chunk)
            size += len(chunk)
    return sha.hexdigest(), size


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What the store says of an object: its size in bytes, and when it was written (by the store's clock, UTC)."""

    key: str
    size: int
    written_at: datetime


class ObjectStore:
    """A local folder of objects, fsynced: file and folders are on disk when `put` returns."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root = root.absolute()
        self._store = LocalStore(str(self.root))

    def put(self, key: str, source: Path, sha256: str) -> None:
        """Store the file's bytes under `key`, which ends in their sha256. The same bytes again are a success."""
        if not key.endswith(sha256):
            raise ValueError("an object's key ends in its sha256")
        try:
            obstore.put(self._store, key, source, mode="create")
        except AlreadyExistsError:
            if digest(self.path(key))[0] != sha256:
                raise ObjectConflict(key=key) from None
        self._sync(key)

    def path(self, key: str) -> Path:
        """Where the object can be read, or `ObjectMissing`."""
        path = self.root / key
        if not path.is_file():
            raise ObjectMissing(key=key)
        return path

    def verify(self, key: str, sha256: str, size: int) -> Path:
        """Read the object back and compare; returns its path, or raises what is wrong with it."""
        path = self.path(key)
        found = digest(path)
        if found != (sha256, size):
            raise ObjectDamaged(key=key, found=f"{found[1]} bytes of {found[0]}", expected=f"{size} bytes of {sha256}")
        return path

    def delete(self, key: str) -> None:
        """Remove the object; one that is already gone is a success. Anything else raises `ObjectNotDeleted`."""
        try:
            obstore.delete(self._store, key)
        except (FileNotFoundError, NotFoundError):
            return
        except (OSError, BaseError) as error:
            raise ObjectNotDeleted(key=key, problem=f"{type(error).__name__}: {str(error)[:200]}") from error

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Every key below `prefix`."""
        for batch in self.batches(prefix):
            for stored in batch:
                yield stored.key

    def batches(self, prefix: str = "") -> Iterator[list[StoredObject]]:
        """Every object below `prefix`, some at a time."""
        for chunk in obstore.list(self._store, prefix=prefix or None):
            yield [StoredObject(meta["path"], meta["size"], meta["last_modified"]) for meta in chunk]

    def require_free(self, floor_mb: int) -> None:
        """Raise `LowDisk` when less than `floor_mb` MB are free: then nothing new is taken, and the owed goes on."""
        free = self.free_mb()
        if free < floor_mb:
            raise LowDisk(free_mb=free, folder=self.root, floor_mb=floor_mb)

    def free_mb(self) -> int:
        """Free space where the objects lie, in MB."""
        stat = os.statvfs(self.root)
        return stat.f_bavail * stat.f_frsize // (1 << 20)

    def _sync(self, key: str) -> None:
        path = self.root / key
        _fsync(path)
        for folder in path.parents:
            _fsync(folder)
            if folder == self.root:
                break


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
