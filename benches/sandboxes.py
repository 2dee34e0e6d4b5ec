"""Containers in process: the Rust bench `sandbox`, run once and read."""

from measure import output
from report import Table


def measure(bench):
    command = ["cargo", "bench", "--quiet", "--locked", "--bench", "sandbox", "--", str(bench.guests / "nop.wasm")]
    program = [bench.sandbox, str(bench.guests / "nop.wasm")] if bench.sandbox else command
    result = Table(
        "Containers in process",
        ["measurement", "value"],
        "`Engine::sandbox` from a warm engine: a fresh copy-on-write root, namespace, thread and wasm instance each time; "
        "created, run to the end and dropped.",
    )
    targets = {"per second": (">= 10,000", lambda value: value >= 10_000), "KB each": ("<= 100", lambda value: value <= 100)}
    for line in output(program).splitlines():
        name, value, unit = line.rsplit("\t", 2)
        target, is_met = targets.get(unit, ("", None)) if name.startswith("nop") else ("", None)
        result.add([name, f"{float(value):,.0f} {unit}"], target, is_met(float(value)) if is_met else None)
    yield result
