"""Owns the last steps between this program and a child of it: who the child is, and when it must die.

Run as a script (``python -I -S launch.py PARENT_PID SIGNAL UID GID PROGRAM ARGUMENT...``; UID and GID are ``-`` to stay
who we are), never imported by the services: a separate program is safe to start from a process with threads, where
Python code between fork and exec is not. Promises that PROGRAM runs under UID with no group of ours, and is sent SIGNAL
when its parent ends for whatever reason (Linux; elsewhere the parent has to stop it).
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def main(arguments: list[str]) -> None:
    """Become PROGRAM; returns only by an exception (the child then ends with Python's code 1)."""
    parent, death_signal, uid, gid, *program = arguments
    os.umask(0o077)
    if uid != "-":
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    if sys.platform == "linux":  # only now: a change of user clears it
        if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
        if os.getppid() != int(parent):  # it died before the line above: no signal would ever come
            return
    os.execv(program[0], program)  # noqa: S606 - a chosen program, without a shell


if __name__ == "__main__":
    main(sys.argv[1:])
