"""The API of multiprocessing.Manager() over a manager of multiproc: queues, containers, and the manager itself."""

import queue

from proxies import raise_as, timed_out
from session import Proxy, RemoteError
from values import Reader, pack

END = (1 << 31) - 1  # an index that is behind any end, also for a manager whose int has 32 bits


class Queue(Proxy):
    def _look(self):
        r = self.tell("Look")
        return [r.value() for _ in range(3)]

    def qsize(self):
        return self._look()[0]

    def empty(self):
        return self.qsize() == 0

    def full(self):
        length, capacity, _ = self._look()
        return 0 < capacity <= length

    def put(self, item, block=True, timeout=None):
        try:
            done = self.ask("Put" if block else "TryPut", pack(item), timeout if block else None)
        except RemoteError as problem:
            done = False
            if not timed_out(problem):
                raise
        if not done:
            raise queue.Full

    def put_nowait(self, item):
        self.put(item, False)

    def get(self, block=True, timeout=None):
        try:
            r = self.tell("Get" if block else "TryGet", b"", timeout if block else None)
        except RemoteError as problem:
            if timed_out(problem):
                raise queue.Empty from problem
            raise
        if not r.value():
            raise queue.Empty
        number, _, item = [r.value() for _ in range(3)]
        self._arrived(number)
        return item

    def get_nowait(self):
        return self.get(False)

    def _arrived(self, number):
        self.tell("Arrived", pack(number))


class JoinableQueue(Queue):
    def _arrived(self, number):
        """An item is the queue's until it is done."""

    def task_done(self):
        try:
            self.tell("Done", pack(0))
        except RemoteError as problem:
            raise_as(problem, too_many_done=ValueError)

    def join(self):
        self.tell("Join")


class _Sequence(Proxy):
    """What a list and an array have in common."""

    def __len__(self):
        return self.ask("Len")

    def __getitem__(self, index):
        if isinstance(index, slice):
            start, stop = _bounds(index)
            return self.ask("Slice", pack(start) + pack(stop))[::index.step]
        return self._at("Get", pack(index))

    def __setitem__(self, index, value):
        if isinstance(index, slice):
            self._replace(index, list(value))
        else:
            self._at("Set", pack(index) + pack(value))

    def _at(self, method, argument):
        try:
            return self.ask(method, argument)
        except RemoteError as problem:
            raise_as(problem, out_of_range=IndexError)

    def count(self, value):
        return self.ask("Count", pack(value))

    def index(self, value, start=0, stop=END):
        found = self.ask("Index", pack(value) + pack(start) + pack(stop))
        if found < 0:
            raise ValueError("%r is not in the list" % (value,))
        return found

    def __contains__(self, value):
        return self.ask("Index", pack(value) + pack(0) + pack(END)) >= 0

    def __str__(self):
        return str(self[:])


def _bounds(of):
    if of.step not in (None, 1):
        raise ValueError("slices have the step 1")
    return of.start or 0, END if of.stop is None else of.stop


class List(_Sequence):
    def _replace(self, where, values):
        start, stop = _bounds(where)
        self.tell("Splice", pack(start) + pack(stop) + pack(values))

    def __delitem__(self, index):
        if isinstance(index, slice):
            self._replace(index, [])
        else:
            self.pop(index)

    def append(self, value):
        self.tell("Append", pack([value]))

    def extend(self, values):
        self.tell("Append", pack(list(values)))

    def insert(self, index, value):
        self.tell("Insert", pack(index) + pack([value]))

    def pop(self, index=-1):
        return self._at("Pop", pack(index))

    def remove(self, value):
        if not self.ask("Remove", pack(value)):
            raise ValueError("%r is not in the list" % (value,))

    def reverse(self):
        self.tell("Reverse")

    def sort(self, key=None, reverse=False):
        while True:
            r = self.tell("Snapshot")
            version, values = r.value(), r.value()
            by = values if key is None else [key(v) for v in values]
            order = sorted(range(len(values)), key=by.__getitem__, reverse=reverse)
            try:
                self.tell("Permute", pack(version) + pack(order))
                return
            except RemoteError as problem:
                if "sync.changed" not in problem.codes:
                    raise

    def __add__(self, other):
        return self[:] + other

    def __mul__(self, n):
        return self[:] * n

    def __iadd__(self, values):
        self.extend(values)
        return self

    def __imul__(self, n):
        self.tell("Repeat", pack(n))
        return self


class Array(_Sequence):
    def _replace(self, where, values):
        self.tell("SetSlice", pack(where.start or 0) + pack(values))


class Value(Proxy):
    def get(self):
        return self.ask("Get", pack(0))

    def set(self, value):
        self.tell("Set", pack(0) + pack(value))

    value = property(get, set)


class _Table(Proxy):
    """What a dict and a namespace have in common."""

    def _maybe(self, method, argument):
        r = self.tell(method, argument)
        return (True, r.value()) if r.value() else (False, None)

    def _snapshot(self):
        return self.ask("Snapshot")


class Dict(_Table):
    def __getitem__(self, key):
        return self._found("Get", key)

    def _found(self, method, key):
        found, value = self._maybe(method, pack(key))
        if not found:
            raise KeyError(key)
        return value

    def __setitem__(self, key, value):
        self.tell("Set", pack(key) + pack(value))

    def __delitem__(self, key):
        if not self.ask("Delete", pack(key)):
            raise KeyError(key)

    def __contains__(self, key):
        return self.ask("Contains", pack(key))

    def __len__(self):
        return self.ask("Len")

    def __iter__(self):
        return iter(self.keys())

    def __str__(self):
        return str(self._snapshot())

    def get(self, key, default=None):
        found, value = self._maybe("Get", pack(key))
        return value if found else default

    def setdefault(self, key, default=None):
        found, value = self._maybe("GetOrSet", pack(key) + pack(default))
        return value if found else default

    def pop(self, key, *default):
        found, value = self._maybe("Pop", pack(key))
        if not found and not default:
            raise KeyError(key)
        return value if found else default[0]

    def popitem(self):
        r = self.tell("PopItem")
        if not r.value():
            raise KeyError("the dict is empty")
        return r.value(), r.value()

    def update(self, *others, **entries):
        merged = dict(*others, **entries)
        self.tell("Update", pack([part for entry in merged.items() for part in entry]))

    def clear(self):
        self.tell("Clear")

    def copy(self):
        return self._snapshot()

    def keys(self):
        return list(self.ask("Keys"))

    def values(self):
        return list(self._snapshot().values())

    def items(self):
        return list(self._snapshot().items())


class Namespace(_Table):
    """Attributes are shared, but for those that begin with an underscore, and those of a proxy."""

    _own = ("connection", "token", "pid")

    def __getattr__(self, name):
        if name.startswith("_") or name in self._own:
            raise AttributeError(name)
        found, value = self._maybe("Get", pack(name))
        if not found:
            raise AttributeError(name)
        return value

    def __setattr__(self, name, value):
        if name.startswith("_") or name in self._own:
            object.__setattr__(self, name, value)
        else:
            self.tell("Set", pack(name) + pack(value))

    def __delattr__(self, name):
        if not self.ask("Delete", pack(name)):
            raise AttributeError(name)

    def __str__(self):
        return "Namespace(%s)" % ", ".join("%s=%r" % entry for entry in self._snapshot().items())


class Manager:
    """What multiprocessing.Manager() returns, over the one session that this process has."""

    connection = None  # set by whoever knows the manager's address

    def __getattr__(self, name):
        if name in ("Lock", "RLock", "Event"):
            return lambda: self.connection.create(name)
        raise AttributeError(name)

    def start(self):
        """It runs already."""

    def shutdown(self):
        """It goes on for others."""
        self.connection.session.settle()

    join = start

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.shutdown()

    def Semaphore(self, value=1):
        return self.connection.create("Semaphore", pack(value))

    def BoundedSemaphore(self, value=1):
        return self.connection.create("BoundedSemaphore", pack(value))

    def Condition(self, lock=None):
        if lock is None:
            return self.connection.create("Condition", pack(0) + pack(None))
        made = self.connection.create("Condition", pack(lock.lock_number()) + pack(lock))
        made.lock = lock
        return made

    def Barrier(self, parties, action=None, timeout=None):
        made = self.connection.create("Barrier", pack(parties))
        made.action, made.timeout = action, timeout
        return made

    def Queue(self, maxsize=0):
        return self.connection.create("Queue", pack(max(maxsize, 0)) + pack(""))

    def JoinableQueue(self, maxsize=0):
        return self.connection.create("JoinableQueue", pack(max(maxsize, 0)) + pack(""))

    def _sequence(self, kind, values):
        return self.connection.create(kind, pack("") + pack(values))

    def list(self, values=()):
        return self._sequence("List", list(values))

    def Array(self, typecode, values, lock=True):
        return self._sequence("Array", [0] * values if isinstance(values, int) else list(values))

    def Value(self, typecode, value=0, lock=True):
        return self._sequence("Value", [value])

    def dict(self, *others, **entries):
        made = self.connection.create("Dict", pack(""))
        if others or entries:
            made.update(*others, **entries)
        return made

    def Namespace(self, **entries):
        made = self.connection.create("Namespace", pack(""))
        for name, value in entries.items():
            setattr(made, name, value)
        return made

    def number_of_sessions(self):
        return len(Reader(self.connection.session.call(0, "info")).value()["Sessions"])

    def _number_of_objects(self):
        self.connection.session.settle(wait=True)
        return Reader(self.connection.session.call(0, "count")).value()
