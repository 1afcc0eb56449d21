"""Runs one of the test classes of CPython's test._test_multiprocessing against a manager of multiproc.

The standard input has an object of JSON: the manager's address, its key in hexadecimal digits, the name of the class,
the cases to leave out, how many seconds one case may take, and how many objects are to be left at the end. The standard
output gets one line of JSON for each case, with its outcome, and one with how many objects are left in the manager when
all is over.
"""

import faulthandler
import gc
import json
import multiprocessing
import os
import sys
import time
import traceback
import unittest
import test._test_multiprocessing as cpython

from containers import Manager
from proxies import Semaphore, units
from session import Connection


class ManagerMixin:
    """What CPython's own mixin for managers has, over ours."""

    TYPE = "manager"
    Process = multiprocessing.Process
    manager = Manager()
    manager_class = Manager


class SoleSession:
    """What makes a process's end final: the manager has noticed it too, so that what it had is back."""

    before = 0  # the sessions that there are in any case

    def wait_proc_exit(self):
        super().wait_proc_exit()
        while self.manager.number_of_sessions() > self.before:  # the limit for the case is one for this too
            time.sleep(0.005)


class PatientTime:
    """The module time, but that to sleep for a second takes four.

    Some tests have somebody come half a second after the others have given up, which a busy machine may not notice.
    """

    def __getattr__(self, name):
        return getattr(time, name)

    def sleep(self, seconds):
        time.sleep(4 * seconds if seconds >= 1 else seconds)


def delegate(name):
    return property(lambda self: getattr(self.manager, name))


for shared in (
    "Queue JoinableQueue Lock RLock Semaphore BoundedSemaphore Condition Event Barrier Value Array list dict Namespace"
).split():
    setattr(ManagerMixin, shared, delegate(shared))


class Report(unittest.TestResult):
    """Tells of each case when it has ended, and ends the program when one takes too long."""

    def __init__(self, out, limit):
        super().__init__()
        self.out, self.limit = out, limit

    def startTest(self, case):
        faulthandler.dump_traceback_later(self.limit, exit=True)
        super().startTest(case)
        self.verdict, self.began = ("ok", ""), time.monotonic()

    def stopTest(self, case):
        faulthandler.cancel_dump_traceback_later()
        super().stopTest(case)
        outcome, detail = self.verdict
        taken = round(time.monotonic() - self.began, 2)
        self.tell(case=case._testMethodName, outcome=outcome, detail=detail, seconds=taken)

    def tell(self, **line):
        print(json.dumps(line), file=self.out, flush=True)

    def fail(self, case, problem):
        self.verdict = "failed", "".join(traceback.format_exception(*problem))

    addFailure = addError = fail

    def addSkip(self, case, reason):
        self.verdict = "skipped", reason


def objects_left(manager, expected):
    """How many objects are left when nobody should have others any more."""
    end = time.monotonic() + 10
    while True:
        gc.collect()
        left = manager._number_of_objects()
        if left == expected or time.monotonic() > end:
            return left
        time.sleep(0.02)


def main():
    order = json.load(sys.stdin)
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the tests print is for people
    faulthandler.enable()
    multiprocessing.set_start_method("fork", force=True)
    Manager.connection = Connection(order["address"], bytes.fromhex(order["key"]))
    multiprocessing.Manager = Manager
    SoleSession.before = Manager().number_of_sessions()
    base = getattr(cpython, order["class"])
    mixins = (ManagerMixin, SoleSession) if hasattr(base, "wait_proc_exit") else (ManagerMixin,)
    tested = type(order["class"], mixins + (base, unittest.TestCase), {})
    if order["class"] == "_TestBarrier":
        cpython.time = PatientTime()
    if order["class"] == "_TestSemaphore":
        Semaphore.get_value = units  # elsewhere it makes tests look at a moment that need not have come
        tested.TYPE = "processes"  # which leads to a test more, that needs nothing of them
    report = Report(out, order["limit"])
    for name in unittest.TestLoader().getTestCaseNames(tested):
        if name in order["omit"]:
            report.tell(case=name, outcome="omitted", detail="", seconds=0)
        else:
            tested(name).run(report)
    report.tell(left=objects_left(Manager(), order["left"]))


if __name__ == "__main__":
    main()
