"""The object store: write once, durable before it is acknowledged, never moved."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import LocalStore

from makegood.kernel import logs
from makegood.kernel.errors import MakegoodError, Misconfigured, Temporary

CHUNK = 1 << 20
BAD_DISK = {errno.EIO, errno.EBADMSG, errno.ENODATA, getattr(errno, "EUCLEAN", errno.EIO)}
"""What reading says when the bytes are lost, and not just out of reach."""
UNFINISHED = re.compile(r"#\d+$")
"""How files end that are still being written; they get their key once they are whole."""
MARK = ".makegood-objects"
"""A file in the store's folder. Without it the folder is another one: a volume that isn't mounted, a moved home."""

log = logs.get("storage")


class ObjectMissing(Temporary):
    code = "OBJECT_MISSING"
    customer = "A file of yours can't be read just now. Nothing is lost; we are looking into it."
    operator = "The object {key} is not in the store."


class ObjectDamaged(Temporary):
    code = "OBJECT_DAMAGED"
    customer = "A file of yours can't be read just now. We are looking into it."
    operator = "The object {key} is not what was stored: {found} instead of {expected}."


class StorageAway(Misconfigured):
    code = "STORAGE_AWAY"
    customer = "The shop's files can't be reached just now. Nothing is lost; please try again in a moment."
    operator = (
        "{folder} is not the shop's object store: it or its file {mark} is gone. Mount or move the folder with the "
        "objects back; nothing is stored elsewhere meanwhile."
    )


class StorageRefused(Temporary):
    code = "STORAGE_REFUSED"
    customer = "The shop can't store files just now. Nothing is lost; please try again in a moment."
    operator = "The object store at {folder} refused to {what}: {problem}"


class ObjectConflict(MakegoodError):
    code = "OBJECT_CONFLICT"
    operator = "The bytes to be stored as {key} are others than it says."


class ObjectNotDeleted(Temporary):
    code = "OBJECT_NOT_DELETED"
    operator = "The object {key} could not be deleted: {problem}"


class LowDisk(Temporary):
    code = "LOW_DISK"
    customer = "The shop can't take new files or orders just now. Please try again later; nothing was charged."
    operator = "Only {free_mb} MB would stay free below {folder}; new files and orders wait for {floor_mb} MB."


def digest(path: Path) -> tuple[str, int]:
    """The sha256 (hexadecimal) and size in bytes of a file, read in constant memory."""
    sha, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            sha.update(chunk)
            size += len(chunk)
    return sha.hexdigest(), size


def require_free(folder: Path, floor_mb: int, more_bytes: int = 0) -> None:
    """Raise `LowDisk` when less than `floor_mb` MB would be free on the disk of `folder` with so many bytes more."""
    left = (_free(folder) - more_bytes) >> 20
    if left < floor_mb:
        raise LowDisk(free_mb=max(0, left), folder=folder, floor_mb=floor_mb)


def _free(folder: Path) -> int:
    stat = os.statvfs(folder)
    return stat.f_bavail * stat.f_frsize


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What the store says of an object: its size in bytes, and when it was written (by the store's clock, UTC)."""

    key: str
    size: int
    written_at: datetime


class ObjectStore:
    """A local folder of objects, fsynced: file and folders are on disk when `put` returns."""

    def __init__(self, root: Path, *, known: Collection[str] = ()) -> None:
        """The store in the folder `root`, which is made if it isn't there. `known` are some keys that it should have,
        if there are any: a folder with none of them is not taken for a new store."""
        self.root = root.absolute()
        self._begin(known)

    @cached_property
    def _store(self) -> LocalStore:
        self.require_there()
        return LocalStore(str(self.root))

    def _begin(self, known: Collection[str]) -> None:
        is_another = bool(known) and not any((self.root / key).is_file() for key in known)
        if is_another or (self.root / MARK).exists():
            return
        # Where this is refused, the first use says so, and the shop answers meanwhile.
        with suppress(OSError):
            self.root.mkdir(parents=True, exist_ok=True)
            (self.root / MARK).touch()

    def put(self, key: str, source: Path, sha256: str) -> None:
        """Store the file's bytes under `key`, which ends in their sha256. The same bytes again are a success; others
        that lie there are damaged, and replaced."""
        if not key.endswith(sha256):
            raise ValueError("an object's key ends in its sha256")
        self.require_there()
        try:
            with self._refusing("write"):
                obstore.put(self._store, key, source, mode="create")
        except AlreadyExistsError:
            self._replace_if_damaged(key, source, sha256)
        with self._refusing("write"):
            self._sync(key)

    def _replace_if_damaged(self, key: str, source: Path, sha256: str) -> None:
        """A power cut may leave a name without its bytes, and a disk may lose them: that must not be for ever."""
        try:
            if self._digest(key)[0] == sha256:
                return
        except ObjectDamaged as error:
            log.warning("object.unreadable", key=key, problem=error.for_operator())
        if digest(source)[0] != sha256:
            raise ObjectConflict(key=key)
        log.warning("object.replaced", key=key)
        with self._refusing("write"):
            # All of it or nothing: who reads it meanwhile has the one or the other.
            obstore.put(self._store, key, source, mode="overwrite")

    def _digest(self, key: str) -> tuple[str, int]:
        """What lies there now; what its disk can't read any more raises `ObjectDamaged`."""
        path = self.path(key)
        try:
            return digest(path)
        except FileNotFoundError:
            self.require_there()
            raise ObjectMissing(key=key) from None
        except OSError as error:
            self.require_there()
            if error.errno in BAD_DISK:
                raise ObjectDamaged(key=key, found=f"unreadable: {error.strerror}", expected="its bytes") from error
            raise StorageRefused(folder=self.root, what=f"read {key}", problem=str(error)[:300]) from error

    def path(self, key: str, size: int | None = None) -> Path:
        """Where the object can be read; raises `ObjectMissing`, `ObjectDamaged` if it hasn't the `size`, or
        `StorageAway` when the whole store is gone."""
        path = self.root / key
        if not path.is_file():
            self.require_there()
            raise ObjectMissing(key=key)
        if size is not None and (found := path.stat().st_size) != size:
            raise ObjectDamaged(key=key, found=f"{found} bytes", expected=f"{size} bytes")
        return path

    def require_there(self) -> None:
        """Raise `StorageAway` unless the folder is the one that the shop's objects are in."""
        if not (self.root / MARK).exists():
            raise StorageAway(folder=self.root, mark=MARK)

    def probe(self) -> None:
        """Write, read back, be refused to write other bytes there, and delete; raises what doesn't work."""
        token = os.urandom(16)
        sha256 = hashlib.sha256(token).hexdigest()
        key = f"probe/{sha256}"
        with tempfile.NamedTemporaryFile() as one, tempfile.NamedTemporaryFile() as other:
            one.write(token)
            one.flush()
            other.write(token[::-1])
            other.flush()
            self.put(key, Path(one.name), sha256)
            try:
                self.verify(key, sha256, len(token))
                if self._takes(key, Path(other.name)):
                    raise StorageRefused(folder=self.root, what="keep what is there", problem="it was overwritten")
            finally:
                self.delete(key)
        if (self.root / key).exists():
            raise StorageRefused(folder=self.root, what="delete", problem=f"{key} is still there")

    def _takes(self, key: str, source: Path) -> bool:
        with self._refusing("write"):
            try:
                obstore.put(self._store, key, source, mode="create")
            except AlreadyExistsError:
                return False
        return True

    @contextmanager
    def _refusing(self, what: str) -> Iterator[None]:
        """What the file system says no to, as a typed error."""
        try:
            yield
        except AlreadyExistsError:
            raise
        except (OSError, BaseError) as error:
            problem = str(error).splitlines()[0][:300]
            raise StorageRefused(folder=self.root, what=what, problem=f"{type(error).__name__}: {problem}") from error

    def verify(self, key: str, sha256: str, size: int) -> Path:
        """Read the object back and compare; returns its path, or raises what is wrong with it."""
        found = self._digest(key)
        if found != (sha256, size):
            raise ObjectDamaged(key=key, found=f"{found[1]} bytes of {found[0]}", expected=f"{size} bytes of {sha256}")
        return self.path(key)

    def delete(self, key: str) -> None:
        """Remove the object; one that is already gone is a success. Anything else raises `ObjectNotDeleted`."""
        self.require_there()
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
        self.require_there()
        for chunk in obstore.list(self._store, prefix=prefix or None):
            found = [StoredObject(meta["path"], meta["size"], meta["last_modified"]) for meta in chunk]
            yield [stored for stored in found if stored.key != MARK]

    def clear_unfinished(self, before: datetime) -> list[str]:
        """Remove what writes that were killed have left since before then, and which no key leads to; returns their
        names."""
        self.require_there()
        gone = []
        for folder, _, names in os.walk(self.root):
            for path in (Path(folder, name) for name in names if UNFINISHED.search(name)):
                with self._refusing("clear"), suppress(FileNotFoundError):
                    if path.stat().st_mtime < before.timestamp():
                        path.unlink()
                        gone.append(str(path.relative_to(self.root)))
        return gone

    def require_free(self, floor_mb: int, more_bytes: int = 0) -> None:
        """`require_free` where the objects lie: below it nothing new is taken, and the owed goes on."""
        self.require_there()
        require_free(self.root, floor_mb, more_bytes)

    def free_mb(self) -> int:
        """Free space where the objects lie, in MB."""
        self.require_there()
        return _free(self.root) >> 20

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
