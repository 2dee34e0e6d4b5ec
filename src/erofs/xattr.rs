//! Extended attributes as EROFS keeps them behind an inode.

use super::error::Fault;
use super::format::le16;

/// `trusted.overlay.opaque` = `y`: nothing of lower layers shows in this directory (`overlayfs.rst` "whiteouts and opaque
/// directories").
pub(super) const OPAQUE: &[u8] = b"trusted.overlay.opaque";
/// A directory of a layer that only other entries' paths speak of: attributes of the lower directory win.
pub(super) const IMPLIED: &[u8] = b"trusted.cowbox.implied";
/// A hard link to the path that is the value, which a lower layer has.
pub(super) const LINK: &[u8] = b"trusted.cowbox.link";
/// On a layer's root: the layer has attributes [`LINK`].
pub(super) const HAS_LINKS: &[u8] = b"trusted.cowbox.links";

/// `EROFS_XATTR_INDEX_*`. The index 0 stands for no prefix; the kernel passes such attributes over.
const PREFIXES: [&[u8]; 7] =
    [b"", b"user.", b"system.posix_acl_access", b"system.posix_acl_default", b"trusted.", b"lustre.", b"security."];
/// The largest `i_xattr_icount` allows.
const BODY_MAX: usize = 4 * (u16::MAX as usize - 1);

/// Whether the attribute belongs to overlayfs or to layers of ours: no file of an image may bring one.
pub(super) fn is_private(name: &[u8]) -> bool {
    name.starts_with(b"trusted.overlay.") || name.starts_with(b"trusted.cowbox.")
}

fn split(name: &[u8]) -> (u8, &[u8]) {
    match name {
        b"system.posix_acl_access" => (2, b""),
        b"system.posix_acl_default" => (3, b""),
        _ => [1, 4, 6]
            .into_iter()
            .find_map(|index| Some((index, name.strip_prefix(PREFIXES[usize::from(index)])?)))
            .unwrap_or((0, name)),
    }
}

/// Appends one attribute; says what forbids it.
pub(super) fn encode(body: &mut Vec<u8>, name: &[u8], value: &[u8]) -> Result<(), &'static str> {
    if name.is_empty() || name.contains(&0) {
        return Err("an extended attribute has an empty name or one with NUL");
    }
    let (index, rest) = split(name);
    let name_len = u8::try_from(rest.len()).map_err(|_| "the name of an extended attribute is too long")?;
    let value_len = u16::try_from(value.len()).map_err(|_| "an extended attribute has more than 65,535 bytes")?;
    body.push(name_len);
    body.push(index);
    body.extend_from_slice(&value_len.to_le_bytes());
    body.extend_from_slice(rest);
    body.extend_from_slice(value);
    body.resize(body.len().next_multiple_of(4), 0);
    Ok(())
}

/// Encodes a set, in the order of its names; of two with one name the later counts. Private attributes are left out.
pub(super) fn encode_all(xattrs: &[(Vec<u8>, Vec<u8>)]) -> Result<Vec<u8>, &'static str> {
    let mut sorted: Vec<_> = xattrs.iter().filter(|(name, _)| !is_private(name)).collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    let mut body = Vec::new();
    for (index, (name, value)) in sorted.iter().enumerate() {
        if sorted.get(index + 1).is_none_or(|next| next.0 != *name) {
            encode(&mut body, name, value)?;
        }
    }
    check_size(&body)?;
    Ok(body)
}

/// Says so if `body` is too large for one inode. There is room for the marks of a layer besides.
pub(super) fn check_size(body: &[u8]) -> Result<(), &'static str> {
    // The longest mark is a link's target.
    if body.len() + 4200 > BODY_MAX {
        return Err("the extended attributes have more than 256 KiB");
    }
    Ok(())
}

/// One attribute in an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Xattr<'a> {
    index: u8,
    rest: &'a [u8],
    /// The value.
    pub value: &'a [u8],
    /// The bytes of the whole entry.
    pub entry: &'a [u8],
}

impl Xattr<'_> {
    /// Whether this is the attribute `name`.
    pub(super) fn is(&self, name: &[u8]) -> bool {
        name.strip_prefix(PREFIXES[usize::from(self.index)]) == Some(self.rest)
    }

    /// The full name.
    pub(super) fn name(&self) -> Vec<u8> {
        [PREFIXES[usize::from(self.index)], self.rest].concat()
    }

    /// As [`is_private`].
    pub(super) fn is_private(&self) -> bool {
        self.index == 4 && (self.rest.starts_with(b"overlay.") || self.rest.starts_with(b"cowbox."))
    }
}

/// The attributes of an inode.
pub(super) struct Xattrs<'a>(pub &'a [u8]);

impl<'a> Iterator for Xattrs<'a> {
    type Item = Result<Xattr<'a>, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let xattr = self.split_first();
        if xattr.is_none() {
            self.0 = &[];
        }
        Some(xattr.ok_or(Fault("damaged extended attributes")))
    }
}

impl<'a> Xattrs<'a> {
    fn split_first(&mut self) -> Option<Xattr<'a>> {
        let (&[name_len, index, ..], body) = self.0.split_at_checked(4)? else { return None };
        let name_len = usize::from(name_len);
        let value_len = usize::from(le16(self.0, 2));
        if usize::from(index) >= PREFIXES.len() {
            return None;
        }
        let (rest, behind) = body.split_at_checked(name_len)?;
        let value = behind.get(..value_len)?;
        let (entry, behind) = self.0.split_at_checked((4 + name_len + value_len).next_multiple_of(4))?;
        self.0 = behind;
        Some(Xattr { index, rest, value, entry })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_as_they_are_written_in_the_order_of_names() {
        let pair = |name: &str, value: &[u8]| (name.as_bytes().to_vec(), value.to_vec());
        let set = [
            pair("user.b", b"old"),
            pair("user.b", b"1"),
            pair("security.capability", &[7; 20]),
            pair("trusted.overlay.opaque", b"y"),
            pair("system.posix_acl_access", b"acl"),
            pair("com.apple.quarantine", &[9; 65535]),
            pair("system.posix_acl_accessory", b""),
            pair("trusted.x", b""),
        ];
        let body = encode_all(&set).unwrap();
        let read: Vec<_> =
            Xattrs(&body).map(|xattr| xattr.unwrap()).map(|xattr| (xattr.name(), xattr.value.to_vec())).collect();
        let expected = [&set[5], &set[2], &set[4], &set[6], &set[7], &set[1]].map(Clone::clone);
        assert_eq!(read, expected);
        assert!(Xattrs(&body).all(|xattr| xattr.unwrap().is(&xattr.unwrap().name())));
    }

    #[test]
    fn what_no_inode_can_hold_is_refused() {
        let refused = |name: &[u8], len| encode_all(&[(name.to_vec(), vec![0; len])]).is_err();
        assert!(refused(b"", 1) && refused(b"user.a\0", 1) && refused(b"user.a", 65536));
        assert!(refused(&[b'x'; 256], 1) && !refused(&[b'x'; 255], 1));
        let many: Vec<_> = (0..5u8).map(|index| (vec![b'a' + index], vec![0; 60_000])).collect();
        assert!(encode_all(&many).is_err());
    }

    #[test]
    fn damaged_attributes_end_the_listing() {
        for bytes in [&[1u8, 9, 0, 0, b'a', 0, 0, 0][..], &[200, 1, 0, 0, 1, 2, 3, 4], &[0, 1, 255, 255], &[1, 1, 0]] {
            let read: Vec<_> = Xattrs(bytes).collect();
            assert_eq!(read, [Err(Fault("damaged extended attributes"))]);
        }
    }
}
