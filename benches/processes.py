"""Processes in one container: spawning, a shell's loop, pipes, many that idle, and how soon a shell prompts."""

import os
import pty
import shutil
import signal
import subprocess
import time

from measure import Failed, interleaved, output, ratio, seconds
from report import Table, milliseconds, times

COMMANDS = 1_000
IDLE = 200
LOOP = f"i=0; while [ $i -lt {COMMANDS} ]; do %s; i=$((i+1)); done"


def measure(bench):
    folder = bench.scratch / "processes"
    programs = folder / "bin"
    programs.mkdir(parents=True)
    for name in ("nop", "procbench"):
        shutil.copy(bench.guests / f"{name}.wasm", programs / name)
        (programs / name).chmod(0o755)
    cowbox = [bench.cowbox, "--root", str(folder / "store")]
    output([*cowbox, "import", str(folder), "guests"])
    inside = [*cowbox, "run", "--rm"]
    native = str(bench.guests / "procbench")
    true = shutil.which("true")
    yield spawning(bench, inside, native, true)
    yield looping(bench, inside, str(programs))
    yield piping(bench, inside, native)
    yield idling(inside)
    yield prompting(bench, inside)


def number(command):
    return float(output(command).strip())


def spawning(bench, inside, native, true):
    sides = {
        "cowbox": lambda _: number([*inside, "guests", "/bin/procbench", "spawn", "500", "/bin/nop"]) / 1e9,
        "native": lambda _: number([native, "spawn", "500", true]) / 1e9,
    }
    sides["cowbox"](0)
    series = interleaved(bench.rounds(10), sides)
    bench.progress("processes: spawn", bench.rounds(10) - 1)
    table = Table(
        "Spawn and wait",
        ["where", "median of medians", "to native"],
        "500 times, one after another, timed by the parent: a module of Rust that does nothing, and posix_spawn of `true` on the host.",
    )
    to_native = ratio(series["cowbox"], series["native"])
    table.add(["in a container", milliseconds(series["cowbox"].median), times(to_native)], "<= 0.5x", to_native <= 0.5)
    table.add(["native", milliseconds(series["native"].median), "-"])
    return table


def looping(bench, inside, programs):
    dash = shutil.which("dash")
    if not dash:
        raise Failed("dash is not installed")
    commands = {
        "cowbox": [*inside, "-v", f"{programs}:/programs", "base", "sh", "-c", LOOP % "/programs/nop"],
        "dash": [dash, "-c", LOOP % str(bench.guests / "nop")],
    }
    for command in commands.values():
        seconds(command)
    series = interleaved(bench.rounds(10), {name: lambda _, c=command: seconds(c) for name, command in commands.items()})
    bench.progress("processes: shell", bench.rounds(10) - 1)
    table = Table(
        f"{COMMANDS:,} commands from a script",
        ["shell", "median", "to dash"],
        "`cowbox run --rm base sh -c LOOP`, with the start of the container, and dash with the same program built for the host.",
    )
    to_dash = ratio(series["cowbox"], series["dash"])
    table.add(["sh of base", milliseconds(series["cowbox"].median), times(to_dash)], "<= 2x", to_dash <= 2)
    table.add(["dash", milliseconds(series["dash"].median), "-"])
    return table


def piping(bench, inside, native):
    sides = {
        "cowbox": lambda _: number([*inside, "guests", "/bin/procbench", "pipe", "1024"]),
        "native": lambda _: number([native, "pipe", "1024"]),
    }
    series = interleaved(bench.rounds(10), sides)
    bench.progress("processes: pipe", bench.rounds(10) - 1)
    table = Table("A pipe, in chunks of 64 KiB", ["where", "median", "least", "to native"], "1 GiB from a child to its parent.")
    to_native = ratio(series["cowbox"], series["native"])
    for name, target in (("cowbox", ">= 0.5x"), ("native", None)):
        cells = [name, f"{series[name].median:.0f} MiB/s", f"{series[name].least:.0f} MiB/s"]
        if target:
            table.add([*cells, times(to_native)], target, to_native >= 0.5)
        else:
            table.add([*cells, "-"])
    return table


def idling(inside):
    command = [*inside, "-i", "guests", "/bin/procbench", "idle", str(IDLE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        running.stdout.readline()
        with open(f"/proc/{running.pid}/status", encoding="ascii") as file:
            memory = next(int(line.split()[1]) for line in file if line.startswith("VmRSS:")) / 1024
        running.stdin.close()
    table = Table(f"{IDLE} processes that wait, in one container", ["what", "value"], "Resident memory of cowbox, all in all.")
    table.add(["memory", f"{memory:.0f} MB"], "< 200 MB", memory < 200)
    return table


def prompting(bench, inside):
    command = [*inside, "-it", "base"]
    seconds([*inside, "base", "true"])
    series = interleaved(bench.rounds(20), {"cowbox": lambda _: until_prompt(command)})
    bench.progress("processes: prompt", bench.rounds(20) - 1)
    series = series["cowbox"]
    table = Table("`cowbox run -it base` to its prompt", ["median", "least"], "From the start of the process to the first `#` on its terminal.")
    table.add([milliseconds(series.median), milliseconds(series.least)], "<= 25 ms", series.median <= 0.025)
    return table


def until_prompt(command):
    begin = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(command[0], command)
    shown = b""
    while b"#" not in shown:
        try:
            shown += os.read(terminal, 4096)
        except OSError:
            raise Failed(f"{' '.join(command)}: ended before it prompted: {shown!r}") from None
    elapsed = time.perf_counter() - begin
    os.write(terminal, b"exit\r")
    # It ends by itself; what it still shows is read so that it can.
    os.set_blocking(terminal, False)
    deadline = time.monotonic() + 5
    while os.waitpid(pid, os.WNOHANG)[0] == 0:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        try:
            os.read(terminal, 4096)
        except (BlockingIOError, OSError):
            time.sleep(0.001)
    os.close(terminal)
    return elapsed
