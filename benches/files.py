"""Guest file operations: fsbench in a container, under wasmtime with a preopened directory, and native."""

import shutil

from measure import Series, output, ratio
from report import Table, count, times

# What cowbox aims for, as a ratio to wasmtime.
TARGETS = {
    "stat": 8,
    "stat_missing": 20,
    "open_close": 5,
    "readdir": 100,
    "read_4k": 1,
    "write_100": 2,
    "read_64k": 0.95,
    "write_64k": 0.95,
}


def measure(bench):
    """fsbench as a whole, each side once a round."""
    folder = bench.scratch / "files"
    native = folder / "native"
    native.mkdir(parents=True)
    output([str(bench.guests / "fsbench"), "--prepare", str(native)])
    arguments = ["--seconds", str(bench.seconds), "/bench"]

    store = folder / "store"
    cowbox = [bench.cowbox, "--root", str(store)]
    # Two images: the files to be read are in a layer of one, and written by a container of the other.
    for image, with_files in (("in-layer", True), ("in-upper", False)):
        root = folder / image
        root.mkdir()
        shutil.copy(bench.guests / "fsbench.wasm", root)
        if with_files:
            shutil.copytree(native, root / "bench")
        output([*cowbox, "import", str(root), image, "--change", 'ENTRYPOINT ["/fsbench.wasm"]'])
        output([*cowbox, "create", "--name", image, image, *arguments])
        # Lays out what is missing and warms the caches; later starts find it in the upper on disk.
        output([*cowbox, "start", "-a", image])

    sides = {
        "upper": lambda: output([*cowbox, "start", "-a", "in-upper"]),
        "layer": lambda: output([*cowbox, "start", "-a", "in-layer"]),
    }
    wasmtime = bench.peers.wasmtime()
    if wasmtime:
        compiled = str(folder / "fsbench.cwasm")
        output([wasmtime, "compile", str(bench.guests / "fsbench.wasm"), "-o", compiled])
        peer_dir = folder / "wasmtime"
        shutil.copytree(native, peer_dir)
        run = [wasmtime, "run", "--allow-precompiled", "--dir", f"{peer_dir}::/bench", compiled, *arguments]
        sides["wasmtime"] = lambda: output(run)
    sides["native"] = lambda: output([str(bench.guests / "fsbench"), "--seconds", str(bench.seconds), str(native)])

    results = {side: {} for side in sides}
    units = {}
    for number in range(bench.rounds(7)):
        for side in list(sides) if number % 2 == 0 else list(reversed(sides)):
            for line in sides[side]().splitlines():
                name, value, units[name] = line.split()
                results[side].setdefault(name, Series()).values.append(float(value))
        bench.progress("files", number)
    yield table(results, units)


def table(results, units):
    result = Table(
        "Guest file operations",
        ["operation", "unit", "cowbox, upper", "cowbox, layer", "wasmtime", "native", "upper/wasmtime", "layer/wasmtime", "upper/native"],
        "The files that are read lie in the container's upper on disk, or in a layer of its image; writes go to the upper on disk "
        "in both. Targets are ratios of the upper to wasmtime.",
    )
    peer = results.get("wasmtime")
    for name, upper in results["upper"].items():
        layer, native = results["layer"][name], results["native"][name]
        to_peer = ratio(upper, peer[name]) if peer else None
        wanted = TARGETS.get(name) if peer else None
        cells = [name, units[name], count(upper.median), count(layer.median), count(peer[name].median) if peer else "-", count(native.median)]
        cells += [times(to_peer), times(ratio(layer, peer[name]))] if peer else ["-", "-"]
        cells.append(times(ratio(upper, native)))
        result.add(cells, f">= {wanted}x" if wanted else "", to_peer >= wanted if wanted else None)
    return result
