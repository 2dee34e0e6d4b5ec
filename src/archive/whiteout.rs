//! Whiteouts: entries of a layer archive that stand for something missing (image-spec layer.md "Whiteouts").

use super::error::{Error, Result};
use crate::vfs::{GuestPath, Name, NameBuf};

/// What the name of a whiteout begins with.
const PREFIX: &[u8] = b".wh.";
/// What the names begin with that AUFS kept for itself.
const META_PREFIX: &[u8] = b".wh..wh.";
/// The mark of an opaque directory: nothing of lower layers shows in it.
const OPAQUE: &[u8] = b".wh..wh..opq";

/// What the path of a layer's entry stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A file at this path.
    File(GuestPath),
    /// Whatever lower layers have at this path is gone.
    Whiteout(GuestPath),
    /// The directory at this path shows nothing of lower layers.
    Opaque(GuestPath),
    /// AUFS's own bookkeeping.
    Ignored,
}

/// What `path`, an entry of the archive by the name `written`, stands for.
///
/// A whiteout of nothing (`.wh.`), of `.` or of `..` is refused, so nothing hides the root; so is a file below a
/// directory with a whiteout's name, as no tool could write such a layer again.
pub(super) fn meaning(path: GuestPath, written: &[u8]) -> Result<Meaning> {
    let Some(first) = find(path.as_bytes(), b"/.wh.") else { return Ok(Meaning::File(path)) };
    if path.names().any(|name| name.as_bytes().starts_with(META_PREFIX) && name.as_bytes() != OPAQUE) {
        return Ok(Meaning::Ignored);
    }
    let name = path.as_bytes()[first + 1..].to_vec();
    if name.contains(&b'/') {
        return Err(Error::entry(written, "the name of its directory is reserved for whiteouts"));
    }
    let parent = path.parent();
    if name == OPAQUE {
        return Ok(Meaning::Opaque(parent));
    }
    let hidden = Name::new(&name[PREFIX.len()..]).map_err(|_| Error::entry(written, "whiteout without a name"))?;
    let hidden = parent.join(hidden).map_err(|errno| Error::entry(written, errno.message()))?;
    Ok(Meaning::Whiteout(hidden))
}

/// Whether no file of this name can be in a layer, as its entry would read as a whiteout.
pub(super) fn is_reserved(name: Name<'_>) -> bool {
    name.as_bytes().starts_with(PREFIX)
}

/// The name of the entry that hides `name`, none where the name is too long for one.
pub(super) fn whiteout_of(name: Name<'_>) -> Option<NameBuf> {
    let text = [PREFIX, name.as_bytes()].concat();
    Name::new(&text).ok().map(Name::to_owned)
}

/// The name of the entry that makes its directory opaque.
pub(super) fn opaque_mark() -> Name<'static> {
    Name::new(OPAQUE).expect("it is a name")
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Meaning> {
        meaning(GuestPath::new(text).unwrap(), text.as_bytes()).ok()
    }

    fn path(text: &str) -> GuestPath {
        GuestPath::new(text).unwrap()
    }

    #[test]
    fn names_mean_what_the_image_specification_says() {
        assert_eq!(of("a/b"), Some(Meaning::File(path("/a/b"))));
        assert_eq!(of("a/x.wh.b"), Some(Meaning::File(path("/a/x.wh.b"))));
        assert_eq!(of("a/.wh.b"), Some(Meaning::Whiteout(path("/a/b"))));
        assert_eq!(of(".wh..b"), Some(Meaning::Whiteout(path("/.b"))));
        assert_eq!(of("a/.wh..wh..opq"), Some(Meaning::Opaque(path("/a"))));
        assert_eq!(of(".wh..wh..opq"), Some(Meaning::Opaque(path("/"))));
        assert_eq!(of(".wh..wh.aufs"), Some(Meaning::Ignored));
        assert_eq!(of(".wh..wh.plnk/12.34"), Some(Meaning::Ignored));
    }

    #[test]
    fn nothing_hides_the_root_or_lies_below_a_whiteout() {
        for bad in [".wh.", ".wh..", "a/.wh...", ".wh.a/b", ".wh..wh..opq/b"] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
