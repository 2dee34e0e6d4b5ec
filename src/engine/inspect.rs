//! `inspect`: images, containers and volumes as the JSON that Docker's clients know.

use serde_json::{Map, Value, json};

use super::apparmor;
use super::error::Result;
use super::images::Image;
use super::inspect_host::host_config;
use super::{Container, Engine};
use crate::store::{ContainerState, MountRecord, MountSource, Relabel, Status, Volume};

impl Engine {
    /// An image, in the shape of `docker image inspect`.
    pub fn inspect_image(&self, image: &Image) -> Value {
        let config = &image.config.view;
        let size = self.image_size(image);
        let mut value = json!({
            "Id": image.id.to_string(),
            "RepoTags": image.names.iter().map(|name| name.familiar()).collect::<Vec<_>>(),
            "RepoDigests": repo_digests(image),
            "Parent": "",
            "Comment": config.history.last().map_or("", |entry| entry.comment.as_str()),
            "Created": config.created.clone().unwrap_or_default(),
            "DockerVersion": "",
            "Author": config.author,
            "Config": config.config,
            "Architecture": config.architecture,
        });
        let object = value.as_object_mut().expect("it was made as one");
        if !config.variant.is_empty() {
            object.insert("Variant".into(), json!(config.variant));
        }
        let rest = json!({
            "Os": config.os,
            "Size": size,
            "VirtualSize": size,
            "GraphDriver": { "Name": "erofs", "Data": Value::Null },
            "RootFS": { "Type": "layers", "Layers": config.rootfs.diff_ids },
            "Metadata": { "LastTagTime": "0001-01-01T00:00:00Z" },
            "Descriptor": image.descriptor(),
        });
        append(object, rest);
        value
    }

    /// A container, in the shape of `docker inspect`.
    pub fn inspect_container(&self, container: &Container, size: bool) -> Result<Value> {
        let (record, state) = (&container.record, &container.state);
        let (path, args) = record.args.split_first().map_or(("", &[][..]), |(path, args)| (path.as_str(), args));
        let (entrypoint, cmd) = record.args.split_at(record.entrypoint_len.min(record.args.len()));
        let mut value = json!({
            "Id": record.id.as_str(),
            "Created": record.created,
            "Path": path,
            "Args": args,
            "State": {
                "Status": state_word(state),
                "Running": state.status == Status::Running,
                "Paused": state.paused,
                "Restarting": false,
                "OOMKilled": state.oom_killed,
                "Dead": false,
                "Pid": if state.status == Status::Running { state.init.map_or(state.pid, |init| init.pid) } else { 0 },
                "ExitCode": state.exit_code,
                "Error": state.error,
                "StartedAt": or_zero_time(&state.started),
                "FinishedAt": or_zero_time(&state.finished),
            },
            "Image": record.image_id.to_string(),
            "ResolvConfPath": "",
            "HostnamePath": "",
            "HostsPath": "",
            "LogPath": self.store.log_path(&record.id).display().to_string(),
            "Name": format!("/{}", container.name),
            "RestartCount": 0,
            "Driver": "erofs",
            "Platform": record.platform.split('/').next().unwrap_or_default(),
            "MountLabel": record.isolation.labels.mount,
            "ProcessLabel": record.isolation.labels.process,
            "AppArmorProfile": if record.runtime == "native" { apparmor::word(&record.isolation) } else { "" },
            "HostConfig": host_config(record),
            "Mounts": record.mounts.iter().map(|mount| self.mount_point(mount)).collect::<Vec<_>>(),
            "Config": {
                "Hostname": record.hostname,
                "Domainname": record.isolation.domainname,
                "User": record.user,
                "AttachStdin": record.open_stdin && !record.detached,
                "AttachStdout": !record.detached,
                "AttachStderr": !record.detached,
                "Tty": record.tty,
                "OpenStdin": record.open_stdin,
                "StdinOnce": record.open_stdin && !record.detached,
                "Env": record.env,
                "Cmd": cmd,
                "Image": record.image,
                "WorkingDir": record.working_dir,
                "Entrypoint": if entrypoint.is_empty() { Value::Null } else { json!(entrypoint) },
                "Labels": record.labels,
                "StopSignal": record.stop_signal.as_deref().unwrap_or("SIGTERM"),
                "StopTimeout": record.stop_timeout,
            },
            "NetworkSettings": { "Ports": {}, "Networks": {} },
        });
        if !record.exposed_ports.is_empty() {
            let ports = record.exposed_ports.iter().map(|port| (port.clone(), json!({})));
            value["Config"]["ExposedPorts"] = ports.collect::<Map<_, _>>().into();
        }
        if size {
            let object = value.as_object_mut().expect("it was made as one");
            let (own, root) = self.container_sizes(container)?;
            append(object, json!({ "SizeRw": own, "SizeRootFs": root }));
        }
        Ok(value)
    }

    /// Bytes that a container takes by itself, and with its image.
    pub fn container_sizes(&self, container: &Container) -> Result<(u64, u64)> {
        let own = self.store.container_usage(&container.record.id);
        let image = self.store.image(&container.record.manifest)?;
        let layers = image.config.view.rootfs.diff_ids.iter();
        let of_image: u64 = layers.map(|layer| self.store.layer_info(layer).content_size).sum();
        Ok((own, own + of_image))
    }

    /// A volume, in the shape of `docker volume inspect`.
    pub fn inspect_volume(&self, volume: &Volume) -> Value {
        json!({
            "CreatedAt": volume.created,
            "Driver": "local",
            "Labels": volume.labels,
            "Mountpoint": self.store.volume_data(&volume.name).display().to_string(),
            "Name": volume.name,
            "Options": Value::Null,
            "Scope": "local",
        })
    }

    fn mount_point(&self, mount: &MountRecord) -> Value {
        let (kind, name, source) = match &mount.source {
            MountSource::Bind { path } => ("bind", None, path.display().to_string()),
            MountSource::Volume { name, .. } => {
                ("volume", Some(name), self.store.volume_data(name).display().to_string())
            }
            MountSource::Tmpfs { .. } => ("tmpfs", None, String::new()),
        };
        let mut point = Map::new();
        point.insert("Type".into(), json!(kind));
        if let Some(name) = name {
            point.insert("Name".into(), json!(name));
        }
        let driver = if name.is_some() { "local" } else { "" };
        append(
            &mut point,
            json!({
                "Source": source,
                "Destination": mount.target,
                "Driver": driver,
                "Mode": mode(mount),
                "RW": !mount.read_only,
                "Propagation": if kind == "bind" { mount.bind.propagation.word() } else { "" },
            }),
        );
        Value::Object(point)
    }
}

/// The options that Docker shows of a mount.
fn mode(mount: &MountRecord) -> String {
    let words = mount.read_only.then_some("ro").into_iter().chain(mount.relabel.map(Relabel::letter));
    words.collect::<Vec<_>>().join(",")
}

/// The word that Docker has for a state.
pub fn state_word(state: &ContainerState) -> &'static str {
    match state.status {
        Status::Running if state.paused => "paused",
        Status::Created => "created",
        Status::Running => "running",
        Status::Exited => "exited",
    }
}

fn or_zero_time(time: &str) -> &str {
    if time.is_empty() { "0001-01-01T00:00:00Z" } else { time }
}

fn repo_digests(image: &Image) -> Vec<String> {
    let mut digests: Vec<String> =
        image.names.iter().map(|name| format!("{}@{}", name.familiar_name(), image.manifest.digest())).collect();
    digests.dedup();
    digests
}

/// Adds the fields of `more` in their order.
pub(super) fn append(object: &mut Map<String, Value>, more: Value) {
    if let Value::Object(more) = more {
        object.extend(more);
    }
}
