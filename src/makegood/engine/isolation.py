"""Work in a process of its own, with limits: a crash in a codec can't take the shop down."""

from __future__ import annotations

import multiprocessing
import os
import resource
import threading
import time
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeout
from concurrent.futures import wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from makegood.kernel import logs
from makegood.kernel.errors import MakegoodError, Temporary

log = logs.get("engine")
T = TypeVar("T")

# Libraries that keep a table of everything they ever read are started anew long before it fills.
TASKS_PER_PROCESS = 2000
LOOK_SECONDS = 1.0
"""Between two looks whether the pool on which somebody waits still works."""


class WorkTookTooLong(Temporary):
    code = "WORK_TOOK_TOO_LONG"
    customer = "This file takes too long to work on. Please try a smaller or simpler one."
    operator = "{work} took more than {seconds} s and was ended."


class WorkTookTooMuchMemory(Temporary):
    code = "WORK_TOOK_TOO_MUCH_MEMORY"
    customer = "This file needs too much memory. Please try a smaller or simpler one."
    operator = "{work} needed more than {megabytes} MB."


class WorkCrashed(Temporary):
    code = "WORK_CRASHED"
    customer = "We could not read this file. Please try another format."
    operator = "The process that ran {work} died with exit code {exit_code}."


class WorkInterrupted(Temporary):
    code = "WORK_INTERRUPTED"
    customer = "This was interrupted. Please try again."
    operator = "{work} was interrupted: the processes that do such work have ended."


class WorkFailed(MakegoodError):
    code = "WORK_FAILED"
    operator = "{work} raised {error}: {message}"


class IsolatedWork:
    """A pool of spawned processes. Each task has its own limit of memory (address space) and time."""

    def __init__(self, processes: int) -> None:
        self._processes, self._changing, self._stopped = processes, threading.Lock(), False
        self._pool = _new_pool(processes)

    def run(self, work: Callable[..., T], *args: Any, memory: int = 2 << 30, seconds: float = 60) -> T:
        """`work(*args)` in another process; see `WorkContext.isolated` for what is promised."""
        name = f"{work.__module__}.{work.__qualname__}"
        try:
            result: T = self._run([work, args, memory], seconds)
        except MakegoodError:
            raise
        except FutureTimeout:
            raise WorkTookTooLong(work=name, seconds=seconds) from None
        except ProcessExpired as error:
            raise WorkCrashed(work=name, exit_code=error.exitcode) from None
        except BrokenProcessPool:
            raise WorkInterrupted(work=name) from None
        except MemoryError:
            raise WorkTookTooMuchMemory(work=name, megabytes=memory >> 20) from None
        except Exception as error:
            raise WorkFailed(work=name, error=type(error).__name__, message=str(error)[:500]) from error
        return result

    def stop(self) -> None:
        """End the processes at once: whatever they did is repeated by who asked for it."""
        with self._changing:
            self._stopped = True
        _end(self._pool)

    def _run(self, task: list[Any], seconds: float) -> Any:
        """Its result. What meets the end of the pool is no fault of the task's, so it is given to the next pool."""
        try:
            return _result(self._working_pool(), task, seconds)
        except BrokenProcessPool:
            return _result(self._working_pool(), task, seconds)

    def _working_pool(self) -> ProcessPool:
        """The pool, or a new one in its place: a pool of which a process is killed while none works is over for good,
        as one is that could not start a process."""
        with self._changing:
            if not self._pool.active and not self._stopped:
                # Its threads may still wait for those that are gone.
                threading.Thread(target=_end, args=[self._pool], daemon=True, name="end-of-pool").start()
                self._pool = _new_pool(self._processes)
                log.warning("isolation.renewed")
            return self._pool


def _new_pool(processes: int) -> ProcessPool:
    return ProcessPool(
        max_workers=processes,
        max_tasks=TASKS_PER_PROCESS,
        initializer=_end_with_parent,
        initargs=[os.getpid()],
        context=multiprocessing.get_context("spawn"),
    )


def _result(pool: ProcessPool, task: list[Any], seconds: float) -> Any:
    try:
        future = pool.schedule(_limited, args=task, timeout=seconds)
    except RuntimeError as error:
        raise BrokenProcessPool(str(error)) from error
    while not wait([future], timeout=LOOK_SECONDS).done:
        # What comes in while the pool breaks is known to none of its threads.
        if not pool.active and not wait([future], timeout=LOOK_SECONDS).done:
            raise BrokenProcessPool
    return future.result()


def _end(pool: ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join(timeout=10)


def _limited(work: Callable[..., T], args: tuple[Any, ...], memory: int) -> T:
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_mapped() + memory, hard))
    try:
        return work(*args)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def _mapped() -> int:
    """Bytes of address space already in use, which differ from library to library and cost nothing."""
    with open("/proc/self/statm") as file:  # noqa: PTH123 - not a file on disk
        return int(file.read().split()[0]) * resource.getpagesize()


def _end_with_parent(parent: int) -> None:
    """A parent that is killed can't end its children: each looks after itself."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(0)

    threading.Thread(target=watch, daemon=True, name="end-with-parent").start()
