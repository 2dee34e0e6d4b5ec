#!/bin/bash
# Real clients of OCI runtimes run cowbox as theirs: Podman, containerd (by ctr, and as the kubelet calls it) and Docker's daemon, as
# Debian has them.
#
# usage: COWBOX=PROGRAM tests/clients/check.sh [podman|rootless|containerd|cri|dockerd]...
# As root, on Linux. Each client first runs a container with runc or crun: where that does not work here, it is skipped, with what it said.
set -u
here=$(dirname "$(readlink -f "$0")")
cowbox=$(readlink -f "${COWBOX:-target/debug/cowbox}")
scratch=$(mktemp -d)
runtime=$scratch/cowbox-runtime
ln -s "$cowbox" "$runtime"
passed=0 failed=0 skipped=0 out=""
daemons=()
user="" home=$scratch/home
# The cgroup of the pods.
pods=cowbox-cri-$$

finish() {
    if [ -n "$user" ]; then
        "$scratch/as-user" podman system reset -f >/dev/null 2>&1
        for pid in $(pgrep -u "$user"); do kill -KILL "$pid"; done
        userdel "$user"
    fi
    for pid in "${daemons[@]}"; do kill "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; done
    find /sys/fs/cgroup -type d -name "$pods" -exec rmdir {} +
    grep -o "$scratch[^ ]*" /proc/self/mounts | sort -r | while read -r place; do umount -l "$place" 2>/dev/null; done
    rm -rf "$scratch"
}
trap finish EXIT

# limited COMMAND...: in a time, for which functions have to see themselves.
limited() {
    if [ "$(type -t "$1")" = function ]; then "$@"; else timeout 120 "$@"; fi
}

# is WHAT EXPECTED COMMAND...: the command prints what is expected (a pattern of the shell) and ends well. What it printed stays in $out.
is() {
    local what=$1 expected=$2 code
    shift 2
    out=$(limited "$@" 2>"$scratch/err" </dev/null)
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
    limited "$@" >/dev/null 2>"$scratch/err" </dev/null
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
    for name in sh cat echo id ls mount ps sleep tr true touch kill hostname; do ln "$scratch/root/bin/busybox" "$scratch/root/bin/$name"; done
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

# start_containerd NAME ARGUMENT...: a daemon with files of its own, which listens to $scratch/NAME.sock.
start_containerd() {
    local name=$1
    shift
    mkdir -p "$scratch/$name"
    containerd "$@" --root "$scratch/$name/root" --state "$scratch/$name/state" --address "$scratch/$name.sock" >"$scratch/$name.log" 2>&1 &
    daemons+=($!)
    for _ in $(seq 100); do ctr --address "$scratch/$name.sock" version >/dev/null 2>&1 && return; sleep 0.1; done
}

# box_archive: $scratch/box.tar, an archive that ctr takes: ours. Its program runs until it is stopped.
box_archive() {
    [ -f "$scratch/box.tar" ] && return
    "$cowbox" --root "$scratch/store" import --platform "linux/$(uname -m)" --change 'ENV PATH=/bin' --change 'CMD ["sleep", "1000"]' "$scratch/root.tar" localhost/box:1 >/dev/null &&
        "$cowbox" --root "$scratch/store" save -o "$scratch/box.tar" localhost/box:1
}

check_containerd() {
    command -v containerd >/dev/null && command -v ctr >/dev/null || { skip "containerd is not installed"; return; }
    start_containerd containerd
    local ctr_=(ctr --address "$scratch/containerd.sock")
    box_archive || { skip "containerd: no image"; return; }
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

# What the kubelet asks of containerd, with cowbox as a RuntimeClass's handler. Pods have the host's network, as there is no CNI.
check_cri() {
    command -v containerd >/dev/null && command -v ctr >/dev/null || { skip "cri: containerd is not installed"; return; }
    command -v protoc >/dev/null && /usr/bin/python3 -c 'import grpc, google.protobuf' 2>/dev/null ||
        { skip "cri: this needs protobuf-compiler, python3-protobuf and python3-grpcio"; return; }
    protoc -I "$here" --python_out "$scratch" cri.proto || { skip "cri: protoc"; return; }
    export PYTHONPATH=$scratch
    cat >"$scratch/cri.toml" <<END
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/box:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    conf_dir = "$scratch/cri-no-cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.cowbox]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.cowbox.options]
      BinaryName = "$runtime"
      Root = "$scratch/cri-states"
END
    start_containerd cri --config "$scratch/cri.toml"
    box_archive && ctr --address "$scratch/cri.sock" -n k8s.io images import "$scratch/box.tar" >/dev/null 2>"$scratch/err" || { skip "cri: no image"; return; }
    local cri_=(/usr/bin/python3 "$here/cri.py" "$scratch/cri.sock") image='"image":{"image":"localhost/box:1"}'
    # containerd tells its CRI plugin of an image in the background.
    for _ in $(seq 100); do "${cri_[@]}" ImageStatus "{$image}" image.id 2>/dev/null | grep -q sha256 && break; sleep 0.1; done

    local host='"namespace_options":{"network":"NODE","pid":"CONTAINER"}' filtered='"seccomp":{"profile_type":"RuntimeDefault"}'
    # pod NAME: the configuration of a pod.
    pod() {
        echo "{\"metadata\":{\"name\":\"$1\",\"uid\":\"$1\",\"namespace\":\"default\"},\"log_directory\":\"$scratch/cri-logs\"," \
            "\"linux\":{\"cgroup_parent\":\"/$pods\",\"security_context\":{$host,$filtered}}}"
    }
    local id
    id=$("${cri_[@]}" RunPodSandbox "{\"config\":$(pod control),\"runtime_handler\":\"runc\"}" pod_sandbox_id 2>"$scratch/err") ||
        { skip "cri with runc: $(tail -1 "$scratch/err")"; return; }
    "${cri_[@]}" RemovePodSandbox "{\"pod_sandbox_id\":\"$id\"}"

    is "cri: the runtime" "containerd" "${cri_[@]}" Version '{}' runtime_name
    is "cri: RunPodSandbox" "?*" "${cri_[@]}" RunPodSandbox "{\"config\":$(pod one),\"runtime_handler\":\"cowbox\"}" pod_sandbox_id
    local pod="\"pod_sandbox_id\":\"$out\""
    is "cri: PodSandboxStatus" $'SANDBOX_READY\ncowbox' "${cri_[@]}" PodSandboxStatus "{$pod}" status.state status.runtime_handler
    is "cri: the state is ours" "*\"status\":\"running\"*" "$runtime" --root "$scratch/cri-states/k8s.io" list --format json

    # made NAME COMMAND [CONFIGURATION]: a container of the pod that has started; $container names it in requests.
    local container
    made() {
        is "cri: CreateContainer $1" "?*" "${cri_[@]}" CreateContainer \
            "{$pod,\"config\":{\"metadata\":{\"name\":\"$1\"},$image,\"command\":$2,\"log_path\":\"$1.log\"${3:+,$3}},\"sandbox_config\":$(pod one)}" container_id
        container="\"container_id\":\"$out\""
        is "cri: StartContainer $1" "" "${cri_[@]}" StartContainer "{$container}"
    }
    # ended: what is said of the container when it has ended.
    ended() {
        local says
        for _ in $(seq 100); do
            says=$("${cri_[@]}" ContainerStatus "{$container}" status.state status.exit_code status.reason) || return
            [[ $says == CONTAINER_EXITED* ]] && break
            sleep 0.1
        done
        echo $says
    }

    made ends '["sh","-c","echo hi; exit 3"]'
    is "cri: ContainerStatus of one that ended" "CONTAINER_EXITED 3 Error" ended
    is "cri: the log" "* stdout F hi" cat "$scratch/cri-logs/ends.log"
    is "cri: RemoveContainer" "" "${cri_[@]}" RemoveContainer "{$container}"

    mkdir -p "$scratch/cri-volume"
    made stays '["sh","-c","trap \"exit 7\" TERM; while :; do sleep 0.1; done"]' \
        "\"mounts\":[{\"container_path\":\"/volume\",\"host_path\":\"$scratch/cri-volume\"}],\"linux\":{
            \"resources\":{\"memory_limit_in_bytes\":67108864,\"cpu_shares\":512,\"oom_score_adj\":500},
            \"security_context\":{$host,$filtered,\"run_as_user\":{\"value\":7},\"readonly_rootfs\":true,\"no_new_privs\":true}}"
    is "cri: ContainerStatus" "CONTAINER_RUNNING" "${cri_[@]}" ContainerStatus "{$container}" status.state
    # in_it COMMAND FIELD...: by ExecSync.
    in_it() { "${cri_[@]}" ExecSync "{$container,\"cmd\":[\"sh\",\"-c\",\"$1\"],\"timeout\":20}" "${@:2}"; }
    is "cri: ExecSync" $'in\nout\n5' in_it 'echo in; echo out >&2; exit 5' stdout stderr exit_code
    is "cri: the user" "7" in_it 'id -u' stdout
    is "cri: no_new_privs and the filter" $'NoNewPrivs:\t1\nSeccomp:\t2' in_it 'while read -r k v; do case $k in NoNewPrivs:|Seccomp:) echo \"$k\t$v\";; esac; done </proc/self/status' stdout
    is "cri: oom_score_adj" "500" in_it 'cat /proc/1/oom_score_adj' stdout
    is "cri: a read-only root" "1" in_it 'touch /x 2>/dev/null' exit_code
    is "cri: ContainerStats" "[1-9]*" "${cri_[@]}" ContainerStats "{$container}" stats.memory.working_set_bytes.value
    is "cri: the limit of memory" "67108864" in_it 'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null' stdout
    is "cri: UpdateContainerResources" "" "${cri_[@]}" UpdateContainerResources "{$container,\"linux\":{\"memory_limit_in_bytes\":33554432}}"
    is "cri: the new limit" "33554432" in_it 'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null' stdout
    is "cri: StopContainer" "" "${cri_[@]}" StopContainer "{$container,\"timeout\":20}"
    is "cri: ContainerStatus of one that was stopped" "CONTAINER_EXITED 7 Error" ended
    is "cri: RemoveContainer" "" "${cri_[@]}" RemoveContainer "{$container}"

    made killed '["sleep","1000"]' "\"linux\":{\"security_context\":{$host}}"
    is "cri: StopContainer of one that does not listen" "" "${cri_[@]}" StopContainer "{$container,\"timeout\":1}"
    is "cri: ContainerStatus of one that was killed" "CONTAINER_EXITED 137 Error" ended

    made shares '["sleep","1000"]' '"linux":{"security_context":{"namespace_options":{"network":"NODE","pid":"POD"}}}'
    is "cri: the pod's processes" "sleep 1000 " in_it "tr '\\\\0' ' ' </proc/1/cmdline" stdout
    is "cri: StopContainer of one that is not the first process" "" "${cri_[@]}" StopContainer "{$container,\"timeout\":20}"
    is "cri: ContainerStatus of one that a signal ended" "CONTAINER_EXITED 143 Error" ended

    # It takes what is left of its containers along.
    is "cri: StopPodSandbox" "" "${cri_[@]}" StopPodSandbox "{$pod}"
    is "cri: PodSandboxStatus of one that was stopped" "SANDBOX_NOTREADY" "${cri_[@]}" PodSandboxStatus "{$pod}" status.state
    is "cri: RemovePodSandbox" "" "${cri_[@]}" RemovePodSandbox "{$pod}"
    is "cri: ListPodSandbox" "0" "${cri_[@]}" ListPodSandbox '{}' items
    is "cri: ListContainers" "0" "${cri_[@]}" ListContainers '{}' containers
    is "cri: no state is left" "" "$runtime" --root "$scratch/cri-states/k8s.io" list --quiet
    is "cri: no cgroup is left" "" find /sys/fs/cgroup -mindepth 2 -type d -path "*/$pods/*"
    shims() { pgrep -f "shim.* $scratch/cri.sock" || true; }
    is "cri: no shim is left" "" shims
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
if [ $# = 0 ]; then set -- podman rootless containerd cri dockerd; fi
for client in "$@"; do "check_$client"; done
echo "clients: $passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
