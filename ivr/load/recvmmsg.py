"""Many datagrams with one system call, each with the time at which the kernel got it (Linux).

Python's own `recvmsg` costs a call, an allocation and a list of ancillary data for every packet; at 25,000
packets a second that is half a core, and the measuring would disturb what it measures.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ivr.load.g711 import Octets

SO_TIMESTAMPNS = 35
ROWS = 4096
OCTETS = 256
"""What is kept of a datagram: 20 ms of G.711 are 172 octets."""
_CONTROL, _NAME = 64, 16
_STAMP_AT = 16
"""In the control buffer: struct cmsghdr has 16 octets here, then comes a struct timespec."""


class _Iovec(ctypes.Structure):
    _fields_: ClassVar = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]


class _Msghdr(ctypes.Structure):
    _fields_: ClassVar = [
        ("name", ctypes.c_void_p),
        ("namelen", ctypes.c_uint32),
        ("iov", ctypes.c_void_p),
        ("iovlen", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("controllen", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    ]


class _Mmsghdr(ctypes.Structure):
    _fields_: ClassVar = [("hdr", _Msghdr), ("len", ctypes.c_uint)]


def stamped(sock: socket.socket) -> socket.socket:
    """Have the kernel note when each datagram comes."""
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    return sock


class Receiver:
    """Buffers for a batch of datagrams, used again and again."""

    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._call = libc.recvmmsg
        self._octets = np.zeros((ROWS, OCTETS), np.uint8)
        self._control = np.zeros((ROWS, _CONTROL), np.uint8)
        self._names = np.zeros((ROWS, _NAME), np.uint8)
        self._iovecs = (_Iovec * ROWS)()
        self._headers = (_Mmsghdr * ROWS)()
        octets = np.frombuffer(memoryview(self._headers).cast("B"), np.uint8)
        self._sizes = octets.reshape(ROWS, ctypes.sizeof(_Mmsghdr))
        for row in range(ROWS):
            self._point(row)
        # The kernel writes the lengths that it used over those that it was given.
        self._fresh = bytes(self._headers)
        self._stream = np.zeros(ROWS, np.int64)
        self._used = 0

    def _point(self, row: int) -> None:
        self._iovecs[row].base = self._octets.ctypes.data + row * OCTETS
        self._iovecs[row].len = OCTETS
        header = self._headers[row].hdr
        header.name = self._names.ctypes.data + row * _NAME
        header.namelen = _NAME
        header.iov = ctypes.addressof(self._iovecs) + row * ctypes.sizeof(_Iovec)
        header.iovlen = 1
        header.control = self._control.ctypes.data + row * _CONTROL
        header.controllen = _CONTROL

    @property
    def room(self) -> int:
        """Datagrams that this batch still takes."""
        return ROWS - self._used

    @property
    def used(self) -> int:
        """Datagrams in the batch."""
        return self._used

    def receive(self, fd: int, stream: int) -> int:
        """Take what waits at a socket, as much as there is room for; returns how many datagrams."""
        first = ctypes.byref(self._headers, self._used * ctypes.sizeof(_Mmsghdr))
        got = int(self._call(fd, first, self.room, socket.MSG_DONTWAIT, None))
        if got < 0:
            error = ctypes.get_errno()
            if error in (errno.EAGAIN, errno.EINTR):
                return 0
            raise OSError(error, os.strerror(error))
        self._stream[self._used : self._used + got] = stream
        self._used += got
        return got

    def sender(self, row: int) -> tuple[str, int]:
        """Who sent a datagram of the batch."""
        name = self._names[row]
        return socket.inet_ntoa(name[4:8].tobytes()), int(name[2]) << 8 | int(name[3])

    def batch(self) -> tuple[Octets, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Octets, sizes, streams and times (ns, wall clock) of the batch: views, until `clear`."""
        used = self._used
        at = ctypes.sizeof(_Msghdr)
        sizes = np.ascontiguousarray(self._sizes[:used, at : at + 4]).view(np.uint32)[:, 0]
        stamps = np.ascontiguousarray(self._control[:used, _STAMP_AT : _STAMP_AT + 16]).view(np.int64)
        at_ns = stamps[:, 0] * 1_000_000_000 + stamps[:, 1]
        return self._octets[:used], sizes.astype(np.int64), self._stream[:used], at_ns

    def clear(self) -> None:
        """Begin a new batch."""
        size = self._used * ctypes.sizeof(_Mmsghdr)
        ctypes.memmove(self._headers, self._fresh[:size], size)
        self._used = 0
