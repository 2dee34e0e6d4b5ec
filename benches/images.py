"""Images: load, commit and export of one with a layer of some 40,000 files, against podman, umoci and containerd."""

import shutil
import subprocess
import tarfile
import time

import layouts
from measure import Failed, Series, interleaved, output, peak_megabytes, ratio, seconds, stop
from peers import Containerd, Podman
from report import Table, milliseconds, times


def measure(bench):
    folder = bench.scratch / "images"
    folder.mkdir()
    archive, note = the_archive(bench, folder)
    layout = folder / "layout"
    with tarfile.open(archive) as tar:
        tar.extractall(layout)
    config, manifest = layouts.Layout(layout).image()
    # umoci wants a name that is no more than a tag.
    layouts.Layout(layout).put_image("bench", config, manifest)
    # The same layers as an image that cowbox runs: it makes no container of a Linux image.
    wasi = folder / "wasi"
    shutil.copytree(layout, wasi)
    wasi_config = dict(config, os="wasi", architecture="wasm", config={"Entrypoint": ["/nop.wasm"]})
    wasi_config.pop("variant", None)
    layouts.Layout(wasi).put_image("localhost/bench:wasi", wasi_config, manifest)

    left = []
    try:
        yield load(bench, folder, archive, note, left)
        yield commit_and_export(bench, folder, archive, wasi, note, left)
    finally:
        for store in left:
            store.remove()


def the_archive(bench, folder):
    """The archive that was given, or one of 40,000 small files."""
    if bench.archive:
        return bench.archive, f"The image is {bench.archive.name}, {bench.archive.stat().st_size / 1e6:.0f} MB."
    made, archive = folder / "made", folder / "made.oci.tar"
    layers = (layouts.tar(layouts.small_files(seed, files)) for seed, files in ((0, 40_000), (1, 10)))
    layouts.write(made, "localhost/made:1", layers, ["/bin/sh"], ("linux", "amd64"))
    with tarfile.open(archive, "w") as tar:
        for name in ("oci-layout", "index.json", "blobs"):
            tar.add(made / name, name)
    return archive, f"The image is made up: 40,010 small text files in two layers, not compressed, {archive.stat().st_size / 1e6:.0f} MB."


def settled(command):
    """The time of a command, after what earlier ones wrote is on the disk."""
    subprocess.run(["sync"], check=True)
    return seconds(command)


def load(bench, folder, archive, note, left):
    """Every round has a fresh store. The stores are removed after the last one: removing takes the disk long after it is done."""
    sides = {"cowbox load": lambda n: settled([bench.cowbox, "--root", str(folder / f"cowbox-{n}"), "load", "-q", "-i", str(archive)])}
    podman, umoci, ctr = bench.peers.podman(), bench.peers.umoci(), bench.peers.ctr()
    if podman:
        def podman_load(number):
            left.append(Podman(podman, folder / f"podman-{number}"))
            return settled([*left[-1].command, "load", "-q", "-i", str(archive)])

        sides["podman load"] = podman_load
    if umoci:
        image = f"{folder}/layout:bench"
        sides["umoci unpack"] = lambda n: settled([umoci, "unpack", "--image", image, str(folder / f"umoci-{n}")])
    if ctr:
        sides["ctr images import"] = lambda n: ctr_import(ctr, folder / f"ctr-{n}", archive)
    rounds = bench.rounds(3)
    series = interleaved(rounds, sides)
    bench.progress("load", rounds - 1)
    peak = peak_megabytes([bench.cowbox, "--root", str(folder / "cowbox-peak"), "load", "-i", str(archive)], folder)

    result = Table("Load of an image", ["command", "median", "least", "cowbox is faster by", "peak memory"], note + " Every round starts with an empty store.")
    targets = {"podman load": 6, "umoci unpack": 6, "ctr images import": 3}
    for name, taken in series.items():
        if name == "cowbox load":
            result.add([name, milliseconds(taken.median), milliseconds(taken.least), "", f"{peak:.0f} MB"], "< 100 MB", peak < 100)
            continue
        faster = ratio(taken, series["cowbox load"])
        result.add([name, milliseconds(taken.median), milliseconds(taken.least), times(faster), ""], f">= {targets[name]}x", faster >= targets[name])
    return result


def ctr_import(ctr, folder, archive):
    """Imports and unpacks into a containerd that has just been started."""
    containerd = Containerd(ctr, folder)
    try:
        for _ in range(100):
            if containerd.is_ready():
                return settled([*containerd.command, "images", "import", "--snapshotter", "overlayfs", str(archive)])
            time.sleep(0.1)
        raise Failed(f"containerd did not start: {folder}/log")
    finally:
        stop(containerd.daemon)


def commit_and_export(bench, folder, archive, wasi, note, left):
    """Commit of a container with one changed file, and export of its whole tree."""
    tiny = folder / "tiny"
    tiny.mkdir()
    shutil.copy(bench.guests / "nop.wasm", tiny)
    cowbox = [bench.cowbox, "--root", str(folder / "commits")]
    output([*cowbox, "load", "-i", str(wasi)])
    output([*cowbox, "import", str(tiny), "tiny", "--change", 'ENTRYPOINT ["/nop.wasm"]'])
    changed = folder / "changed"

    def commit(command, image):
        def once(number):
            container = output([*command, "create", image, "/x"]).strip()
            changed.write_text(f"changed in round {number}\n")
            output([*command, "cp", str(changed), f"{container}:/changed"])
            return settled([*command, "commit", "-q", container] if "podman" in command[0] else [*command, "commit", container])

        return once

    sides = {"cowbox commit, this image": commit(cowbox, "localhost/bench:wasi"), "cowbox commit, tiny image": commit(cowbox, "tiny")}
    exports = {"cowbox export": [*cowbox, "export", output([*cowbox, "create", "localhost/bench:wasi"]).strip()]}
    podman = bench.peers.podman()
    if podman:
        peer = Podman(podman, folder / "podman-commits")
        left.append(peer)
        image = output([*peer.command, "load", "-q", "-i", str(archive)]).split(": ", 1)[1].strip()
        sides["podman commit, this image"] = commit(peer.command, image)
        exports["podman export"] = [*peer.command, "export", output([*peer.command, "create", image, "/x"]).strip()]
    rounds = bench.rounds(9)
    commits = interleaved(rounds, sides)
    exports_taken = interleaved(bench.rounds(5), {name: lambda _, command=command: seconds(command) for name, command in exports.items()})
    bench.progress("commit and export", rounds - 1)

    result = Table(
        "Commit of one changed file, and export",
        ["command", "median", "least", "cowbox is faster by", "throughput"],
        note + " For cowbox its config says wasi/wasm, as cowbox makes no container of a Linux image here; the layers are the same. "
        "Exports go to /dev/null.",
    )
    ours = commits["cowbox commit, this image"]
    for name, taken in commits.items():
        cells = [name, milliseconds(taken.median), milliseconds(taken.least)]
        if name == "cowbox commit, this image":
            result.add([*cells, "", ""], "< 50 ms", taken.median < 0.05)
        else:
            result.add([*cells, times(ratio(taken, ours)) if "podman" in name else "", ""])
    for name, taken in exports_taken.items():
        size = exported_bytes(exports[name])
        speed = Series([size / 1e6 / value for value in taken.values])
        cells = [name, milliseconds(taken.median), milliseconds(taken.least)]
        throughput = f"{speed.median:.0f} MB/s"
        if name == "cowbox export":
            ours = speed
            result.add([*cells, "", throughput])
        else:
            faster = ratio(ours, speed)
            result.add([*cells, times(faster), throughput], ">= 2x", faster >= 2)
    return result


def exported_bytes(command):
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    size = 0
    while piece := process.stdout.read(1 << 20):
        size += len(piece)
    if process.wait() != 0:
        raise Failed(" ".join(command))
    return size
