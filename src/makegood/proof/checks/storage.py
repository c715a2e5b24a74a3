"""The object store."""

from __future__ import annotations

from makegood.kernel.errors import MakegoodError
from makegood.product_api import Check
from makegood.proof.findings import Findings, found
from makegood.storage.objects import ObjectStore, StorageAway


class StoreWorks:
    """Written, read back, refused a second time, deleted."""

    name = "storage"
    keeps: float | None = 5.0
    needs_database = False

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def look(self) -> Findings:
        name = f"object store {self._objects.root}"
        try:
            self._objects.probe()
        except StorageAway as error:
            return found("storage", [Check(name, error.for_operator(), "What is owed waits for it.")])
        except MakegoodError as error:
            mend = "Look at the rights on the folder and at its disk; what is owed waits for it."
            return found("storage", [Check(name, error.for_operator(), mend)])
        return found("storage", [Check(f"{name}: write, read, create-only, delete")])
