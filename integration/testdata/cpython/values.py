"""MessagePack, as far as wire/PROTOCOL.md uses it: None, bool, int, float, str, bytes, list, tuple, dict and tokens.

A tuple arrives as a list. Everything else is refused. Entries of a dict are in the order of their keys' bytes, so that
what is equal has equal encodings.
"""

import struct

TOKEN = 80


class Token(tuple):
    """The name of a shared object: its type, its manager's address and its number."""


def _head(n, fixed, fixed_limit, wider):
    """The first bytes of something of length n: wider are the codes for 8, 16 and 32 bits, or None."""
    if n < fixed_limit:
        return bytes([fixed | n])
    for code, size, form in zip(wider, (8, 16, 32), ">B >H >I".split()):
        if code is not None and n < 1 << size:
            return bytes([code]) + struct.pack(form, n)
    raise ValueError("too long to be sent")


def _pack_int(v):
    if 0 <= v < 1 << 64:
        if v < 128:
            return bytes([v])
        for code, size, form in ((0xCC, 8, ">B"), (0xCD, 16, ">H"), (0xCE, 32, ">I"), (0xCF, 64, ">Q")):
            if v < 1 << size:
                return bytes([code]) + struct.pack(form, v)
    if -32 <= v < 0:
        return struct.pack("b", v)
    for code, size, form in ((0xD0, 7, ">b"), (0xD1, 15, ">h"), (0xD2, 31, ">i"), (0xD3, 63, ">q")):
        if -(1 << size) <= v < 0:
            return bytes([code]) + struct.pack(form, v)
    raise OverflowError("%d needs more than 64 bits" % v)


def array_head(n):
    return _head(n, 0x90, 16, (None, 0xDC, 0xDD))


def pack(v):
    """The encoding of one value. Objects with a token attribute travel as that."""
    token = getattr(v, "token", None) if not isinstance(v, Token) else v
    if isinstance(token, Token):
        body = array_head(3) + b"".join(pack(part) for part in token)
        return _head(len(body), 0, 0, (0xC7, 0xC8, 0xC9)) + bytes([TOKEN]) + body
    if v is None:
        return b"\xc0"
    if isinstance(v, bool):
        return b"\xc3" if v else b"\xc2"
    if isinstance(v, int):
        return _pack_int(v)
    if isinstance(v, float):
        return b"\xcb" + struct.pack(">d", v)
    if isinstance(v, str):
        encoded = v.encode()
        return _head(len(encoded), 0xA0, 32, (0xD9, 0xDA, 0xDB)) + encoded
    if isinstance(v, (bytes, bytearray)):
        return _head(len(v), 0, 0, (0xC4, 0xC5, 0xC6)) + bytes(v)
    if isinstance(v, (list, tuple)):
        return array_head(len(v)) + b"".join(pack(element) for element in v)
    if isinstance(v, dict):
        entries = sorted((pack(key), pack(value)) for key, value in v.items())
        return _head(len(v), 0x80, 16, (None, 0xDE, 0xDF)) + b"".join(key + value for key, value in entries)
    raise TypeError("a %s does not travel" % type(v).__name__)


class Reader:
    """Takes values from bytes one after another; adopt makes something of a token."""

    def __init__(self, data, adopt=lambda token: token):
        self.data, self.at, self.adopt = data, 0, adopt

    def take(self, n):
        taken = self.data[self.at:self.at + n]
        if len(taken) < n:
            raise EOFError("a value is cut off")
        self.at += n
        return taken

    def number(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def rest(self):
        return self.take(len(self.data) - self.at)

    def array(self, n):
        return [self.value() for _ in range(n)]

    def map(self, n):
        return {_hashable(self.value()): self.value() for _ in range(n)}

    def extension(self, n):
        kind, body = self.number("b"), self.take(n)
        return self.adopt(Token(Reader(body).value())) if kind == TOKEN else body  # which has no form in Python

    def value(self):
        code = self.number("B")
        if code < 0x80:
            return code
        if code >= 0xE0:
            return code - 0x100
        if code < 0x90:
            return self.map(code & 15)
        if code < 0xA0:
            return self.array(code & 15)
        if code < 0xC0:
            return self.text(code & 31)
        if code in _CONSTANTS:
            return _CONSTANTS[code]
        if code in _NUMBERS:
            return self.number(_NUMBERS[code])
        if code in _FIXED_EXTENSIONS:
            return self.extension(_FIXED_EXTENSIONS[code])
        read, form = _LONG[code]
        return read(self, self.number(form))

    def text(self, n):
        return self.take(n).decode()


def _hashable(key):
    return tuple(_hashable(part) for part in key) if isinstance(key, list) else key


_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
_NUMBERS = {
    0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q", 0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q",
}
_FIXED_EXTENSIONS = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
_LONG = {
    0xC4: (Reader.take, ">B"), 0xC5: (Reader.take, ">H"), 0xC6: (Reader.take, ">I"),
    0xC7: (Reader.extension, ">B"), 0xC8: (Reader.extension, ">H"), 0xC9: (Reader.extension, ">I"),
    0xD9: (Reader.text, ">B"), 0xDA: (Reader.text, ">H"), 0xDB: (Reader.text, ">I"),
    0xDC: (Reader.array, ">H"), 0xDD: (Reader.array, ">I"), 0xDE: (Reader.map, ">H"), 0xDF: (Reader.map, ">I"),
}
