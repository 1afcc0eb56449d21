"""Runs the cases that it reads from stdin, as JSON, against CPython's own manager, and writes what they give."""

import json
import queue
import sys
import threading
from multiprocessing.managers import SyncManager


def outcome(code, manager):
    names = {"m": manager, "queue": queue, "threading": threading}
    try:
        exec(code, names)
    except Exception as e:
        return "error: " + type(e).__name__
    return repr(names.get("result"))


if __name__ == "__main__":
    cases = json.load(sys.stdin)
    with SyncManager() as manager:
        json.dump([outcome(code, manager) for code in cases], sys.stdout)
