"""One session with a manager for each process, as wire/PROTOCOL.md has it: any number of threads call over it.

A forked child opens a session of its own, and takes references to everything that it has inherited a proxy for.
"""

import collections
import hmac
import os
import socket
import struct
import threading
import weakref
from multiprocessing import util

from values import Reader, pack

SEGMENT = 65536
VERDICT = 30.0  # seconds that a cancelled call waits for what became of it


class ManagerLost(ConnectionError):
    """The session has ended."""


class RemoteError(Exception):
    """What a call has failed with: its codes, and its text."""

    def __init__(self, codes, message):
        super().__init__(message)
        self.codes = codes


class _Pending:
    def __init__(self):
        self.done = threading.Event()
        self.kind, self.size, self.payload = None, None, bytearray()


class Session:
    def __init__(self, address, key):
        self.address, self.pid = address, os.getpid()
        self.socket = _dial(address)
        try:
            self._authenticate(key)
            self._send_frame(b"multiproc msgp 1")
        except BaseException:
            self.socket.close()
            raise
        self.debts = collections.deque()  # objects whose proxies are gone: appended to by finalizers, in any thread
        self.holds = {}  # the number of the last grant for a lock and an owner
        self.lock = threading.Lock()  # guards what follows, and the order of frames
        self.last, self.pending, self.lost = 0, {}, None
        threading.Thread(target=self._read, daemon=True).start()
        greeting = {"Version": 2, "PID": self.pid, "Name": "python", "MaxMessage": 1 << 30}
        self.call(0, "greet", pack(greeting))

    def _authenticate(self, key):
        challenge = self._receive_frame()
        if not challenge.startswith(b"#CHALLENGE#{sha256}"):
            raise ConnectionError("no challenge: %r" % challenge)
        answer = hmac.new(key, challenge[len(b"#CHALLENGE#"):], "sha256").digest()
        self._send_frame(b"{sha256}" + answer)
        if self._receive_frame() != b"#WELCOME#":
            raise ConnectionError("the key was rejected")
        ours = b"{sha256}" + os.urandom(40)
        self._send_frame(b"#CHALLENGE#" + ours)
        if not hmac.compare_digest(self._receive_frame(), b"{sha256}" + hmac.new(key, ours, "sha256").digest()):
            self._send_frame(b"#FAILURE#")
            raise ConnectionError("the manager does not have the key")
        self._send_frame(b"#WELCOME#")

    def _send_frame(self, payload):
        self.socket.sendall(struct.pack(">i", len(payload)) + payload)

    def _receive_frame(self):
        (length,) = struct.unpack(">i", self._receive(4))
        if length == -1:
            (length,) = struct.unpack(">Q", self._receive(8))
        return self._receive(length)

    def _receive(self, n):
        received = bytearray()
        while len(received) < n:
            part = self.socket.recv(n - len(received))
            if not part:
                raise ManagerLost("the connection has ended")
            received += part
        return bytes(received)

    def call(self, number, method, argument=b"", timeout=None):
        """The encoded result of a method. After timeout seconds the call is taken back; what the manager says counts."""
        self.settle()
        call, pending = self._begin(number, method, argument)
        if not pending.done.wait(timeout):
            with self.lock:
                self._send_frame(pack([4, call]))
            if not pending.done.wait(VERDICT):
                raise ManagerLost("no verdict")
        return self._result(pending)

    def settle(self, wait=False):
        """Gives back what finalizers have left."""
        numbers = []
        while self.debts:
            numbers += [self.debts.popleft(), 1]
        if numbers:
            _, pending = self._begin(0, "release", pack(numbers))
            if wait:
                pending.done.wait(VERDICT)

    def _begin(self, number, method, argument):
        pending = _Pending()
        with self.lock:
            if self.lost:
                raise ManagerLost("the session has ended") from self.lost
            self.last += 1
            call = self.last
            self.pending[call] = pending
            self._send_frame(pack([1, call, number, method, len(argument)]) + argument[:SEGMENT])
            for at in range(SEGMENT, len(argument), SEGMENT):
                self._send_frame(pack([3, call]) + argument[at:at + SEGMENT])
        return call, pending

    def _result(self, pending):
        if pending.kind is None:
            raise ManagerLost("the session has ended") from self.lost
        if pending.kind in ("#RETURN", "#PROXY"):
            return bytes(pending.payload)
        codes, message, stack, _ = Reader(bytes(pending.payload)).value()
        raise RemoteError(codes, message + stack)

    def _read(self):
        try:
            while True:
                frame = Reader(self._receive_frame())
                header = frame.value()
                with self.lock:
                    pending = self.pending[header[1]]
                if header[0] == 2:
                    pending.kind, pending.size = header[2], header[3]
                pending.payload += frame.rest()
                if len(pending.payload) >= pending.size:
                    with self.lock:
                        del self.pending[header[1]]
                    pending.done.set()
        except Exception as problem:
            with self.lock:
                self.lost = problem
                for pending in self.pending.values():
                    pending.kind = None
                    pending.done.set()
                self.pending.clear()


def _dial(address):
    network, path = address.split(":", 1)
    if network == "unix":
        s = socket.socket(socket.AF_UNIX)
        s.connect(path)
        return s
    host, port = path.rsplit(":", 1)
    return socket.create_connection((host, int(port)))


class Connection:
    """A manager's address and key, and this process's session with it."""

    def __init__(self, address, key):
        self.address, self.key = address, key
        self.proxies = weakref.WeakSet()
        self.session = Session(address, key)
        util.register_after_fork(self, Connection._after_fork)

    def _after_fork(self):
        self.session.socket.close()  # this process's copy alone: the session stays its parent's
        self.session = Session(self.address, self.key)
        for p in list(self.proxies):
            try:
                self.session.call(0, "refer", pack([p.token[2]]))
            except RemoteError:
                continue  # its parent has let go of it meanwhile
            p.pid = self.session.pid

    def create(self, kind, argument=b""):
        """A proxy for a new object."""
        request = {"Type": kind, "Name": "", "Pinned": False, "Argument": argument}
        return self.read(self.session.call(0, "create", pack(request))).value()

    def read(self, payload):
        """A reader in which tokens become proxies, each with the reference that came with it."""
        return Reader(payload, self.adopt)

    def adopt(self, token):
        return TYPES[token[0]](self, token)


TYPES = {}  # the class of the proxies for each type of objects


class Proxy:
    """A reference to a shared object."""

    def __init_subclass__(cls, **of):
        super().__init_subclass__(**of)
        TYPES[cls.__name__] = cls

    def __init__(self, connection, token):
        self.connection, self.token, self.pid = connection, token, connection.session.pid
        connection.proxies.add(self)

    def __del__(self):
        if self.pid == os.getpid():
            self.connection.session.debts.append(self.token[2])

    __hash__ = object.__hash__

    def __repr__(self):
        kind = type(self).__name__
        return "<%sProxy object, typeid %r at %#x>" % (kind, kind, id(self))

    def tell(self, method, argument=b"", timeout=None):
        """A reader of what a method returns."""
        return self.connection.read(self.connection.session.call(self.token[2], method, argument, timeout))

    def ask(self, method, argument=b"", timeout=None):
        """The first value that a method returns."""
        return self.tell(method, argument, timeout).value()
