"""Many runs at once, each in its own process, so that a run that fails does not stop the others."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from multiprocessing import connection
from multiprocessing.process import BaseProcess

from lengthwise.errors import RunError
from lengthwise.experiments.executors.executor import Executor, Job, Queue
from lengthwise.experiments.executors.worker import LOCKED, prepared, reason, work
from lengthwise.experiments.folder import RunFolder
from lengthwise.lock import LockedError, locked

WORKER = "lengthwise worker"
UNGUARDED = 78
"""Exit code of a worker that, as it began, was made to start workers itself."""


class Processes(Executor):
    """Processes of this machine."""

    poll = 0.25
    """Seconds between two looks at the processes."""

    def run(self, jobs: Sequence[Job], on_change: Callable[[Queue], None]) -> None:
        """Run the jobs, ``at_once`` at a time, or else one after the other."""
        # A server that has imported torch, and scipy for intervals, forks each worker in milliseconds; where there is
        # no fork, start afresh.
        forks = "forkserver" in multiprocessing.get_all_start_methods()
        context = multiprocessing.get_context("forkserver") if forks else multiprocessing.get_context("spawn")
        context.set_forkserver_preload([__name__, "scipy.stats"])
        queue, refused = Queue(list(jobs)), list[LockedError]()
        workers: dict[Job, BaseProcess] = {}
        try:
            while queue.waiting or workers:
                while queue.waiting and len(workers) < (self.at_once or 1):
                    job = queue.waiting.pop(0)
                    try:
                        prepared(job.folder)
                    except LockedError as error:
                        refused.append(error)
                        continue
                    worker = context.Process(target=_work, args=(job,), name=f"{WORKER} {job.folder}")
                    worker.start()
                    workers[job] = worker
                queue.active = list(workers)
                on_change(queue)
                time.sleep(self.poll)
                for job, process in list(workers.items()):
                    if process.exitcode is not None:
                        del workers[job]
                        queue.active.remove(job)
                        queue.done.append(job)
                        try:
                            _ended(job, process.exitcode)
                        except LockedError as error:
                            refused.append(error)
                on_change(queue)
        finally:
            for process in workers.values():
                process.terminate()
            for process in workers.values():
                process.join()
        if refused:
            raise refused[0]


def _ended(job: Job, exitcode: int) -> None:
    """Write a failure into the folder of its run."""
    if exitcode == UNGUARDED:
        raise RunError(
            "compare() starts processes that import the script it is called from; write the call there under "
            "if __name__ == '__main__':, so that they do not call it again."
        )
    if exitcode == LOCKED:
        raise LockedError(job.folder)
    if exitcode:
        with locked(job.folder):
            RunFolder(job.folder).failure = reason(job.folder, exitcode)


def end_if_worker() -> None:
    """End this process if it is a worker. A worker gets here by importing a script that compares without a guard."""
    if multiprocessing.current_process().name.startswith(WORKER):
        os._exit(UNGUARDED)  # a server that forks workers would make any other way to end exit code 1


def _work(job: Job) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops its workers itself
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    sys.exit(work(job.folder, job.evaluate))


def _end_with_the_parent() -> None:
    """End this process when its parent ends: a killed parent cannot stop its workers, which hold the folders."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)
