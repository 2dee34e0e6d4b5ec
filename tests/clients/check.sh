#!/bin/bash
# Real clients of OCI runtimes run cowbox as theirs: Podman, containerd (by ctr) and Docker's daemon, as Debian has them.
#
# usage: COWBOX=PROGRAM tests/clients/check.sh [podman|rootless|containerd|dockerd]...
# As root, on Linux. Each client first runs a container with runc or crun: where that does not work here, it is skipped, with what it said.
set -u
cowbox=$(readlink -f "${COWBOX:-target/debug/cowbox}")
scratch=$(mktemp -d)
runtime=$scratch/cowbox-runtime
ln -s "$cowbox" "$runtime"
passed=0 failed=0 skipped=0
daemons=()
user="" home=$scratch/home

finish() {
    if [ -n "$user" ]; then
        "$scratch/as-user" podman system reset -f >/dev/null 2>&1
        for pid in $(pgrep -u "$user"); do kill -KILL "$pid"; done
        userdel "$user"
    fi
    for pid in "${daemons[@]}"; do kill "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; done
    grep -o "$scratch[^ ]*" /proc/self/mounts | sort -r | while read -r place; do umount -l "$place" 2>/dev/null; done
    rm -rf "$scratch"
}
trap finish EXIT

# is WHAT EXPECTED COMMAND...: the command prints what is expected (a pattern of the shell) and ends well.
is() {
    local what=$1 expected=$2 out code
    shift 2
    out=$(timeout 120 "$@" 2>"$scratch/err" </dev/null)
    code=$?
    # shellcheck disable=SC2053  # a pattern
    if [ $code = 0 ] && [[ $out == $expected ]]; then passed=$((passed + 1)); return; fi
    failed=$((failed + 1))
    printf 'failed: %s: exit %s: %s\n%s\n' "$what" "$code" "$out" "$(tail -5 "$scratch/err")"
}

# ends WHAT CODE COMMAND...: the command ends with this code.
ends() {
    local what=$1 expected=$2 code
    shift 2
    timeout 120 "$@" >/dev/null 2>"$scratch/err" </dev/null
    code=$?
    if [ $code = "$expected" ]; then passed=$((passed + 1)); return; fi
    failed=$((failed + 1))
    printf 'failed: %s: exit %s, expected %s\n%s\n' "$what" "$code" "$expected" "$(tail -5 "$scratch/err")"
}

skip() {
    skipped=$((skipped + 1))
    echo "skipped: $*"
}

rootfs() {
    mkdir -p "$scratch"/root/{bin,etc,proc,sys,dev,tmp}
    cp /bin/busybox "$scratch/root/bin/busybox" || return
    for name in sh cat echo id ls mount ps sleep true touch kill hostname; do ln "$scratch/root/bin/busybox" "$scratch/root/bin/$name"; done
    echo 'root:x:0:0:root:/:/bin/sh' >"$scratch/root/etc/passwd"
    tar -C "$scratch/root" -cf "$scratch/root.tar" .
}

check_podman() {
    command -v podman >/dev/null || { skip "podman is not installed"; return; }
    local limits=(--network none --ulimit nofile=1024:4096 --ulimit nproc=4096:4096) control=runc ours=(--runtime "$runtime")
    command -v runc >/dev/null || control=crun
    local podman_=(podman --root "$scratch/podman" --runroot "$scratch/podman-run" --storage-driver overlay --cgroup-manager cgroupfs)
    "${podman_[@]}" import -q "$scratch/root.tar" box:1 >/dev/null 2>"$scratch/err" || { skip "podman: $(tail -1 "$scratch/err")"; return; }
    "${podman_[@]}" --runtime $control run --rm "${limits[@]}" box:1 true 2>"$scratch/err" || { skip "podman with $control: $(tail -1 "$scratch/err")"; return; }
    is "podman run" "hi" "${podman_[@]}" "${ours[@]}" run --rm "${limits[@]}" box:1 echo hi
    ends "podman run: the exit code" 3 "${podman_[@]}" "${ours[@]}" run --rm "${limits[@]}" box:1 sh -c 'exit 3'
    ends "podman run: no such program" 127 "${podman_[@]}" "${ours[@]}" run --rm "${limits[@]}" box:1 nosuch
    ends "podman run: no program" 126 "${podman_[@]}" "${ours[@]}" run --rm "${limits[@]}" box:1 /etc
    is "podman run: read-only" "ok" "${podman_[@]}" "${ours[@]}" run --rm "${limits[@]}" --read-only box:1 sh -c 'touch /x 2>/dev/null || touch /tmp/x && echo ok'
    is "podman run: a terminal" "*/dev/pts/0*" "${podman_[@]}" "${ours[@]}" run --rm -t "${limits[@]}" box:1 ls /dev/pts/0
    is "podman run -d" "*" "${podman_[@]}" "${ours[@]}" run -d --name one "${limits[@]}" box:1 sleep 1000
    is "podman exec" "in" "${podman_[@]}" "${ours[@]}" exec one echo in
    is "podman exec: a terminal" "in*" "${podman_[@]}" "${ours[@]}" exec -t one echo in
    is "podman pause" "*" "${podman_[@]}" "${ours[@]}" pause one
    is "podman inspect" "paused" "${podman_[@]}" inspect --format '{{.State.Status}}' one
    is "podman unpause" "*" "${podman_[@]}" "${ours[@]}" unpause one
    is "podman top" "*sleep*" "${podman_[@]}" top one
    ends "podman stop" 0 "${podman_[@]}" "${ours[@]}" stop -t 1 one
    is "podman inspect: the code" "137" "${podman_[@]}" inspect --format '{{.State.ExitCode}}' one
    ends "podman restart" 0 "${podman_[@]}" "${ours[@]}" restart one
    ends "podman rm" 0 "${podman_[@]}" "${ours[@]}" rm -f -t 0 one
    is "podman pod" "*" "${podman_[@]}" "${ours[@]}" run -d --name first --ipc shareable "${limits[@]}" box:1 sleep 1000
    is "podman: joined namespaces" "*" "${podman_[@]}" "${ours[@]}" run --rm --network container:first --ipc container:first --pid container:first \
        --ulimit nofile=1024:4096 --ulimit nproc=4096:4096 box:1 true
    ends "podman rm" 0 "${podman_[@]}" "${ours[@]}" rm -f -t 0 first
}

# Podman of a user: it is root of a user namespace, and so is the runtime that it calls.
check_rootless() {
    command -v podman >/dev/null || { skip "podman is not installed"; return; }
    local name=cowbox-check$$ control=runc
    command -v runc >/dev/null || control=crun
    mkdir -p "$scratch/session"
    chmod 755 "$scratch" && chmod 644 "$scratch/root.tar"
    useradd --user-group --home-dir "$home" --create-home "$name" 2>"$scratch/err" || { skip "useradd: $(tail -1 "$scratch/err")"; return; }
    user=$name
    chown "$user" "$scratch/session" && chmod 700 "$scratch/session"
    cat >"$scratch/as-user" <<END
#!/bin/sh
cd "$home" && exec setpriv --reuid $user --regid $user --init-groups env -i HOME="$home" USER=$user PATH="$PATH" XDG_RUNTIME_DIR="$scratch/session" "\$@"
END
    # Theirs to run, wherever it was built.
    cp "$cowbox" "$scratch/cowbox" && printf '#!/bin/sh\nexec %s runtime "$@"\n' "$scratch/cowbox" >"$scratch/rootless-runtime"
    chmod 755 "$scratch/cowbox" "$scratch/rootless-runtime" "$scratch/as-user"
    local podman_=("$scratch/as-user" podman --storage-driver overlay --cgroup-manager cgroupfs --events-backend file)
    local limits=(--ulimit nofile=1024:4096 --ulimit nproc=4096:4096) ours=(--runtime "$scratch/rootless-runtime")
    local alone=(--network none "${limits[@]}")
    "${podman_[@]}" import -q "$scratch/root.tar" box:1 >/dev/null 2>"$scratch/err" || { skip "podman of a user: $(tail -1 "$scratch/err")"; return; }
    "${podman_[@]}" --runtime $control run --rm "${alone[@]}" box:1 true 2>"$scratch/err" || { skip "podman of a user with $control: $(tail -1 "$scratch/err")"; return; }
    is "podman run of a user" "0" "${podman_[@]}" "${ours[@]}" run --rm "${alone[@]}" box:1 id -u
    is "podman run of a user: another id" "5:6" "${podman_[@]}" "${ours[@]}" run --rm "${alone[@]}" --user 5:6 box:1 sh -c 'echo $(id -u):$(id -g)'
    is "podman run --userns=keep-id" "$(id -u "$user")" "${podman_[@]}" "${ours[@]}" run --rm "${alone[@]}" --userns keep-id box:1 id -u
    ends "podman run of a user: the exit code" 3 "${podman_[@]}" "${ours[@]}" run --rm "${alone[@]}" box:1 sh -c 'exit 3'
    ends "podman run of a user: no such program" 127 "${podman_[@]}" "${ours[@]}" run --rm "${alone[@]}" box:1 nosuch
    is "podman run of a user: a volume" "0" "${podman_[@]}" "${ours[@]}" run --rm "${alone[@]}" -v vol:/v -v "$home:/h:ro" box:1 sh -c 'touch /v/a && ! touch /h/a 2>/dev/null && id -u'
    is "podman run of a user: the host's network" "*" "${podman_[@]}" "${ours[@]}" run --rm --network host "${limits[@]}" box:1 true
    is "podman run -d of a user" "*" "${podman_[@]}" "${ours[@]}" run -d --name one "${alone[@]}" box:1 sh -c 'echo up; trap "exit 4" TERM; while :; do sleep 0.1; done'
    is "podman exec of a user" "7" "${podman_[@]}" "${ours[@]}" exec -u 7 one id -u
    is "podman exec of a user: a terminal" "in*" "${podman_[@]}" "${ours[@]}" exec -t one echo in
    is "podman ps of a user" "one Up*" "${podman_[@]}" "${ours[@]}" ps --format '{{.Names}} {{.Status}}'
    is "podman logs of a user" "up" "${podman_[@]}" logs one
    is "podman top of a user" "*sleep*" "${podman_[@]}" top one
    ends "podman stop of a user" 0 "${podman_[@]}" "${ours[@]}" stop -t 20 one
    is "podman inspect: the code" "4" "${podman_[@]}" inspect --format '{{.State.ExitCode}}' one
    ends "podman restart of a user" 0 "${podman_[@]}" "${ours[@]}" restart -t 1 one
    ends "podman rm of a user" 0 "${podman_[@]}" "${ours[@]}" rm -f -t 0 one
}

check_containerd() {
    command -v containerd >/dev/null && command -v ctr >/dev/null || { skip "containerd is not installed"; return; }
    mkdir -p "$scratch/containerd"
    containerd --root "$scratch/containerd/root" --state "$scratch/containerd/state" --address "$scratch/containerd.sock" >"$scratch/containerd.log" 2>&1 &
    daemons+=($!)
    local ctr_=(ctr --address "$scratch/containerd.sock")
    for _ in $(seq 100); do "${ctr_[@]}" version >/dev/null 2>&1 && break; sleep 0.1; done
    # An archive that ctr takes: ours.
    "$cowbox" --root "$scratch/store" import --platform "linux/$(uname -m)" "$scratch/root.tar" localhost/box:1 >/dev/null || { skip "containerd: no image"; return; }
    "$cowbox" --root "$scratch/store" save -o "$scratch/box.tar" localhost/box:1
    "${ctr_[@]}" images import "$scratch/box.tar" >/dev/null 2>"$scratch/err" || { skip "ctr images import: $(tail -1 "$scratch/err")"; return; }
    "${ctr_[@]}" run --rm localhost/box:1 control true 2>"$scratch/err" || { skip "ctr with runc: $(tail -1 "$scratch/err")"; return; }
    local run=("${ctr_[@]}" run --runc-binary "$runtime")
    is "ctr run" "hi" "${run[@]}" --rm localhost/box:1 c1 echo hi
    ends "ctr run: the exit code" 4 "${run[@]}" --rm localhost/box:1 c2 sh -c 'exit 4'
    is "ctr run -d" "*" "${run[@]}" -d localhost/box:1 c3 sleep 1000
    is "ctr task exec" "in" "${ctr_[@]}" task exec --exec-id e1 c3 echo in
    is "ctr task pause" "" "${ctr_[@]}" task pause c3
    is "ctr task ls" "*PAUSED*" "${ctr_[@]}" task ls
    is "ctr task resume" "" "${ctr_[@]}" task resume c3
    is "ctr task metrics" "*METRIC*" "${ctr_[@]}" task metrics c3
    is "ctr task ps" "*PID*" "${ctr_[@]}" task ps c3
    is "ctr task kill" "" "${ctr_[@]}" task kill -s 9 c3
    for _ in $(seq 100); do "${ctr_[@]}" task ls | grep -q STOPPED && break; sleep 0.1; done
    ends "ctr task rm" 0 "${ctr_[@]}" task rm c3
    is "ctr containers rm" "" "${ctr_[@]}" containers rm c3
}

check_dockerd() {
    command -v dockerd >/dev/null && command -v docker >/dev/null || { skip "dockerd is not installed"; return; }
    [ -S "$scratch/containerd.sock" ] || { skip "dockerd needs the containerd of this script"; return; }
    mkdir -p "$scratch/docker"
    dockerd --data-root "$scratch/docker/root" --exec-root "$scratch/docker/exec" -H "unix://$scratch/docker.sock" --pidfile "$scratch/docker/pid" \
        --containerd "$scratch/containerd.sock" --add-runtime "cowbox=$runtime" >"$scratch/docker.log" 2>&1 &
    daemons+=($!)
    export DOCKER_HOST=unix://$scratch/docker.sock
    for _ in $(seq 200); do docker info >/dev/null 2>&1 && break; sleep 0.1; done
    docker import "$scratch/root.tar" box:1 >/dev/null 2>"$scratch/err" || { skip "docker import: $(tail -1 "$scratch/err")"; return; }
    docker run --rm --network none box:1 true 2>"$scratch/err" || { skip "docker with runc: $(tail -1 "$scratch/err")"; return; }
    local run=(docker run --runtime cowbox)
    is "docker run" "hi" "${run[@]}" --rm --network none box:1 echo hi
    ends "docker run: the exit code" 5 "${run[@]}" --rm --network none box:1 sh -c 'exit 5'
    ends "docker run: no such program" 127 "${run[@]}" --rm --network none box:1 nosuch
    if docker run --rm box:1 true 2>/dev/null; then
        is "docker run: its bridge" "*eth0*" "${run[@]}" --rm box:1 ls /sys/class/net
    else
        skip "docker's bridge does not work here with runc"
    fi
    is "docker run -d" "*" "${run[@]}" -d --name d1 --network none -m 64m box:1 sleep 1000
    is "docker exec" "in" docker exec d1 echo in
    is "docker pause" "d1" docker pause d1
    is "docker ps" "*Paused*" docker ps --format '{{.Status}}'
    is "docker unpause" "d1" docker unpause d1
    is "docker update" "d1" docker update --memory 32m --memory-swap 64m d1
    is "docker top" "*sleep*" docker top d1
    is "docker stop" "d1" docker stop -t 1 d1
    is "docker inspect: the code" "137" docker inspect -f '{{.State.ExitCode}}' d1
    is "docker rm" "d1" docker rm d1
    is "docker run --privileged" "*" "${run[@]}" --rm --privileged --network none box:1 ls /dev
}

[ "$(id -u)" = 0 ] || { echo "skipped: clients: this needs root"; exit 0; }
[ -x /bin/busybox ] && rootfs || { echo "skipped: clients: no static busybox"; exit 0; }
if [ $# = 0 ]; then set -- podman rootless containerd dockerd; fi
for client in "$@"; do "check_$client"; done
echo "clients: $passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
