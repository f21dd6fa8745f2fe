"""Keeps this thread's signal stack as it is, whatever a library does to it."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

_SS_DISABLE = 2


class SignalStack(ctypes.Structure):
    """`stack_t` of sigaltstack(2)."""

    _fields_ = (("address", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@contextmanager
def kept_signal_stack() -> Iterator[None]:
    """Puts the thread's alternate signal stack back when the block ends.

    OpenVINO sets one that is as large as what a CPU with AMX saves for a signal, and no larger. Python's handlers run
    on it, so the next signal, Ctrl-C for one, would crash the process.
    """
    before = read_signal_stack()
    if not before.address:
        before.flags = _SS_DISABLE
    try:
        yield
    finally:
        ctypes.CDLL(None).sigaltstack(ctypes.byref(before), None)


def read_signal_stack() -> SignalStack:
    """The thread's alternate signal stack; its address is None where it has none."""
    stack = SignalStack()
    ctypes.CDLL(None).sigaltstack(None, ctypes.byref(stack))
    return stack
