//! The files of `/etc` that belong to a native container: `resolv.conf`, `hosts` and `hostname`, made anew at each start.

use std::fs;

use crate::store::{ContainerRecord, ETC_FILES, NamespaceMode, ResolverRecord};
use crate::vfs::{etc_hostname, etc_hosts, etc_resolv_conf};

/// The files of a container that has its network to itself or from the host: names and contents.
pub(super) fn etc_files(record: &ContainerRecord) -> Vec<(&'static str, Vec<u8>)> {
    let (resolver, is_host) = (&record.isolation.resolver, record.isolation.sharing.network == NamespaceMode::Host);
    let of_host = |path: &str| fs::read(path).unwrap_or_default();
    let extra = resolver.hosts.iter().map(|(name, address)| (address.clone(), name.clone())).collect::<Vec<_>>();
    let hosts = match is_host {
        true => with_hosts(of_host("/etc/hosts"), &extra),
        false => {
            let domain = &record.isolation.domainname;
            let own = match domain.is_empty() {
                true => record.hostname.clone(),
                false => format!("{0}.{domain} {0}", record.hostname),
            };
            etc_hosts(&own, None, &extra)
        }
    };
    let content = |name| match name {
        "resolv.conf" => resolv_conf(resolver, of_host("/etc/resolv.conf")),
        "hosts" => hosts.clone(),
        _ => etc_hostname(&record.hostname),
    };
    ETC_FILES.map(|name| (name, content(name))).into()
}

fn with_hosts(mut hosts: Vec<u8>, extra: &[(String, String)]) -> Vec<u8> {
    if !extra.is_empty() && hosts.last().is_some_and(|last| *last != b'\n') {
        hosts.push(b'\n');
    }
    for (address, name) in extra {
        hosts.extend(format!("{address}\t{name}\n").into_bytes());
    }
    hosts
}

/// The host's `resolv.conf`, with what was asked for in its place.
fn resolv_conf(asked: &ResolverRecord, host: Vec<u8>) -> Vec<u8> {
    if asked.servers.is_empty() && asked.search.is_empty() && asked.options.is_empty() {
        return host;
    }
    let (mut servers, mut search, mut options) = (Vec::new(), Vec::new(), Vec::new());
    for line in String::from_utf8_lossy(&host).lines() {
        let mut words = line.split_whitespace().map(str::to_owned);
        match words.next().as_deref() {
            Some("nameserver") => servers.extend(words.next()),
            // Of several the last one counts: resolv.conf(5).
            Some("search" | "domain") => search = words.collect(),
            Some("options") => options.extend(words),
            _ => {}
        }
    }
    let or_host = |asked: &[String], host: Vec<String>| if asked.is_empty() { host } else { asked.to_vec() };
    let mut search = or_host(&asked.search, search);
    search.retain(|domain| domain != ".");
    etc_resolv_conf(&or_host(&asked.servers, servers), &search, &or_host(&asked.options, options))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_resolver_is_changed_as_asked() {
        let host = "# ours\nnameserver 10.0.0.1\nsearch a b\noptions edns0\n";
        let with = |asked: &ResolverRecord| String::from_utf8(resolv_conf(asked, host.into())).unwrap();
        assert_eq!(with(&ResolverRecord::default()), host);
        let servers = ResolverRecord { servers: vec!["1.1.1.1".into()], ..ResolverRecord::default() };
        assert_eq!(with(&servers), "nameserver 1.1.1.1\nsearch a b\noptions edns0\n");
        let none = ResolverRecord { search: vec![".".into()], options: vec!["rotate".into()], ..servers };
        assert_eq!(with(&none), "nameserver 1.1.1.1\noptions rotate\n");
    }

    #[test]
    fn further_hosts_come_after_those_of_the_host() {
        let extra = [("10.0.0.9".to_owned(), "db".to_owned())];
        assert_eq!(with_hosts(b"127.0.0.1 a".to_vec(), &extra), b"127.0.0.1 a\n10.0.0.9\tdb\n");
    }
}
