# Read by the scripts of ./systemd that are root's: bundles for `cowbox runtime --systemd-cgroup`, and what systemd says of their scopes.

. ./check.sh
runtime() { cowbox runtime --systemd-cgroup "$@"; }
property() { systemctl show --value -p "$2" "$1"; }
# A bundle with this cgroupsPath, these resources, and this script.
bundle() {
    mkdir -p rootfs/bin
    [ -e rootfs/bin/busybox ] || cp /usr/local/bin/busybox rootfs/bin/
    for name in sh sleep cat; do ln -sf busybox "rootfs/bin/$name"; done
    cat > config.json << END
{"ociVersion": "1.0.2", "root": {"path": "rootfs"}, "annotations": {$4},
 "process": {"user": {"uid": 0, "gid": 0}, "cwd": "/", "env": ["PATH=/bin"], "args": ["sh", "-c", "$3"]},
 "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
 "linux": {"cgroupsPath": "$1", "resources": {$2}, "namespaces": [{"type": "mount"}, {"type": "pid"}, {"type": "cgroup"}]}}
END
}
gone() { ! systemctl list-units --all --plain --no-legend "$1" | grep -q "$1"; }
