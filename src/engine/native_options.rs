//! Options of native containers against each other, against the host, and against containers of WASI programs.

use std::fs;

use super::create::CreateOptions;
use super::error::{Error, Result};
use super::id_ranges;
use super::native_devices::parse_rule;
use super::{apparmor, selinux};
use crate::store::{IsolationRecord, NamespaceMode};

/// The host name of a container that was given none: the host's where it shares what has one.
pub(super) fn default_hostname(isolation: &IsolationRecord) -> Option<String> {
    let shared = [&isolation.sharing.uts, &isolation.sharing.network];
    let is_host = shared.contains(&&NamespaceMode::Host);
    let name = is_host.then(|| fs::read_to_string("/proc/sys/kernel/hostname").ok()).flatten()?;
    Some(name.trim_end().to_owned())
}

/// Refuses options of a native container that contradict each other, or that this host cannot keep.
pub(super) fn check(options: &CreateOptions) -> Result<()> {
    let isolation = &options.isolation;
    if let Some(what) = contradiction(isolation, options.hostname.is_some()) {
        return Err(Error::invalid(format!("conflicting options: {what}")));
    }
    for (name, _) in &isolation.sysctls {
        let is_of = |prefix: &str| name.replace('/', ".").starts_with(prefix);
        let sharing = &isolation.sharing;
        let whose = [
            ("net.", &sharing.network, "network"),
            ("kernel.", &sharing.ipc, "IPC"),
            ("fs.mqueue.", &sharing.ipc, "IPC"),
        ];
        if let Some((.., kind)) = whose.iter().find(|(prefix, mode, _)| is_of(prefix) && **mode == NamespaceMode::Host)
        {
            return Err(Error::invalid(format!(
                "sysctl {name} is not allowed in the host's {kind} namespace: it would change the host"
            )));
        }
    }
    isolation.device_rules.iter().try_for_each(|rule| parse_rule(rule).map(drop))?;
    id_ranges::check(isolation)?;
    apparmor::check(isolation)?;
    selinux::check(isolation)
}

fn contradiction(isolation: &IsolationRecord, has_hostname: bool) -> Option<&'static str> {
    let (sharing, resolver) = (&isolation.sharing, &isolation.resolver);
    let of_host_uts = sharing.uts == NamespaceMode::Host;
    let joins_network = sharing.network.container().is_some();
    let has_dns = !(resolver.servers.is_empty() && resolver.search.is_empty() && resolver.options.is_empty());
    let rules = [
        (of_host_uts && has_hostname, "hostname and the UTS mode"),
        (of_host_uts && !isolation.domainname.is_empty(), "domainname and the UTS mode"),
        (joins_network && has_hostname, "hostname and the network mode"),
        (joins_network && has_dns, "dns and the network mode"),
        (joins_network && !resolver.hosts.is_empty(), "custom host-to-IP mapping and the network mode"),
    ];
    rules.into_iter().find(|(is_broken, _)| *is_broken).map(|(_, words)| words)
}

/// The first option that native containers alone have, as it is given on the command line.
pub(super) fn native_flag(isolation: &IsolationRecord) -> Option<String> {
    let (sharing, resolver, security) = (&isolation.sharing, &isolation.resolver, &isolation.security);
    let mode = |flag: &str, mode: &NamespaceMode| (*mode != NamespaceMode::Private).then(|| format!("{flag} {mode}"));
    let first = |flag: &str, words: &[String]| words.first().map(|word| format!("{flag} {word}"));
    let device = isolation.devices.first().map(|device| format!("--device {}", device.host.display()));
    let host = resolver.hosts.first().map(|(name, address)| format!("--add-host {name}:{address}"));
    let has_labels = security.label_disabled || !security.labels.is_empty();
    let is_secured = security.apparmor.is_some() || security.unconfined_paths || has_labels;
    mode("--pid", &sharing.pid)
        .or_else(|| mode("--ipc", &sharing.ipc))
        .or_else(|| mode("--uts", &sharing.uts))
        .or_else(|| mode("--cgroupns", &sharing.cgroup))
        .or_else(|| mode("--network", &sharing.network))
        .or(device)
        .or_else(|| first("--device-cgroup-rule", &isolation.device_rules))
        .or_else(|| is_secured.then(|| "--security-opt".to_owned()))
        .or_else(|| first("--dns", &resolver.servers))
        .or_else(|| first("--dns-search", &resolver.search))
        .or_else(|| first("--dns-option", &resolver.options))
        .or(host)
        .or_else(|| (!isolation.domainname.is_empty()).then(|| format!("--domainname {}", isolation.domainname)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{ResolverRecord, SharingRecord};

    #[test]
    fn options_that_contradict_each_other_are_refused_in_dockers_words() {
        let isolation = |sharing| IsolationRecord { sharing, ..IsolationRecord::default() };
        let host = isolation(SharingRecord { uts: NamespaceMode::Host, ..SharingRecord::default() });
        assert_eq!(contradiction(&host, true), Some("hostname and the UTS mode"));
        assert_eq!(contradiction(&host, false), None);
        let other = NamespaceMode::Container("a".into());
        let joined = isolation(SharingRecord { network: other, ..SharingRecord::default() });
        assert_eq!(contradiction(&joined, true), Some("hostname and the network mode"));
        let resolver = ResolverRecord { servers: vec!["1.1.1.1".into()], ..ResolverRecord::default() };
        let joined = IsolationRecord { resolver, ..joined };
        assert_eq!(contradiction(&joined, false), Some("dns and the network mode"));
        assert_eq!(native_flag(&joined).unwrap(), "--network container:a");
    }

    #[test]
    fn parameters_of_the_host_stay_the_hosts() {
        let sharing = SharingRecord { network: NamespaceMode::Host, ..SharingRecord::default() };
        let with = |name: &str| {
            let sysctls = vec![(name.to_owned(), "1".to_owned())];
            let isolation = IsolationRecord { sharing: sharing.clone(), sysctls, ..IsolationRecord::default() };
            check(&CreateOptions { isolation, ..CreateOptions::default() })
        };
        assert!(with("net/ipv4/ip_forward").unwrap_err().message.contains("host's network namespace"));
        assert!(with("kernel.msgmax").is_ok());
    }
}
