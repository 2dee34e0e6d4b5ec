//! Who runs a process: `--user` by the image's own `/etc/passwd` and `/etc/group`.

use super::error::{Error, Result};
use crate::runtime::User;
use crate::vfs::{InodeRef, Namespace};

/// The most of a passwd or group file that is read.
const FILE_MAX: usize = 1 << 20;
/// The largest id, Docker's: the number above all others means "as it was" to the kernel.
const ID_MAX: u32 = i32::MAX as u32;

/// The user `text` names: a name or a number, with `:` and a group's name or number. Empty is root.
pub(super) fn resolve(namespace: &Namespace, text: &str) -> Result<User> {
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    let passwd = lines(namespace, b"/etc/passwd");
    let groups = lines(namespace, b"/etc/group");
    let field = |line: &str, at: usize| line.split(':').nth(at).map(str::to_owned);
    let entry =
        passwd.iter().find(|line| field(line, 0).as_deref() == Some(user) || field(line, 2).as_deref() == Some(user));
    let uid = match (user, entry.and_then(|line| id(&field(line, 2)?)), id(user)) {
        ("", _, _) => 0,
        (_, Some(uid), _) | (_, None, Some(uid)) => uid,
        _ => return Err(Error::invalid(format!("unable to find user {user}: no matching entries in passwd file"))),
    };
    let own_gid = entry.and_then(|line| id(&field(line, 3)?)).unwrap_or(0);
    let gid = match group {
        None | Some("") => own_gid,
        Some(group) => self::group(namespace, group)?,
    };
    let name = entry.and_then(|line| field(line, 0)).unwrap_or_default();
    let is_member = |line: &&String| {
        !name.is_empty() && field(line, 3).is_some_and(|members| members.split(',').any(|member| member == name))
    };
    let further = match group {
        Some(_) => Vec::new(),
        None => groups.iter().filter(is_member).filter_map(|line| id(&field(line, 2)?)).collect(),
    };
    Ok(User { uid, gid, groups: further })
}

/// The number of a group, by its name or number.
pub(super) fn group(namespace: &Namespace, group: &str) -> Result<u32> {
    let groups = lines(namespace, b"/etc/group");
    let named = groups.iter().find(|line| line.split(':').next() == Some(group));
    match (named.and_then(|line| id(line.split(':').nth(2)?)), id(group)) {
        (Some(gid), _) | (None, Some(gid)) => Ok(gid),
        _ => Err(Error::invalid(format!("unable to find group {group}: no matching entries in group file"))),
    }
}

/// The number of a user or group; none for a text that is none.
fn id(text: &str) -> Option<u32> {
    text.parse().ok().filter(|id| *id <= ID_MAX)
}

/// The lines of a small file; none where it cannot be read.
fn lines(namespace: &Namespace, path: &[u8]) -> Vec<String> {
    let content = namespace.find(path).map(|inode| read(&inode)).unwrap_or_default();
    String::from_utf8_lossy(&content).lines().map(str::to_owned).collect()
}

fn read(inode: &InodeRef) -> Vec<u8> {
    let size = inode.attr().map_or(0, |attr| attr.size);
    let mut content = vec![0; usize::try_from(size).unwrap_or(FILE_MAX).min(FILE_MAX)];
    let mut length = 0;
    while length < content.len() {
        match inode.read_at(&mut content[length..], length as u64) {
            Ok(0) | Err(_) => break,
            Ok(count) => length += count,
        }
    }
    content.truncate(length);
    content
}

/// The home directory that the image's passwd file gives the user; `/` where it gives none.
pub(super) fn home(namespace: &Namespace, user: &User) -> String {
    let uid = user.uid.to_string();
    let passwd = lines(namespace, b"/etc/passwd");
    let entry = passwd.iter().find(|line| line.split(':').nth(2) == Some(uid.as_str()));
    let home = entry.and_then(|line| line.split(':').nth(5)).filter(|home| home.starts_with('/'));
    match (home, user.uid) {
        (Some(home), _) => home.to_owned(),
        (None, 0) => "/root".into(),
        (None, _) => "/".into(),
    }
}
