"""What multiproc bench compares with in CPython: the standard library's multiprocessing, with its defaults.

python3 python3.py WORKLOAD N

It says ready, then for each line of its input does the workload once and says the figure: the seconds that N operations
took, or bytes. Processes are started by fork, which is CPython's fastest way.
"""

import concurrent.futures
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
import time

context = multiprocessing.get_context("fork")
MEMBERS = 8
IDLE = 4
PAYLOAD = b"\x01" * (1 << 20)


def double(n):
    return 2 * n


def echo(payload):
    return payload


def wait_for(barrier):
    barrier.wait()
    return os.getpid()


def block(connection):
    connection.send(os.getpid())
    signal.pause()


def say_hello(connection):
    connection.send(1)


def contend(lock, barrier, n):
    barrier.wait()
    for _ in range(n):
        lock.acquire()
        lock.release()


def timed(operation, *arguments):
    began = time.perf_counter()
    operation(*arguments)
    return time.perf_counter() - began


def call(n):
    with context.Manager() as manager:
        value = manager.Value("i", 1)

        def run():
            for _ in range(n):
                value.get()

        yield
        while True:
            yield timed(run)


def calls8(n):
    with context.Manager() as manager:
        value = manager.Value("i", 1)

        def caller():
            for _ in range(max(1, n // 8)):
                value.get()

        def run():
            threads = [threading.Thread(target=caller) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        yield
        while True:
            yield timed(run)


def with_pool(workers, operation):
    with context.Pool(workers) as pool:
        yield
        while True:
            yield timed(operation, pool)


def map(n):
    inputs = list(range(n))
    return with_pool(2, lambda pool: pool.map(double, inputs))


def stream(n):
    def run(pool):
        for _ in pool.imap_unordered(double, range(n)):
            pass

    return with_pool(2, run)


def apply(n):
    def run(pool):
        for i in range(n):
            pool.apply(double, (i,))

    return with_pool(1, run)


def echo_payloads(n):
    return with_pool(1, lambda pool: pool.map(echo, [PAYLOAD] * n, 1))


def start(n):
    def once():
        here, there = context.Pipe()
        process = context.Process(target=say_hello, args=(there,))
        began = time.perf_counter()
        process.start()
        here.recv()
        took = time.perf_counter() - began
        process.join()
        return took

    yield
    while True:
        yield sum(once() for _ in range(n))


def start_pool():
    barrier = context.Barrier(MEMBERS + 1)

    def initialize(shared):
        global meeting
        meeting = shared

    began = time.perf_counter()
    pool = context.Pool(MEMBERS, initialize, (barrier,))
    results = [pool.apply_async(meet) for _ in range(MEMBERS)]
    barrier.wait()
    for result in results:
        result.get()
    return pool, time.perf_counter() - began


def meet():
    return wait_for(meeting)


def stop_pool(pool):
    pool.close()
    pool.join()


def pool_start(n):
    yield
    while True:
        total = 0
        for _ in range(n):
            pool, took = start_pool()
            stop_pool(pool)
            total += took
        yield total


def pool_stop(n):
    yield
    while True:
        total = 0
        for _ in range(n):
            pool, _ = start_pool()
            total += timed(stop_pool, pool)
        yield total


def lock_loop(lock, n):
    for _ in range(n):
        lock.acquire()
        lock.release()


def lock(n):
    with context.Manager() as manager:
        shared = manager.Lock()
        yield
        while True:
            yield timed(lock_loop, shared, n)


def lock_native(n):
    shared = context.Lock()
    yield
    while True:
        yield timed(lock_loop, shared, n)


def run_contention(shared, n):
    barrier = context.Barrier(3)
    arguments = (shared, barrier, max(1, n // 2))
    processes = [context.Process(target=contend, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    barrier.wait()
    began = time.perf_counter()
    for process in processes:
        process.join()
    return time.perf_counter() - began


def contended(n):
    with context.Manager() as manager:
        shared = manager.Lock()
        yield
        while True:
            yield run_contention(shared, n)


def contended_native(n):
    shared = context.Lock()
    yield
    while True:
        yield run_contention(shared, n)


def kill(n):
    def once():
        here, there = context.Pipe()
        with concurrent.futures.ProcessPoolExecutor(2, context) as executor:
            result = executor.submit(double, 1)
            result.result()
            result = executor.submit(block_on, there.fileno())
            pid = here.recv()
            began = time.perf_counter()
            os.kill(pid, signal.SIGKILL)
            if result.exception() is None:
                raise RuntimeError("the killed task had a result")
            return time.perf_counter() - began

    yield
    while True:
        yield sum(once() for _ in range(n))


def block_on(descriptor):
    block(multiprocessing.connection.Connection(os.dup(descriptor)))


def memory(n):
    del n
    yield
    while True:
        with context.Pool(IDLE) as pool:
            pool.map(double, range(100))
            yield sum(proportional(worker.pid) for worker in pool._pool) / IDLE


def proportional(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as lines:
        for line in lines:
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    raise RuntimeError("no Pss in smaps_rollup")


WORKLOADS = {
    "call": call, "calls8": calls8, "map": map, "stream": stream, "apply": apply, "echo": echo_payloads, "start": start,
    "pool-start": pool_start, "pool-stop": pool_stop, "lock": lock, "lock-native": lock_native, "contended": contended,
    "contended-native": contended_native, "kill": kill, "memory": memory,
}


def main(name, n):
    figures = WORKLOADS[name](int(n))
    next(figures)
    print("ready", flush=True)
    for _ in sys.stdin:
        print(next(figures), flush=True)
    figures.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
