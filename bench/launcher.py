"""Starts the processes that are measured, from one that is small.

A process starts out with the peak memory of the one that it was forked from (``exec_mmap`` in Linux's ``fs/exec.c``
carries ``maxrss`` over), so that whatever the suites hold in memory would be the least that any program is seen to use.
This one holds nothing. It reads commands from stdin, a JSON object a line, and answers each with a line.
"""

import json
import os
import subprocess
import sys
import threading
import time

_KEPT = 4000
"""Characters of output that are kept."""


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
    kept = b""
    while more := os.read(process.stdout.fileno(), 1 << 16):
        kept = (kept + more)[-_KEPT:]
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
        "peak_rss_bytes": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        "output": kept.decode(errors="replace") + late,
    }


if __name__ == "__main__":
    main()
