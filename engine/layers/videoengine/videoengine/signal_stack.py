"""Restores the signal stack of this thread after a library changed it."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

_SS_DISABLE = 2


class SignalStack(ctypes.Structure):
    """`stack_t` of sigaltstack(2)."""

    _fields_ = (("address", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@contextmanager
def kept_signal_stack() -> Iterator[None]:
    """Restores the thread's alternate signal stack when the block ends.

    OpenVINO sets one with just enough room for the registers that a CPU with AMX saves. Python's signal handlers run on
    it too, so the next signal, such as Ctrl-C, would crash the process.
    """
    before = read_signal_stack()
    if not before.address:
        before.flags = _SS_DISABLE
    try:
        yield
    finally:
        ctypes.CDLL(None).sigaltstack(ctypes.byref(before), None)


def read_signal_stack() -> SignalStack:
    """The thread's alternate signal stack; its address is None if there is none."""
    stack = SignalStack()
    ctypes.CDLL(None).sigaltstack(None, ctypes.byref(stack))
    return stack
