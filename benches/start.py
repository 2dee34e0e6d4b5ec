"""Start to exit of a program that does nothing, out of a tiny image and out of one with 100,000 files in 40 layers."""

import shutil

import layouts
from measure import interleaved, output, peak_megabytes, ratio, seconds
from report import Table, milliseconds, times

LAYERS, FILES = 40, 100_000


def measure(bench):
    folder = bench.scratch / "start"
    folder.mkdir()
    store = folder / "store"
    cowbox = [bench.cowbox, "--root", str(store)]
    nop = bench.guests / "nop.wasm"

    tiny = folder / "tiny"
    tiny.mkdir()
    shutil.copy(nop, tiny)
    output([*cowbox, "import", str(tiny), "tiny", "--change", 'ENTRYPOINT ["/nop.wasm"]'])
    huge = folder / "huge"
    layouts.write(huge, "huge:latest", layouts.many_layers(LAYERS, FILES, nop.read_bytes()), ["/nop.wasm"])
    output([*cowbox, "load", "-i", str(huge)])

    commands = {image: [*cowbox, "run", "--rm", image] for image in ("tiny", "huge")}
    wasmtime = bench.peers.wasmtime()
    if wasmtime:
        compiled = str(folder / "nop.cwasm")
        output([wasmtime, "compile", str(nop), "-o", compiled])
        commands["wasmtime"] = [wasmtime, "run", "--allow-precompiled", compiled]
    commands["native"] = [str(bench.guests / "nop")]
    for command in commands.values():
        seconds(command)  # Compiles what is not compiled, makes the tree of the image, fills the page cache.

    sides = {name: lambda _, command=command: seconds(command) for name, command in commands.items()}
    series = interleaved(bench.rounds(60), sides)
    bench.progress("start", bench.rounds(60) - 1)
    memory = {name: peak_megabytes(command, folder) for name, command in commands.items()}
    yield table(series, memory)


def table(series, memory):
    result = Table(
        "Start to exit of a program that does nothing",
        ["command", "median", "least", "to wasmtime", "peak memory"],
        f"`cowbox run --rm` with all it does: create, run, remove. *Huge* is an image of {FILES:,} files in {LAYERS} layers.",
    )
    names = {
        "tiny": "cowbox run --rm, tiny image",
        "huge": "cowbox run --rm, huge image",
        "wasmtime": "wasmtime run --allow-precompiled",
        "native": "the native program",
    }
    for name, label in names.items():
        if name not in series:
            continue
        to_peer = ratio(series[name], series["wasmtime"]) if "wasmtime" in series else None
        cells = [label, milliseconds(series[name].median), milliseconds(series[name].least)]
        cells += [times(to_peer) if to_peer else "-", f"{memory[name]:.0f} MB"]
        if name == "tiny" and to_peer:
            result.add(cells, "<= 1.0x, aim 0.6x", to_peer <= 1)
        elif name == "huge":
            more = series["huge"].median - series["tiny"].median
            result.add(cells, "tiny + 2 ms, < 60 MB", more <= 0.002 and memory[name] < 60)
        else:
            result.add(cells)
    return result
