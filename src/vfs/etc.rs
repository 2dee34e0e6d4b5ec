//! The files of `/etc` that belong to the container and not to the image: `hostname`, `hosts`, `resolv.conf`.

use super::errno::Result;
use super::inode::{InodeRef, NewInode, NewKind};
use super::memfs::{MemFsOptions, memfs};
use super::path::Name;

/// A file in memory with this content, to be mounted over one of the image.
pub fn memfile(content: &[u8]) -> Result<InodeRef> {
    let file = memfs(&MemFsOptions::default()).create(Name::new(b"file")?, &NewInode::new(NewKind::Regular, 0o644))?;
    file.write_at(content, 0)?;
    Ok(file)
}

/// `/etc/hostname`.
pub fn etc_hostname(hostname: &str) -> Vec<u8> {
    format!("{hostname}\n").into()
}

/// `/etc/hosts` as Docker writes it: the loopback names, `extra` as `(address, name)`, and the container itself at `own`,
/// if it has an address.
pub fn etc_hosts(hostname: &str, own: Option<&str>, extra: &[(String, String)]) -> Vec<u8> {
    let mut text = String::from(
        "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nff00::0\tip6-mcastprefix\n\
         ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n",
    );
    for (address, name) in extra {
        text += &format!("{address}\t{name}\n");
    }
    text += &format!("{}\t{hostname}\n", own.unwrap_or("127.0.0.1"));
    text.into()
}

/// `/etc/resolv.conf`.
pub fn etc_resolv_conf(servers: &[String], search: &[String], options: &[String]) -> Vec<u8> {
    let mut text: String = servers.iter().map(|server| format!("nameserver {server}\n")).collect();
    for (word, values) in [("search", search), ("options", options)] {
        if !values.is_empty() {
            text += &format!("{word} {}\n", values.join(" "));
        }
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vfs::contract::content;

    #[test]
    fn contents_are_as_docker_writes_them() {
        assert_eq!(etc_hostname("box"), b"box\n");
        let extra = [("10.0.0.1".to_owned(), "db".to_owned())];
        let hosts = String::from_utf8(etc_hosts("box", None, &extra)).unwrap();
        assert!(hosts.starts_with("127.0.0.1\tlocalhost\n") && hosts.ends_with("10.0.0.1\tdb\n127.0.0.1\tbox\n"));
        let (servers, search) = (["1.1.1.1".to_owned()], ["a".to_owned(), "b".to_owned()]);
        assert_eq!(etc_resolv_conf(&servers, &search, &[]), b"nameserver 1.1.1.1\nsearch a b\n");
        assert_eq!(content(&memfile(b"text").unwrap()), b"text");
    }
}
