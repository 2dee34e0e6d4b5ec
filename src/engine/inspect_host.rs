//! What a container was created with, as Docker's `HostConfig` has it.

use serde_json::{Value, json};

use super::inspect::append;
use super::native::SHM_SIZE;
use crate::store::{
    ContainerRecord, IdRange, IsolationRecord, MountRecord, MountSource, NamespaceMode, RateRecord, Recursion, Relabel,
    ResourcesRecord, WeightRecord,
};

/// The options of a container by Docker's names.
pub(super) fn host_config(record: &ContainerRecord) -> Value {
    let limits = &record.limits;
    let mut value = json!({
        "Binds": binds(&record.mounts),
        "ContainerIDFile": "",
        "LogConfig": { "Type": "json-file", "Config": {} },
        "NetworkMode": network_mode(&record.isolation.sharing.network),
        "PortBindings": {},
        "RestartPolicy": { "Name": "no", "MaximumRetryCount": 0 },
        "AutoRemove": record.auto_remove,
        "Memory": limits.memory.unwrap_or(0),
        "PidsLimit": limits.processes,
        "NanoCpus": (limits.cpus.unwrap_or(0.0) * 1e9) as u64,
        "ReadonlyRootfs": record.read_only,
        "Runtime": record.runtime,
        "Tmpfs": tmpfs(&record.mounts),
    });
    let object = value.as_object_mut().expect("it was made as one");
    append(object, resources(&record.resources));
    append(object, isolation(record, &record.isolation));
    if !record.annotations.is_empty() {
        append(object, json!({ "Annotations": record.annotations }));
    }
    value
}

/// How a native container is kept apart from the host.
fn isolation(record: &ContainerRecord, isolation: &IsolationRecord) -> Value {
    let (sharing, resolver) = (&isolation.sharing, &isolation.resolver);
    let mode = |mode: &NamespaceMode| if mode.is_own() { String::new() } else { mode.to_string() };
    let words = |words: &[String]| if words.is_empty() { Value::Null } else { json!(words) };
    let devices = isolation.devices.iter().map(|device| {
        json!({
            "PathOnHost": device.host,
            "PathInContainer": device.container,
            "CgroupPermissions": device.access,
        })
    });
    let open_files = record.limits.open_files.map(|limit| ("nofile".to_owned(), limit.into(), limit.into()));
    let ulimits = open_files.into_iter().chain(isolation.ulimits.iter().cloned()).map(|(name, soft, hard)| {
        // Docker's number for none.
        let number = |limit: u64| i64::try_from(limit).unwrap_or(-1);
        json!({ "Name": name, "Hard": number(hard), "Soft": number(soft) })
    });
    let sysctls = isolation.sysctls.iter().map(|(name, value)| (name.clone(), json!(value)));
    let hosts = resolver.hosts.iter().map(|(name, address)| format!("{name}:{address}")).collect::<Vec<_>>();
    let is_open = isolation.privileged || isolation.security.unconfined_paths;
    let paths = |paths: &[&str]| if is_open { json!([]) } else { json!(paths) };
    json!({
        "CapAdd": words(&isolation.cap_add),
        "CapDrop": words(&isolation.cap_drop),
        "CgroupnsMode": sharing.cgroup.to_string(),
        "Dns": resolver.servers,
        "DnsOptions": resolver.options,
        "DnsSearch": resolver.search,
        "ExtraHosts": words(&hosts),
        "GroupAdd": words(&isolation.group_add),
        "IpcMode": sharing.ipc.to_string(),
        "OomScoreAdj": isolation.oom_score_adj.unwrap_or(0),
        "PidMode": mode(&sharing.pid),
        "Privileged": isolation.privileged,
        "SecurityOpt": words(&security(isolation)),
        "UTSMode": mode(&sharing.uts),
        "IDMappings": mappings(isolation.ids),
        "UsernsMode": record.isolation.userns.clone().unwrap_or_default(),
        "ShmSize": isolation.shm_size.unwrap_or(SHM_SIZE),
        "Sysctls": sysctls.collect::<serde_json::Map<_, _>>(),
        "Devices": devices.collect::<Vec<_>>(),
        "DeviceCgroupRules": words(&isolation.device_rules),
        "Ulimits": ulimits.collect::<Vec<_>>(),
        "Init": isolation.init,
        "MaskedPaths": paths(super::native::MASKED),
        "ReadonlyPaths": paths(super::native::READ_ONLY),
    })
}

/// The users and groups of a container with ids of its own, as Podman shows them.
fn mappings(ids: Option<IdRange>) -> Value {
    ids.map_or(Value::Null, |IdRange { uid, gid, size }| {
        json!({ "UidMap": [format!("0:{uid}:{size}")], "GidMap": [format!("0:{gid}:{size}")] })
    })
}

/// `--security-opt` as it was given.
fn security(isolation: &IsolationRecord) -> Vec<String> {
    let seccomp = isolation.seccomp.as_ref().map(|profile| format!("seccomp={profile}"));
    let apparmor = isolation.security.apparmor.as_ref().map(|profile| format!("apparmor={profile}"));
    let labels = isolation.security.labels.iter().map(|(part, value)| format!("label={}:{value}", part.word()));
    let when = |is_given: bool, word: &str| is_given.then(|| word.to_owned());
    [
        when(isolation.no_new_privileges, "no-new-privileges"),
        seccomp,
        apparmor,
        when(isolation.security.label_disabled, "label=disable"),
        when(isolation.security.unconfined_paths, "systempaths=unconfined"),
    ]
    .into_iter()
    .flatten()
    .chain(labels)
    .collect()
}

/// A network of its own is what Docker calls none.
fn network_mode(mode: &NamespaceMode) -> String {
    if mode.is_own() { "none".to_owned() } else { mode.to_string() }
}

/// The limits of a cgroup.
fn resources(resources: &ResourcesRecord) -> Value {
    let rates = |rates: &[RateRecord]| match rates {
        [] => Value::Null,
        rates => rates.iter().map(|rate| json!({ "Path": rate.device, "Rate": rate.rate })).collect(),
    };
    let weights = |weights: &[WeightRecord]| match weights {
        [] => Value::Null,
        weights => weights.iter().map(|weight| json!({ "Path": weight.device, "Weight": weight.weight })).collect(),
    };
    json!({
        "CgroupParent": resources.cgroup_parent,
        "CpuShares": resources.cpu_shares,
        "BlkioWeight": resources.blkio_weight,
        "BlkioWeightDevice": weights(&resources.blkio_weight_device),
        "BlkioDeviceReadBps": rates(&resources.device_read_bps),
        "BlkioDeviceWriteBps": rates(&resources.device_write_bps),
        "BlkioDeviceReadIOps": rates(&resources.device_read_iops),
        "BlkioDeviceWriteIOps": rates(&resources.device_write_iops),
        "CpuPeriod": resources.cpu_period,
        "CpuQuota": resources.cpu_quota,
        "CpusetCpus": resources.cpuset_cpus,
        "CpusetMems": resources.cpuset_mems,
        "MemoryReservation": resources.memory_reservation,
        "MemorySwap": resources.memory_swap,
        "MemorySwappiness": resources.memory_swappiness,
        "OomKillDisable": resources.oom_kill_disable,
    })
}

fn binds(mounts: &[MountRecord]) -> Value {
    let of = |mount: &MountRecord| {
        let source = match &mount.source {
            MountSource::Bind { path } => path.display().to_string(),
            MountSource::Volume { name, anonymous: false, .. } => name.clone(),
            _ => return None,
        };
        let mut options = Vec::new();
        options.extend(mount.read_only.then_some("ro"));
        options.extend((mount.bind.recursion == Recursion::Disabled).then_some("bind"));
        options.extend((mount.bind.propagation != Default::default()).then_some(mount.bind.propagation.word()));
        options.extend(mount.bind.id_map.as_ref().map(|_| "idmap"));
        options.extend(mount.relabel.map(Relabel::letter));
        let options = if options.is_empty() { String::new() } else { format!(":{}", options.join(",")) };
        Some(format!("{source}:{}{options}", mount.target))
    };
    let binds = mounts.iter().filter_map(of).collect::<Vec<_>>();
    if binds.is_empty() { Value::Null } else { json!(binds) }
}

/// The file systems in memory: their places and options.
fn tmpfs(mounts: &[MountRecord]) -> Value {
    let of = |mount: &MountRecord| {
        let MountSource::Tmpfs { size, mode, options } = &mount.source else { return None };
        let mut words = options.clone();
        words.extend(size.map(|size| format!("size={size}")));
        words.extend(mode.map(|mode| format!("mode={mode:o}")));
        Some((mount.target.clone(), json!(words.join(","))))
    };
    let all = mounts.iter().filter_map(of).collect::<serde_json::Map<_, _>>();
    if all.is_empty() { Value::Null } else { Value::Object(all) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{BindRecord, Propagation};

    #[test]
    fn mounts_are_shown_as_they_were_asked_for() {
        let bind = BindRecord { propagation: Propagation::Rslave, ..BindRecord::default() };
        let source = MountSource::Bind { path: "/a".into() };
        let mounts =
            [MountRecord { read_only: true, bind, relabel: Some(Relabel::Private), ..MountRecord::new(source, "/b") }];
        assert_eq!(binds(&mounts), json!(["/a:/b:ro,rslave,Z"]));
        let source = MountSource::Tmpfs { size: Some(9), mode: None, options: vec!["exec".into()] };
        assert_eq!(tmpfs(&[MountRecord::new(source, "/t")]), json!({ "/t": "exec,size=9" }));
        assert_eq!((binds(&[]), tmpfs(&[])), (Value::Null, Value::Null));
    }
}
