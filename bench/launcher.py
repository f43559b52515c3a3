"""Starts the processes that are measured, from one that is small.

A process starts out with the peak memory of the one that it was forked from (``exec_mmap`` in Linux's ``fs/exec.c``
carries ``maxrss`` over), so that whatever the suites hold in memory would be the least that any program is seen to use.
This one holds nothing. It reads commands from stdin, a JSON object a line, and answers each with a line.

A program may start others. Their processor time is the system's count of all that were waited for. Of memory the system
knows the peak of each, and says the largest; so the processes below the program are looked for while it runs, the peak that
each has had is read, and the sum of the peaks counts. What two processes share is counted twice.
"""

import json
import os
import select
import subprocess
import sys
import threading
import time

_KEPT = 4000
"""Characters of output that are kept."""
_LOOK_S, _SELDOM_S, _OFTEN = 0.01, 0.05, 100
"""Seconds between two looks at the processes, and after so many looks: a look takes a few tenths of a millisecond."""


def main() -> None:
    """Answer until stdin ends."""
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = _run(asked["command"], asked["env"], asked["most_s"])
        except OSError as e:
            answer = {"returncode": 127, "output": str(e)}
        print(json.dumps(answer), flush=True)


def _run(command: list[str], env: dict[str, str], most_s: float) -> dict[str, object]:
    began = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=env
    )
    stopper = threading.Timer(most_s, process.kill)
    stopper.start()
    assert process.stdout is not None
    kept, peaks = _watch(process.stdout.fileno(), process.pid)
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    stopper.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    late = f"\nstopped after {most_s:g} s" if wall >= most_s else ""
    return {
        "returncode": process.returncode,
        "wall_s": wall,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_rss_bytes": _sum(peaks, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)),
        "n_processes": max(1, len(peaks)),
        "output": kept.decode(errors="replace") + late,
    }


def _watch(output: int, pid: int) -> tuple[bytes, dict[int, int]]:
    """The end of what is written to *output* until it is closed, and the peak of each process in bytes, by its id."""
    kept, looks = b"", 0
    peaks: dict[int, int] = {}
    while True:
        every_s = _LOOK_S if looks < _OFTEN else _SELDOM_S
        if select.select([output], [], [], every_s)[0]:
            more = os.read(output, 1 << 16)
            if not more:
                return kept, peaks
            kept = (kept + more)[-_KEPT:]
        else:
            looks += 1
            _look(pid, peaks)


def _look(pid: int, peaks: dict[int, int]) -> None:
    """Note the peaks that a process and those that it has begun have had by now; nothing where there is no /proc."""
    try:
        with open(f"/proc/{pid}/status") as file:
            peak = next((line for line in file if line.startswith("VmHWM:")), None)
        if peak:  # the latest: one that has begun to execute a program has had the peak of its parent before
            peaks[pid] = int(peak.split()[1]) * 1024
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                children = file.read().split()
            for child in children:
                _look(int(child), peaks)
    except (OSError, ValueError):  # it has just ended
        pass


def _sum(peaks: dict[int, int], largest: int) -> int:
    """Bytes of all; the system knows the *largest* to its end, and the others are known as they were last seen."""
    others = sorted(peaks.values())[:-1]
    return largest + sum(others)


if __name__ == "__main__":
    main()
