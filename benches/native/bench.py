#!/usr/bin/env python3
"""Measures native containers side by side with crun, runc, podman and the least that a container takes: interleaved rounds,
medians, and ratios within a round. As root, on Linux."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.dont_write_bytecode = True

import report  # noqa: E402
from measure import Failed, interleaved, load, output, peak_megabytes, ratio  # noqa: E402
from report import Table, milliseconds, times  # noqa: E402

PODMAN = ["--network", "none", "--ulimit", "nofile=1024:4096", "--ulimit", "nproc=4096:4096"]
# crun 1.8 refuses the hybrid of cgroup v1 and v2: it is run where v2 is not mounted.
LEGACY = "umount /sys/fs/cgroup/unified 2>/dev/null; exec \"$@\""

# A user without ranges of further ids.
USER = 12345


class Worker:
    """A process that runs commands for us, in a mount namespace of its own where it is asked for."""

    def __init__(self, legacy):
        command = [sys.executable, str(HERE / "worker.py")]
        if legacy:
            command = ["unshare", "-m", "sh", "-c", LEGACY, "sh", *command]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, *commands, codes=(0,)):
        self.process.stdin.write(json.dumps(commands) + "\n")
        self.process.stdin.flush()
        elapsed, ended = json.loads(self.process.stdout.readline())
        if any(code not in codes for code in ended):
            raise Failed(f"{' '.join(commands[0])}: exit {ended}")
        return elapsed

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Bench:
    """The programs, an image of busybox in every form, and the workers."""

    def __init__(self, options, scratch):
        self.options, self.scratch = options, scratch
        # As it is when it is installed: what a linker has written lies in the page cache in single pages, and takes longer to map.
        self.cowbox = shutil.copy(options.cowbox, scratch / "cowbox").as_posix()
        self.store = scratch / "store"
        self.here, self.legacy = Worker(False), Worker(True)
        self.number = 0
        self.rootfs = scratch / "bb"
        make_rootfs(self.rootfs)
        self.box = [self.cowbox, "--root", str(self.store)]
        output([*self.box, "import", "--platform", f"linux/{os.uname().machine}", str(self.rootfs), "bb"])
        self.peers = {name: shutil.which(name) for name in ("crun", "runc", "podman")}
        for name, path in self.peers.items():
            if not path:
                print(f"skipped: {name}: not installed", file=sys.stderr)
        self.bundle = self.make_bundle()
        self.floor = scratch / "floor"
        output(["cc", "-O2", "-o", str(self.floor), str(HERE / "floor.c")])

    def fresh(self):
        self.number += 1
        return f"bench{self.number}"

    def make_bundle(self):
        """A bundle with Docker's default profile, as podman resolves it for this machine."""
        if not self.peers["podman"]:
            raise Failed("the bundle with Docker's profile is made by podman, which is not installed")
        subprocess.run(f"tar -C {self.rootfs} -c . | podman import -q - cowbox-bench:1", shell=True, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        runtime = ["--runtime", "runc"] if self.peers["runc"] else []
        name = output(["podman", *runtime, "create", *PODMAN, "cowbox-bench:1", "true"]).strip()
        try:
            output(["podman", *runtime, "init", name])
            path = output(["podman", "inspect", "--format", "{{.OCIConfigPath}}", name]).strip()
            config = json.loads(Path(path).read_text())
        finally:
            subprocess.run(["podman", *runtime, "rm", "-f", name], check=False, stdout=subprocess.DEVNULL)
        config["mounts"] = [mount for mount in config["mounts"] if mount["type"] != "bind"]
        config["mounts"].append({"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
                                 "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=64m"]})
        config["root"]["path"] = str(self.rootfs)
        config.pop("hooks", None)
        bundle = self.scratch / "bundle"
        bundle.mkdir()
        self.config = config
        self.write_bundle(bundle, ["true"])
        return bundle

    def write_bundle(self, bundle, args):
        config = json.loads(json.dumps(self.config))
        config["process"]["args"] = args
        config["linux"]["cgroupsPath"] = f"/cowbox-bench/{bundle.name}"
        (bundle / "config.json").write_text(json.dumps(config))

    def unique_bundle(self):
        """A bundle with a cgroup path of its own, so that several run at a time."""
        folder = self.scratch / f"bundle{self.number}"
        folder.mkdir(exist_ok=True)
        self.write_bundle(folder, ["true"])
        return folder

    def close(self):
        self.here.close()
        self.legacy.close()


def make_rootfs(folder):
    for name in ("bin", "etc", "proc", "sys", "dev", "tmp"):
        (folder / name).mkdir(parents=True)
    shutil.copy("/bin/busybox", folder / "bin/busybox")
    for name in ("sh", "true", "sleep", "cat", "tar"):
        os.link(folder / "bin/busybox", folder / "bin" / name)
    (folder / "etc/passwd").write_text("root:x:0:0:root:/:/bin/sh\n")
    (folder / "etc/group").write_text("root:x:0:\n")


def starts(bench):
    """Start to exit of `true`."""
    floor_scratch = bench.scratch / "floor-scratch"
    sides = {
        "cowbox run --rm": lambda _: bench.here.run([*bench.box, "run", "--rm", "bb", "true"]),
        "cowbox runtime run": lambda _: bench.here.run(runtime(bench, bench.cowbox, bench.fresh())),
        "floor": lambda _: bench.here.run([str(bench.floor), str(bench.rootfs), str(floor_scratch), "/bin/true"]),
    }
    if bench.peers["crun"]:
        sides["crun run"] = lambda _: bench.legacy.run([bench.peers["crun"], "run", "-b", str(bench.bundle), bench.fresh()])
    if bench.peers["runc"]:
        sides["runc run"] = lambda _: bench.here.run([bench.peers["runc"], "run", "-b", str(bench.bundle), bench.fresh()])
    if bench.peers["podman"]:
        sides["podman run --rm"] = lambda _: bench.legacy.run(
            [bench.peers["podman"], "run", "--rm", *PODMAN, "cowbox-bench:1", "true"])
    for side in sides.values():
        side(0)
    series = interleaved(bench.options.rounds, sides)
    table = Table("Start to exit of `true`, all namespaces, no network, Docker's default profile",
                  ["command", "median", "least", "to crun", "to floor"])
    targets = {
        "cowbox run --rm": [("crun run", 0.35), ("podman run --rm", 0.05), ("floor", 1.6)],
        "cowbox runtime run": [("crun run", 0.6)],
    }
    for name, one in series.items():
        cells = [name, milliseconds(one.median), milliseconds(one.least)]
        cells += [times(ratio(one, series[peer])) if peer in series else "-" for peer in ("crun run", "floor")]
        wanted = [(peer, most) for peer, most in targets.get(name, []) if peer in series]
        met = all(ratio(one, series[peer]) <= most for peer, most in wanted) if wanted else None
        words = ", ".join(f"<= {most}x {peer.split()[0]} ({ratio(one, series[peer]):.3f})" for peer, most in wanted)
        table.add(cells, words, met)
    return table


def runtime(bench, program, id, *more):
    return [program, "runtime", "--root", str(bench.scratch / "states"), "run", *more, "-b", str(bench.bundle), id]


def execs(bench):
    """One more process in a container that runs."""
    folder = bench.scratch / "sleeper"
    folder.mkdir()
    bench.write_bundle(folder, ["sleep", "100000"])
    states = str(bench.scratch / "states")
    sides = {}
    bench.here.run([bench.cowbox, "runtime", "--root", states, "run", "-d", "-b", str(folder), "sleeper"])
    sides["cowbox runtime exec"] = lambda _: bench.here.run([bench.cowbox, "runtime", "--root", states, "exec", "sleeper", "true"])
    bench.here.run([*bench.box, "run", "-d", "--name", "sleeper", "bb", "sleep", "100000"])
    sides["cowbox exec"] = lambda _: bench.here.run([*bench.box, "exec", "sleeper", "true"])
    if bench.peers["crun"]:
        config = json.loads((folder / "config.json").read_text())
        config["linux"]["cgroupsPath"] = "/cowbox-bench/crun-sleeper"
        other = bench.scratch / "crun-sleeper"
        other.mkdir()
        (other / "config.json").write_text(json.dumps(config))
        bench.legacy.run([bench.peers["crun"], "run", "-d", "-b", str(other), "bench-sleeper"])
        sides["crun exec"] = lambda _: bench.legacy.run([bench.peers["crun"], "exec", "bench-sleeper", "true"])
    try:
        for side in sides.values():
            side(0)
        series = interleaved(bench.options.rounds, sides)
    finally:
        bench.here.run([*bench.box, "rm", "-f", "sleeper"])
        bench.here.run([bench.cowbox, "runtime", "--root", states, "delete", "-f", "sleeper"])
        if bench.peers["crun"]:
            bench.legacy.run([bench.peers["crun"], "delete", "-f", "bench-sleeper"])
    table = Table("One more process in a container that runs", ["command", "median", "least", "to crun"])
    for name, one in series.items():
        to_crun = ratio(one, series["crun exec"]) if "crun exec" in series else None
        is_ours = name.startswith("cowbox")
        table.add([name, milliseconds(one.median), milliseconds(one.least), times(to_crun) if to_crun else "-"],
                  "<= 0.6x crun" if is_ours and to_crun else "", to_crun <= 0.6 if is_ours and to_crun else None)
    return table


def crowds(bench):
    """100 one after the other, and 16 at a time."""
    def together(worker, command):
        return lambda _: worker.run(*[command() for _ in range(16)])

    def in_turn(worker, command, count):
        return lambda _: sum(worker.run(command()) for _ in range(count)) / count

    commands = {"cowbox run --rm": (bench.here, lambda: [*bench.box, "run", "--rm", "bb", "true"])}
    for name in ("crun", "runc"):
        if bench.peers[name]:
            worker = bench.legacy if name == "crun" else bench.here
            commands[f"{name} run"] = (worker, lambda name=name: [bench.peers[name], "run", "-b", str(bench.unique_bundle()), bench.fresh()])
    if bench.peers["podman"]:
        commands["podman run --rm"] = (bench.legacy, lambda: [bench.peers["podman"], "run", "--rm", *PODMAN, "cowbox-bench:1", "true"])
    rounds = max(1, bench.options.rounds // 10)
    table = Table("Many of them", ["command", "each of 100 in turn", "16 at a time, all of them"])
    turn = interleaved(rounds, {n: in_turn(w, c, 20 if n.startswith("podman") else 100) for n, (w, c) in commands.items()})
    crowd = interleaved(rounds, {n: together(w, c) for n, (w, c) in commands.items()})
    for name in commands:
        table.add([name, milliseconds(turn[name].median), milliseconds(crowd[name].median)])
    return table


def memory(bench):
    """Peak memory of the command itself."""
    crun = peak_megabytes(["/usr/bin/unshare", "-m", "sh", "-c", LEGACY, "sh", bench.peers["crun"], "run", "-b", str(bench.bundle), bench.fresh()], bench.scratch) if bench.peers["crun"] else None
    ours = peak_megabytes([*bench.box, "run", "--rm", "bb", "true"], bench.scratch)
    table = Table("Peak memory", ["command", "peak"])
    table.add(["cowbox run --rm", f"{ours:.1f} MB"], "<= crun + 5 MB" if crun else "", ours <= crun + 5 if crun else None)
    if crun:
        table.add(["crun run", f"{crun:.1f} MB"])
    return table


def images(bench):
    """From an archive of a large image to its first process, a commit of one changed file, and reading the whole image."""
    archive = bench.options.archive
    if not archive:
        print("skipped: images: name an archive with --archive (docker-archive or oci-archive, name `many:1`)", file=sys.stderr)
        return None
    store = bench.scratch / "many"
    box = [bench.cowbox, "--root", str(store)]
    podman = bench.peers["podman"]
    ours, theirs, commits, podman_commits = [], [], [], []
    for number in range(bench.options.image_rounds):
        shutil.rmtree(store, ignore_errors=True)
        begin = time.perf_counter()
        name = output([*box, "load", "-q", "-i", str(archive)]).split("Loaded image: ")[-1].strip() or "many:1"
        output([*box, "run", "--name", "first", name, "true"])
        ours.append(time.perf_counter() - begin)
        output([*box, "cp", "/etc/hostname", "first:/changed"])
        begin = time.perf_counter()
        output([*box, "commit", "first", f"next{number}"])
        commits.append(time.perf_counter() - begin)
        if podman:
            subprocess.run([podman, "rmi", "-f", name], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            begin = time.perf_counter()
            output([podman, "load", "-q", "-i", str(archive)])
            output(["unshare", "-m", "sh", "-c", LEGACY, "sh", podman, "run", "--name", "cowbox-bench-first", *PODMAN, name, "true"])
            theirs.append(time.perf_counter() - begin)
            output([podman, "cp", "/etc/hostname", "cowbox-bench-first:/changed"])
            begin = time.perf_counter()
            output([podman, "commit", "-q", "cowbox-bench-first", f"cowbox-bench-next:{number}"])
            podman_commits.append(time.perf_counter() - begin)
            output([podman, "rm", "-f", "cowbox-bench-first"])
            output([podman, "rmi", "-f", f"cowbox-bench-next:{number}"])
    table = Table("A large image", ["what", "cowbox", "podman", "ratio"])
    for what, one, other, most in (("load, first process", ours, theirs, 0.2), ("commit of one file", commits, podman_commits, 0.3)):
        mine = sorted(one)[len(one) // 2]
        if other:
            peer = sorted(other)[len(other) // 2]
            table.add([what, f"{mine:.2f} s", f"{peer:.2f} s", times(mine / peer)], f"<= {most}x", mine / peer <= most)
        else:
            table.add([what, f"{mine:.2f} s", "-", "-"])
    if podman:
        reading(bench, box, podman, name, table)
    return table


def reading(bench, box, podman, name, table):
    """Reads every file of the image inside a container, with a cold page cache and with a warm one."""
    script = "find / -xdev -type f -exec cat {} + > /dev/null"
    def drop():
        os.sync()
        Path("/proc/sys/vm/drop_caches").write_text("3\n")
    results = {}
    for side in ("cowbox", "podman"):
        command = [*box, "run", "-d", "--name", "reader", name, "sleep", "100000"] if side == "cowbox" else \
            ["unshare", "-m", "sh", "-c", LEGACY, "sh", podman, "run", "-d", "--name", "cowbox-bench-reader", *PODMAN, name, "sleep", "100000"]
        output(command)
        inside = [*box, "exec", "reader", "sh", "-c", script] if side == "cowbox" else \
            ["unshare", "-m", "sh", "-c", LEGACY, "sh", podman, "exec", "cowbox-bench-reader", "sh", "-c", script]
        cold, warm = [], []
        for _ in range(bench.options.image_rounds):
            drop()
            begin = time.perf_counter()
            output(inside)
            cold.append(time.perf_counter() - begin)
            begin = time.perf_counter()
            output(inside)
            warm.append(time.perf_counter() - begin)
        results[side] = (sorted(cold)[len(cold) // 2], sorted(warm)[len(warm) // 2])
        output([*box, "rm", "-f", "reader"] if side == "cowbox" else [podman, "rm", "-f", "-t", "0", "cowbox-bench-reader"])
    for at, (what, least) in enumerate((("reading it all, cold", 2.0), ("reading it all, warm", 1.3))):
        mine, peer = results["cowbox"][at], results["podman"][at]
        table.add([what, f"{mine:.2f} s", f"{peer:.2f} s", f"{peer / mine:.2f}x faster"], f">= {least}x faster", peer / mine >= least)


def checkouts(bench):
    """A user without further ids: an image written out as files for its first container, beside umoci's bundle of it."""
    archive, umoci = bench.options.archive, shutil.which("umoci")
    if not archive or not umoci:
        print("skipped: checkouts: it takes --archive and umoci", file=sys.stderr)
        return None
    folder = bench.scratch / "user"
    layout = folder / "layout"
    layout.mkdir(parents=True)
    output(["tar", "-C", str(layout), "-xf", str(archive)])
    index = json.loads((layout / "index.json").read_text())
    tag = index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"].rsplit(":", 1)[-1]
    index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"] = tag
    (layout / "index.json").write_text(json.dumps(index))
    output(["chown", "-R", f"{USER}:{USER}", str(folder)])
    os.chmod(bench.scratch, 0o755)
    user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "env", f"HOME={folder}"]
    store = folder / "store"
    box = [*user, bench.cowbox, "--root", str(store)]
    name = output([*box, "load", "-q", "-i", str(archive)]).split("Loaded image: ")[-1].strip()

    def settled(command):
        os.sync()
        begin = time.perf_counter()
        output(command)
        return time.perf_counter() - begin
    ours, theirs, ratios = [], [], []
    for number in range(bench.options.image_rounds):
        shutil.rmtree(store / "checkouts", ignore_errors=True)
        ours.append(settled([*box, "run", "--rm", name, "true"]))
        bundle = folder / f"bundle{number}"
        theirs.append(settled([*user, umoci, "unpack", "--rootless", "--image", f"{layout}:{tag}", str(bundle)]))
        shutil.rmtree(bundle)
        ratios.append(ours[-1] / theirs[-1])
    middle = sorted(ratios)[len(ratios) // 2]
    table = Table("A large image as files, for a user", ["command", "median", "to umoci"])
    table.add(["cowbox run --rm, the first", f"{sorted(ours)[len(ours) // 2]:.2f} s", times(middle)], "<= 1x umoci", middle <= 1)
    table.add(["umoci unpack --rootless", f"{sorted(theirs)[len(theirs) // 2]:.2f} s", "1.00x"])
    return table


PARTS = {"starts": starts, "execs": execs, "crowds": crowds, "memory": memory, "images": images, "checkouts": checkouts}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cowbox", type=Path, default=Path("target/release/cowbox"), help="the program, built for release")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--image-rounds", type=int, default=3)
    parser.add_argument("--archive", type=Path, help="an archive of an image with very many files")
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("parts", nargs="*", default=list(PARTS), metavar="PART", help=", ".join(PARTS))
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("this needs root")
    os.environ.pop("COWBOX_HOME", None)
    scratch = Path(tempfile.mkdtemp(prefix="cowbox-bench-")).resolve()
    bench, tables, failed = None, [], False
    before = load()
    try:
        bench = Bench(options, scratch)
        for part in options.parts:
            try:
                table = PARTS[part](bench)
            except Failed as error:
                print(f"failed: {part}: {error}", file=sys.stderr)
                failed = True
                continue
            if table:
                tables.append(table)
                print(table.text(), flush=True)
    finally:
        if bench:
            bench.close()
        shutil.rmtree(scratch, ignore_errors=True)
    head = f"{report.machine()}; load {before:.1f} before, {load():.1f} after; {options.rounds} rounds"
    print(head)
    if options.markdown:
        options.markdown.write_text(head + "\n\n" + "\n".join(table.markdown() for table in tables))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
