//! Names and paths of guests: bytes, never host paths.

use std::borrow::Borrow;
use std::fmt;

use super::errno::{Errno, Result};

/// The longest name of one entry, in bytes (Linux `NAME_MAX`).
pub const NAME_MAX: usize = 255;
/// The longest path, in bytes (Linux `PATH_MAX` without its NUL).
pub const PATH_MAX: usize = 4095;

/// The name of one directory entry: 1 to 255 bytes, no `/`, no NUL, neither `.` nor `..`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name<'a>(&'a [u8]);

impl<'a> Name<'a> {
    /// Checks `bytes`: [`Errno::NameTooLong`] beyond 255 bytes, [`Errno::Inval`] for what no name may be.
    pub fn new(bytes: &'a [u8]) -> Result<Name<'a>> {
        if bytes.len() > NAME_MAX {
            return Err(Errno::NameTooLong);
        }
        if matches!(bytes, b"" | b"." | b"..") || bytes.iter().any(|&byte| byte == b'/' || byte == 0) {
            return Err(Errno::Inval);
        }
        Ok(Name(bytes))
    }

    /// The bytes of the name.
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The name as a value that owns its bytes.
    pub fn to_owned(self) -> NameBuf {
        NameBuf(self.0.into())
    }
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(self.0))
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.0))
    }
}

/// A [`Name`] that owns its bytes. Maps keyed by it are searched with `name.as_bytes()`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameBuf(Box<[u8]>);

impl NameBuf {
    /// The name, borrowed.
    pub fn as_name(&self) -> Name<'_> {
        Name(&self.0)
    }

    /// The bytes of the name.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for NameBuf {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for NameBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_name().fmt(f)
    }
}

/// An absolute, normalised guest path: `/`, or `/a/b` without empty, `.` or `..` components; at most 4,095 bytes.
///
/// Normalising is lexical: it is for paths that people write (mount targets, `cp` arguments, entries of archives), where
/// `..` beyond the root stays at the root. What guests pass to system calls is resolved by
/// [`Namespace`](super::Namespace), which follows symlinks.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GuestPath(Vec<u8>);

impl GuestPath {
    /// `/`.
    pub fn root() -> GuestPath {
        GuestPath(b"/".to_vec())
    }

    /// Normalises `path`, taking a relative one to start at `/`. [`Errno::Inval`] for a NUL, [`Errno::NameTooLong`] for
    /// a component or a path that is too long.
    pub fn new(path: impl AsRef<[u8]>) -> Result<GuestPath> {
        let mut normal = GuestPath::root();
        for component in path.as_ref().split(|&byte| byte == b'/') {
            match component {
                b"" | b"." => {}
                b".." => normal.pop(),
                name => normal.push(Name::new(name)?)?,
            }
        }
        Ok(normal)
    }

    /// The bytes, starting with `/`.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes without the leading `/`, as archives write them; empty for the root.
    pub fn relative(&self) -> &[u8] {
        &self.0[1..]
    }

    /// Whether this is `/`.
    pub fn is_root(&self) -> bool {
        self.0 == b"/"
    }

    /// The components from the root.
    pub fn names(&self) -> impl DoubleEndedIterator<Item = Name<'_>> {
        self.0.split(|&byte| byte == b'/').filter(|name| !name.is_empty()).map(Name)
    }

    /// The last component, none for the root.
    pub fn file_name(&self) -> Option<Name<'_>> {
        self.names().next_back()
    }

    /// The path without its last component; the root's parent is the root.
    pub fn parent(&self) -> GuestPath {
        let mut parent = self.clone();
        parent.pop();
        parent
    }

    /// The path of an entry of this directory.
    pub fn join(&self, name: Name<'_>) -> Result<GuestPath> {
        let mut path = self.clone();
        path.push(name)?;
        Ok(path)
    }

    /// Appends one component. [`Errno::NameTooLong`] beyond [`PATH_MAX`], the path is then unchanged.
    pub fn push(&mut self, name: Name<'_>) -> Result<()> {
        let slash = usize::from(!self.is_root());
        if self.0.len() + slash + name.0.len() > PATH_MAX {
            return Err(Errno::NameTooLong);
        }
        if slash == 1 {
            self.0.push(b'/');
        }
        self.0.extend_from_slice(name.0);
        Ok(())
    }

    /// Removes the last component; the root stays.
    pub fn pop(&mut self) {
        let slash = self.0.iter().rposition(|&byte| byte == b'/').expect("it starts with a slash");
        self.0.truncate(slash.max(1));
    }

    /// Whether `self` is `ancestor` or lies below it.
    pub fn starts_with(&self, ancestor: &GuestPath) -> bool {
        ancestor.is_root()
            || self.0.strip_prefix(ancestor.as_bytes()).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
    }
}

impl fmt::Display for GuestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for GuestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_component() {
        for bad in [&b""[..], b".", b"..", b"a/b", b"a\0"] {
            assert_eq!(Name::new(bad), Err(Errno::Inval));
        }
        assert_eq!(Name::new(&[b'x'; 256]), Err(Errno::NameTooLong));
        assert!(Name::new(&[0xff; 255]).is_ok());
    }

    #[test]
    fn a_guest_path_is_absolute_and_normal() {
        for (written, normal) in
            [("", "/"), ("/", "/"), ("a//b/", "/a/b"), ("/a/./../b", "/b"), ("../../x", "/x"), ("/a/b/..", "/a")]
        {
            assert_eq!(GuestPath::new(written).unwrap().to_string(), normal);
        }
        assert_eq!(GuestPath::new("x/".repeat(3000)), Err(Errno::NameTooLong));
    }

    #[test]
    fn below_means_by_components() {
        let path = |text: &str| GuestPath::new(text).unwrap();
        assert!(path("/a/b").starts_with(&path("/a")));
        assert!(path("/a").starts_with(&path("/")));
        assert!(!path("/ab").starts_with(&path("/a")));
    }
}
