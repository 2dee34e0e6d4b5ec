//! The lines of a table of mounts: proc_pid_mountinfo(5).

use std::borrow::Cow;

/// One line.
#[derive(Debug, PartialEq, Eq)]
pub struct Mount<'a> {
    /// Which directory of the file system it shows.
    pub root: Cow<'a, str>,
    /// Where it is.
    pub point: Cow<'a, str>,
    /// Its peer groups, such as `shared:1`.
    peers: &'a str,
    /// The type of the file system.
    pub kind: &'a str,
    /// The options of the file system.
    pub options: &'a str,
}

impl<'a> Mount<'a> {
    /// The peer groups that it is in, such as `shared:1` and `master:2`.
    pub fn peers(&self) -> impl Iterator<Item = &'a str> {
        self.peers.split(' ').filter(|group| !group.is_empty())
    }
}

/// The mounts of a table. Lines that are not understood are passed over.
pub fn mounts(table: &str) -> impl DoubleEndedIterator<Item = Mount<'_>> {
    table.lines().filter_map(|line| {
        // The fields before the separator are as many as there are peer groups, those behind it are three.
        let mut fields = line.rsplitn(4, ' ');
        let (options, _source, kind) = (fields.next()?, fields.next()?, fields.next()?);
        let mut place = fields.next()?.strip_suffix(" -")?.splitn(7, ' ').skip(3);
        let (root, point) = (unescape(place.next()?)?, unescape(place.next()?)?);
        let peers = place.nth(1).unwrap_or_default();
        Some(Mount { root, point, peers, kind, options })
    })
}

/// A path without the escapes of the table: `\040` is a space. None where it is not UTF-8.
fn unescape(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('\\') {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let code = match (first, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..]) => {
                Some(((a - b'0') << 6) | ((b - b'0') << 3) | (c - b'0'))
            }
            _ => None,
        };
        bytes.push(code.unwrap_or(first));
        rest = if code.is_some() { &tail[3..] } else { tail };
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_what_is_mounted_where() {
        let table = "36 35 98:0 /mnt1 /my\\040place rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n\
                     nonsense\n\
                     30 23 0:26 / /bad\\9\\134 ro - cgroup2 cgroup2 rw\n";
        let found: Vec<Mount<'_>> = mounts(table).collect();
        let first = Mount {
            root: "/mnt1".into(),
            point: "/my place".into(),
            peers: "master:1",
            kind: "ext3",
            options: "rw,errors=continue",
        };
        let second = Mount { root: "/".into(), point: "/bad\\9\\".into(), peers: "", kind: "cgroup2", options: "rw" };
        assert_eq!(found, [first, second]);
        assert_eq!(found.iter().map(|mount| mount.peers().count()).collect::<Vec<_>>(), [1, 0]);
    }
}
