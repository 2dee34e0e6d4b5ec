//! The devices of a native container: device files, and rules of which may be used.

use std::path::Path;

use super::error::{About, Error, Result};
use crate::oci::runtime::{DeviceRule, LinuxDevice};
use crate::store::{DeviceRecord, IsolationRecord};
use crate::sys::device::{self, Device};

/// The device files of a container beside those that every one has.
pub(super) fn nodes(isolation: &IsolationRecord) -> Result<Vec<LinuxDevice>> {
    let mut nodes = Vec::new();
    if isolation.privileged {
        let all = device::devices("/dev".as_ref()).about(|| "list /dev".to_owned())?;
        nodes.extend(all.into_iter().map(|device| node(device.path.clone(), &device)));
    }
    for asked in &isolation.devices {
        for (path, device) in found(asked)? {
            // What was asked for has its place before what a privileged container has anyway.
            nodes.retain(|node: &LinuxDevice| node.path != path);
            nodes.push(node(path, &device));
        }
    }
    Ok(nodes)
}

/// The host's files of those that have other paths in the container.
pub(super) fn files(isolation: &IsolationRecord) -> Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for asked in &isolation.devices {
        let found = found(asked)?.into_iter().map(|(path, device)| (path, device.path));
        files.extend(found.filter(|(path, file)| path != file));
    }
    Ok(files)
}

/// Which devices a container may use, beside the usual ones. No rule at all is no limit.
pub(super) fn rules(isolation: &IsolationRecord) -> Result<Vec<DeviceRule>> {
    if isolation.privileged {
        return Ok(Vec::new());
    }
    let mut rules = vec![DeviceRule { allow: false, access: "rwm".into(), ..DeviceRule::default() }];
    for asked in &isolation.devices {
        rules.extend(found(asked)?.into_iter().map(|(_, device)| DeviceRule {
            allow: true,
            kind: kind(&device),
            major: Some(device.major.into()),
            minor: Some(device.minor.into()),
            access: asked.access.clone(),
        }));
    }
    for rule in &isolation.device_rules {
        rules.push(parse_rule(rule)?);
    }
    Ok(rules)
}

/// The devices that an option means, each with its path in the container.
fn found(asked: &DeviceRecord) -> Result<Vec<(String, Device)>> {
    let host = asked.host.as_path();
    let what = || format!("--device {}", host.display());
    if let Some(device) = device::device(host).about(what)? {
        return Ok(vec![(asked.container.clone(), device)]);
    }
    let inside = |device: Device| {
        let rest = Path::new(&device.path).strip_prefix(host).ok()?.to_str()?.to_owned();
        Some((format!("{}/{rest}", asked.container.trim_end_matches('/')), device))
    };
    let below = if host.is_dir() { device::devices(host).about(what)? } else { Vec::new() };
    let below = below.into_iter().filter_map(inside).collect::<Vec<_>>();
    match below.is_empty() {
        true => Err(Error::invalid(format!("{}: not a device node", what()))),
        false => Ok(below),
    }
}

fn node(path: String, device: &Device) -> LinuxDevice {
    LinuxDevice {
        kind: kind(device),
        path,
        major: device.major.into(),
        minor: device.minor.into(),
        file_mode: Some(device.mode),
        uid: Some(device.uid),
        gid: Some(device.gid),
    }
}

fn kind(device: &Device) -> String {
    if device.is_block { "b" } else { "c" }.to_owned()
}

/// A rule in the form of cgroup v1: `TYPE MAJOR:MINOR ACCESS`, or `a` for all.
pub(super) fn parse_rule(text: &str) -> Result<DeviceRule> {
    let invalid = || {
        Error::invalid(format!("invalid --device-cgroup-rule {text:?}"))
            .hint("it is TYPE MAJOR:MINOR ACCESS, such as 'c 10:* rwm', or a for all devices")
    };
    let [kind, numbers, access] = match text.split(' ').collect::<Vec<_>>()[..] {
        ["a"] => ["a", "*:*", "rwm"],
        [kind @ ("a" | "b" | "c"), numbers, access] if is_access(access) => [kind, numbers, access],
        _ => return Err(invalid()),
    };
    let (major, minor) = numbers.split_once(':').ok_or_else(invalid)?;
    let number = |text: &str| match text {
        "*" => Ok(-1),
        text => text.parse::<u32>().map(i64::from).map_err(|_| invalid()),
    };
    Ok(DeviceRule {
        allow: true,
        kind: kind.to_owned(),
        major: Some(number(major)?),
        minor: Some(number(minor)?),
        access: access.to_owned(),
    })
}

/// `--device`: `HOST[:CONTAINER][:ACCESS]`.
pub fn parse_device(text: &str) -> Result<DeviceRecord> {
    let bad_format = || Error::invalid(format!("bad format for --device: {text}"));
    let (host, container, access) = match text.split(':').collect::<Vec<_>>()[..] {
        [host] => (host, host, "rwm"),
        [host, access] if is_access(access) => (host, host, access),
        [host, container] => (host, container, "rwm"),
        [host, container, access] if is_access(access) => (host, container, access),
        [_, _, access] => return Err(Error::invalid(format!("--device {text}: bad mode specified: {access}"))),
        _ => return Err(bad_format()),
    };
    if let Some(path) = [container, host].into_iter().find(|path| !path.starts_with('/')) {
        return Err(Error::invalid(format!("--device {text}: {path} is not an absolute path")));
    }
    if container.split('/').any(|name| name == "..") {
        return Err(bad_format());
    }
    Ok(DeviceRecord { host: host.into(), container: container.to_owned(), access: access.to_owned() })
}

/// Whether it is made of `r`, `w` and `m`, each once at most.
fn is_access(text: &str) -> bool {
    let once = |letter| text.matches(letter).count() <= 1;
    !text.is_empty() && text.chars().all(|letter| "rwm".contains(letter)) && once('r') && once('w') && once('m')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read_as_docker_reads_them() {
        let parse = |text: &str| {
            let device = parse_device(text).unwrap();
            (device.host.display().to_string(), device.container, device.access)
        };
        let whole = |host: &str, container: &str, access: &str| (host.into(), container.into(), access.into());
        assert_eq!(parse("/dev/a"), whole("/dev/a", "/dev/a", "rwm"));
        assert_eq!(parse("/dev/a:r"), whole("/dev/a", "/dev/a", "r"));
        assert_eq!(parse("/dev/a:/dev/b:wm"), whole("/dev/a", "/dev/b", "wm"));
        for (wrong, word) in
            [("a", "absolute"), ("/a:/b:rr", "bad mode"), ("/a:/b:r:w", "bad format"), ("/a:/../b", "bad format")]
        {
            let error = parse_device(wrong).unwrap_err().message;
            assert!(error.contains(word), "{wrong}: {error}");
        }
    }

    #[test]
    fn rules_are_those_of_cgroup_v1() {
        let rule = parse_rule("c 10:* rw").unwrap();
        assert_eq!((&*rule.kind, rule.major, rule.minor, &*rule.access), ("c", Some(10), Some(-1), "rw"));
        assert_eq!(parse_rule("a").unwrap().kind, "a");
        for wrong in ["", "c", "d 1:2 r", "c 1 r", "c 1:x r", "c 1:2 q", "c 1:2 r w"] {
            assert!(parse_rule(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    #[allow(clippy::disallowed_macros)]
    fn a_device_is_a_file_and_a_rule() {
        if !matches!(device::device("/dev/null".as_ref()), Ok(Some(_))) {
            println!("skipped: Linux alone has such devices");
            return;
        }
        let devices =
            vec![DeviceRecord { host: "/dev/null".into(), container: "/dev/nothing".into(), access: "r".into() }];
        let isolation = IsolationRecord { devices, ..IsolationRecord::default() };
        let nodes = nodes(&isolation).unwrap();
        assert_eq!((&*nodes[0].path, nodes[0].major, nodes[0].minor), ("/dev/nothing", 1, 3));
        let rules = rules(&isolation).unwrap();
        assert_eq!((rules.len(), rules[1].allow, &*rules[1].access), (2, true, "r"));
        let nowhere = DeviceRecord { host: "/etc".into(), container: "/x".into(), access: "r".into() };
        assert!(found(&nowhere).unwrap_err().message.contains("not a device node"));
    }
}
