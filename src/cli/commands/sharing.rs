//! The options for what a native container shares with its host and with others: namespaces, devices, names of hosts.

use std::net::IpAddr;

use crate::cli::context::Failure;
use crate::engine::parse_device;
use crate::store::{IsolationRecord, NamespaceMode, ResolverRecord, SharingRecord};

/// Options that native containers alone have.
#[derive(Default, clap::Args)]
pub(super) struct Sharing {
    /// PID namespace to use (private, host, container:NAME)
    #[arg(long, value_name = "MODE")]
    pid: Option<String>,
    /// IPC mode to use (private, shareable, none, host, container:NAME)
    #[arg(long, value_name = "MODE")]
    ipc: Option<String>,
    /// UTS namespace to use (private, host)
    #[arg(long, value_name = "MODE")]
    uts: Option<String>,
    /// Cgroup namespace to use (private, host)
    #[arg(long, value_name = "MODE")]
    cgroupns: Option<String>,
    /// Connect the container to a network (none, host, container:NAME)
    #[arg(long, visible_alias = "net", value_name = "MODE")]
    network: Option<String>,
    /// Add a device of the host, or a folder of devices (HOST[:CONTAINER][:rwm])
    #[arg(long, value_name = "DEVICE")]
    device: Vec<String>,
    /// Add a rule to the devices that may be used (such as 'c 10:* rwm')
    #[arg(long, value_name = "RULE")]
    device_cgroup_rule: Vec<String>,
    /// Set custom DNS servers
    #[arg(long, value_name = "ADDRESS")]
    dns: Vec<String>,
    /// Set custom DNS search domains
    #[arg(long, value_name = "DOMAIN")]
    dns_search: Vec<String>,
    /// Set DNS options
    #[arg(long, visible_alias = "dns-opt", value_name = "OPTION")]
    dns_option: Vec<String>,
    /// Add a custom host-to-IP mapping (HOST:IP)
    #[arg(long, value_name = "HOST:IP")]
    add_host: Vec<String>,
    /// Container NIS domain name
    #[arg(long, value_name = "NAME")]
    domainname: Option<String>,
}

impl Sharing {
    /// The options as the engine takes them; the rest of the record is as usual.
    pub(super) fn resolve(&self) -> Result<IsolationRecord, Failure> {
        let texts = |texts: &[String], parse: fn(&str) -> Result<String, Failure>| {
            texts.iter().map(|text| parse(text)).collect::<Result<Vec<_>, _>>()
        };
        Ok(IsolationRecord {
            sharing: SharingRecord {
                pid: mode("pid", self.pid.as_deref(), &["container"])?,
                ipc: mode("ipc", self.ipc.as_deref(), &["container", "shareable", "none"])?,
                uts: mode("uts", self.uts.as_deref(), &[])?,
                cgroup: mode("cgroupns", self.cgroupns.as_deref(), &[])?,
                network: self.network()?,
            },
            devices: self.device.iter().map(|text| parse_device(text)).collect::<Result<_, _>>()?,
            device_rules: self.device_cgroup_rule.clone(),
            resolver: ResolverRecord {
                servers: texts(&self.dns, server)?,
                search: texts(&self.dns_search, |text| word("--dns-search", text))?,
                options: texts(&self.dns_option, |text| word("--dns-option", text))?,
                hosts: self.add_host.iter().map(|text| host(text)).collect::<Result<_, _>>()?,
            },
            domainname: self.domainname.clone().unwrap_or_default(),
            ..IsolationRecord::default()
        })
    }

    /// A network of its own has loopback alone: that is what Docker calls none.
    fn network(&self) -> Result<NamespaceMode, Failure> {
        match self.network.as_deref() {
            None | Some("none") => Ok(NamespaceMode::Private),
            Some(text @ ("private" | "bridge" | "default")) => Err(no_bridges(text)),
            Some(text) => mode("network", Some(text), &["container"]).map_err(|failure| match text.contains(':') {
                true => failure,
                false => no_bridges(text),
            }),
        }
    }
}

fn no_bridges(text: &str) -> Failure {
    Failure::new(format!("--network {text}: none, host and container:NAME are known, there are no bridges"))
}

/// `private`, `host`, and of the others what is in `known`.
fn mode(flag: &str, text: Option<&str>, known: &[&str]) -> Result<NamespaceMode, Failure> {
    let text = text.unwrap_or_default();
    let mode = match text {
        "" | "private" => return Ok(NamespaceMode::Private),
        "host" => return Ok(NamespaceMode::Host),
        "shareable" if known.contains(&text) => Some(NamespaceMode::Shareable),
        "none" if known.contains(&text) => Some(NamespaceMode::None),
        _ => text
            .strip_prefix("container:")
            .filter(|name| known.contains(&"container") && !name.is_empty())
            .map(|name| NamespaceMode::Container(name.to_owned())),
    };
    mode.ok_or_else(|| {
        let known = known.iter().map(|word| if *word == "container" { "container:NAME" } else { word });
        let all = ["private", "host"].into_iter().chain(known).collect::<Vec<_>>().join(", ");
        Failure::new(format!("--{flag} {text}: invalid mode ({all} are known)"))
    })
}

fn server(text: &str) -> Result<String, Failure> {
    match text.trim().parse::<IpAddr>() {
        Ok(address) => Ok(address.to_string()),
        Err(_) => Err(Failure::new(format!("--dns {text}: IP address is not correctly formatted"))),
    }
}

/// A word for a line of resolv.conf.
fn word(flag: &str, text: &str) -> Result<String, Failure> {
    match text.is_empty() || text.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
        true => Err(Failure::new(format!("{flag} {text:?} is not one word"))),
        false => Ok(text.to_owned()),
    }
}

/// `--add-host`: `NAME:ADDRESS` or `NAME=ADDRESS`, the address with or without brackets.
fn host(text: &str) -> Result<(String, String), Failure> {
    let bad_format = || Failure::new(format!("bad format for --add-host: {text:?} (expected HOST:IP)"));
    let (name, address) = text.split_once('=').or_else(|| text.split_once(':')).ok_or_else(bad_format)?;
    if address == "host-gateway" {
        return Err(Failure::new(format!(
            "--add-host {text}: there is no gateway to the host, as there are no bridges"
        )));
    }
    let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    let address = bare
        .parse::<IpAddr>()
        .map_err(|_| Failure::new(format!("invalid IP address in --add-host {text}: {address:?}")))?;
    Ok((word("--add-host", name)?, address.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_dockers() {
        let ipc = |text| mode("ipc", Some(text), &["container", "shareable", "none"]);
        assert_eq!(ipc("").ok(), Some(NamespaceMode::Private));
        assert_eq!(ipc("none").ok(), Some(NamespaceMode::None));
        assert_eq!(ipc("container:a").ok(), Some(NamespaceMode::Container("a".into())));
        let failure = mode("uts", Some("container:a"), &[]).unwrap_err();
        assert_eq!(failure.message, "--uts container:a: invalid mode (private, host are known)");
        assert!(ipc("container:").is_err());
    }

    #[test]
    fn hosts_are_read_with_either_separator() {
        let pair = |name: &str, address: &str| Some((name.to_owned(), address.to_owned()));
        assert_eq!(host("db:10.0.0.1").ok(), pair("db", "10.0.0.1"));
        assert_eq!(host("db=[::1]").ok(), pair("db", "::1"));
        assert_eq!(host("db:::1").ok(), pair("db", "::1"));
        for wrong in ["db", "db:x", ":1.1.1.1", "a b:1.1.1.1", "db:host-gateway"] {
            assert!(host(wrong).is_err(), "{wrong}");
        }
    }
}
