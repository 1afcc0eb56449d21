"""The API of multiprocessing.Manager() over a manager of multiproc: locks, semaphores, conditions, events and barriers."""

import threading
import time

from session import Proxy, RemoteError
from values import pack


def timed_out(problem):
    return "context.canceled" in problem.codes


def raise_as(problem, **exceptions):
    """Raises what CPython raises where the manager gives an error of package sync."""
    for code, exception in exceptions.items():
        if "sync." + code in problem.codes:
            raise exception(str(problem)) from problem
    raise problem


class _Lockable(Proxy):
    """What has a lock. The number of a grant is kept with the process, as threads may release one another's locks."""

    number = None

    def owner(self):
        return 0

    def lock_number(self):
        if self.number is None:
            self.number = self.ask("Number")
        return self.number

    def _held(self):
        return self.connection.session.holds.get((self.lock_number(), self.owner()), 0)

    def _granted(self, r):
        """Whether the lock was granted; else the ticket for it, and in any case whether by a notification."""
        fence, _, notified, ticket, number = [r.value() for _ in range(5)]
        if fence:
            self.connection.session.holds[number, self.owner()] = fence
        return bool(fence), notified, ticket

    def acquire(self, blocking=True, timeout=None):
        if not blocking:
            return self._granted(self.tell("TryAcquire", pack(self.owner())))[0]
        try:
            return self._granted(self.tell("Acquire", pack(self.owner()), timeout))[0]
        except RemoteError as problem:
            if timed_out(problem):
                return False
            raise

    def release(self):
        try:
            self.tell("Release", pack(self.owner()) + pack(self._held()))
        except RemoteError as problem:
            raise_as(problem, not_held=RuntimeError)

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *exception):
        self.release()


class Lock(_Lockable):
    pass


class RLock(_Lockable):
    def owner(self):
        return threading.get_ident()


class Condition(_Lockable):
    lock = None  # what it was made for, and is told who the owner is by

    def owner(self):
        return self.lock.owner() if self.lock is not None else 0

    def _place(self):
        return pack(self.owner()) + pack(self._held()) + pack(self.lock_number())

    def wait(self, timeout=None):
        try:
            granted, notified, ticket = self._granted(self.tell("Wait", self._place(), timeout))
        except RemoteError as problem:
            raise_as(problem, not_held=RuntimeError)
        if not granted:
            _, notified, _ = self._granted(self.tell("Resume", pack(self.owner()) + pack(ticket)))
        return notified

    def wait_for(self, predicate, timeout=None):
        end = None if timeout is None else time.monotonic() + timeout
        while not (result := predicate()):
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                break
            self.wait(left)
        return result

    def notify(self, n=1):
        try:
            return self.ask("Notify", self._place() + pack(n))
        except RemoteError as problem:
            raise_as(problem, not_held=RuntimeError)

    def notify_all(self):
        return self.notify((1 << 31) - 1)


class Semaphore(Proxy):
    def acquire(self, blocking=True, timeout=None):
        if not blocking:
            return self.ask("TryAcquire")
        try:
            self.tell("Acquire", b"", timeout)
        except RemoteError as problem:
            if timed_out(problem):
                return False
            raise
        return True

    def release(self, n=1):
        try:
            self.tell("Release", pack(n))
        except RemoteError as problem:
            raise_as(problem, over_released=ValueError)

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *exception):
        self.release()


class BoundedSemaphore(Semaphore):
    pass


def units(semaphore):
    """How many units are free: what the tests call get_value where there is one."""
    return semaphore.ask("Value")


class Event(Proxy):
    def is_set(self):
        return self.ask("IsSet")

    def set(self):
        self.tell("Set")

    def clear(self):
        self.tell("Clear")

    def wait(self, timeout=None):
        try:
            self.tell("Wait", b"", timeout)
        except RemoteError as problem:
            if timed_out(problem):
                return False
            raise
        return True


class Barrier(Proxy):
    action = timeout = None

    parties = property(lambda self: self._look()[0])
    n_waiting = property(lambda self: self._look()[1])
    broken = property(lambda self: self._look()[2])

    def _look(self):
        r = self.tell("Look")
        return [r.value() for _ in range(3)]

    def wait(self, timeout=None):
        try:
            r = self.tell("Wait", pack(self.action is not None), self.timeout if timeout is None else timeout)
        except RemoteError as problem:
            if timed_out(problem):
                raise threading.BrokenBarrierError from problem
            raise_as(problem, broken=threading.BrokenBarrierError)
        index, acts, turn = [r.value() for _ in range(3)]
        if acts and self.action is not None:
            self._act(turn)
        return index

    def _act(self, turn):
        try:
            self.action()
        except BaseException:
            self.tell("AbortRound", pack(turn))
            raise
        self.tell("Proceed", pack(turn))

    def abort(self):
        self.tell("Abort")

    def reset(self):
        self.tell("Reset")
