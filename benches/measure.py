"""Runs commands and takes their time and memory; sums rounds up as medians and ratios."""

import os
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field

# A process's peak memory counts what its parent held before exec, so the peak is taken by a launcher that holds little itself:
# Python without its library, about 8 MB. A smaller peak than that cannot be told.
LAUNCHER = (
    "import posix,sys\n"
    "pid=posix.posix_spawn(sys.argv[2],sys.argv[2:],posix.environ)\n"
    "_,status,usage=posix.wait4(pid,0)\n"
    "out=posix.open(sys.argv[1],posix.O_WRONLY|posix.O_CREAT|posix.O_TRUNC,0o600)\n"
    "posix.write(out,b'%d'%usage.ru_maxrss)\n"
    "posix._exit(posix.waitstatus_to_exitcode(status)&255)\n"
)


class Failed(Exception):
    """A command that a measurement needs did not succeed."""


@dataclass
class Series:
    """The values of one thing that is measured, one for each round."""

    values: list = field(default_factory=list)

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def least(self):
        return min(self.values)


def ratio(ours, theirs):
    """The median of ours/theirs, taken round by round: what slows one round down slows both sides of it."""
    return statistics.median(a / b for a, b in zip(ours.values, theirs.values))


def output(command, **options):
    """The standard output of a command, which must succeed."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, **options)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: exit {done.returncode}: {done.stderr.strip()[-400:]}")
    return done.stdout


def seconds(command, env=None):
    """Wall time from just before the start of `command` to its end; its output goes nowhere, it must succeed."""
    null = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1)]
    begin = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, env or os.environ, file_actions=null)
    _, status = os.waitpid(pid, 0)
    elapsed = time.perf_counter() - begin
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        raise Failed(f"{' '.join(command)}: exit {code}")
    return elapsed


def peak_megabytes(command, scratch, env=None):
    """The peak resident memory of `command`, which must be an absolute path and succeed."""
    result = os.path.join(scratch, "peak")
    output([sys.executable, "-I", "-S", "-c", LAUNCHER, result, *command], env=env)
    with open(result, encoding="ascii") as file:
        return int(file.read()) / 1024


def interleaved(rounds, sides):
    """Measures every side once a round, in turn, each second round backwards. `sides` maps names to functions of the round."""
    series = {name: Series() for name in sides}
    for number in range(rounds):
        names = list(sides) if number % 2 == 0 else list(reversed(sides))
        for name in names:
            series[name].values.append(sides[name](number))
    return series


def stop(process):
    """Ends a process of ours."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def load():
    """The machine's load average over the last minute."""
    return os.getloadavg()[0]
