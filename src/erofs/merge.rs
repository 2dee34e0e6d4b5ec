//! `merge`: the layers of an image become one tree.

use std::collections::HashMap;
use std::io::Write;

use super::draft::{Draft, DraftInode, Id, Payload, ROOT, Span};
use super::error::{Error, Fault};
use super::image::{Image, RawInode};
use super::pack::ContentRef;
use super::walk::{Step, Walk};
use super::writer::{self, ImageStats, Marks};
use super::xattr::{self, Xattrs};
use crate::vfs::{FileKind, GuestPath};

/// Writes the tree that `layers` make, the lowest first, without a [trailer](super::Trailer).
///
/// Whiteouts, opaque and implied directories and hard links into lower layers are resolved; nothing of them is left. The
/// same layers give the same bytes.
pub fn merge(layers: &[&Image], out: &mut impl Write) -> Result<ImageStats, Error> {
    let mut draft = Draft::new();
    for layer in layers {
        Applied::new(layer, &mut draft, Marks::Drop, &|content| content).apply()?;
    }
    writer::write(&draft, Marks::Drop, out)
}

/// Writes `image`, a layer or a tree, with other places for its contents: where `map` gives none, a content stays.
pub fn relocate(
    image: &Image,
    map: &dyn Fn(ContentRef) -> Option<ContentRef>,
    out: &mut impl Write,
) -> Result<ImageStats, Error> {
    let mut draft = Draft::new();
    let map = |content| map(content).unwrap_or(content);
    Applied::new(image, &mut draft, Marks::Keep, &map).apply()?;
    writer::write(&draft, Marks::Keep, out)
}

/// An image on its way into a draft that holds what lies below it.
struct Applied<'a> {
    layer: &'a Image,
    draft: &'a mut Draft,
    /// Whether marks are obeyed or kept.
    marks: Marks,
    map: &'a dyn Fn(ContentRef) -> ContentRef,
    /// Directories of the layer in the draft, and files with several names.
    known: HashMap<u64, Id>,
    /// Hard links into lower layers that have no such target; it may come with this layer.
    open: Vec<(Id, &'a [u8], GuestPath)>,
}

/// What a layer says of an inode besides its attributes.
#[derive(Default)]
struct Said<'a> {
    is_opaque: bool,
    is_implied: bool,
    has_links: bool,
    link: Option<&'a [u8]>,
    is_anything: bool,
}

impl<'a> Applied<'a> {
    fn new(
        layer: &'a Image,
        draft: &'a mut Draft,
        marks: Marks,
        map: &'a dyn Fn(ContentRef) -> ContentRef,
    ) -> Applied<'a> {
        Applied { layer, draft, marks, map, known: HashMap::new(), open: Vec::new() }
    }

    fn apply(mut self) -> Result<(), Error> {
        let layer = self.layer;
        let damaged = |fault| layer.damaged(fault);
        let root = layer.root().map_err(damaged)?;
        let said = said(layer, &root).map_err(damaged)?;
        if said.has_links && self.marks == Marks::Drop {
            self.find_link_targets()?;
        }
        if said.is_opaque && self.marks == Marks::Drop {
            self.draft.clear(ROOT);
        }
        self.describe(ROOT, &root, &said)?;
        self.known.insert(root.nid, ROOT);
        for step in Walk::new(layer).map_err(damaged)? {
            self.entry(&step.map_err(damaged)?)?;
        }
        self.close_links()
    }

    /// Hard links mean what the layers below have, before this layer changes it.
    fn find_link_targets(&mut self) -> Result<(), Error> {
        let layer = self.layer;
        for step in Walk::new(layer).map_err(|fault| layer.damaged(fault))? {
            let inode = step.map_err(|fault| layer.damaged(fault))?.inode;
            let Some(target) = self.link_target(&inode)? else { continue };
            if let Some(id) = self.draft.find(&target).filter(|&id| self.draft.inode(id).kind != FileKind::Directory) {
                self.known.insert(inode.nid, id);
            }
        }
        Ok(())
    }

    fn link_target(&self, inode: &RawInode) -> Result<Option<GuestPath>, Error> {
        let link = said(self.layer, inode).map_err(|fault| self.layer.damaged(fault))?.link;
        let target = link.map(GuestPath::new).transpose();
        target.map_err(|_| self.layer.damaged(Fault("the target of a hard link is no path")))
    }

    fn entry(&mut self, step: &Step<'a>) -> Result<(), Error> {
        let (name, inode) = (step.dirent.name, &step.inode);
        let dir = *self.known.get(&step.dir.nid).expect("a walk visits a directory before what is in it");
        if inode.kind == FileKind::Directory {
            return self.directory(dir, name, inode);
        }
        if self.marks == Marks::Drop && inode.kind == FileKind::CharDevice && self.layer.raw_device(inode) == 0 {
            self.draft.remove(dir, name);
            return Ok(());
        }
        if let Some(&id) = self.known.get(&inode.nid) {
            return self.draft.set(dir, name, id);
        }
        if self.marks == Marks::Drop
            && let Some(target) = self.link_target(inode)?
        {
            self.open.push((dir, name, target));
            return Ok(());
        }
        let said = said(self.layer, inode).map_err(|fault| self.layer.damaged(fault))?;
        let added = self.inode(inode, &said)?;
        let id = self.draft.add(added)?;
        if inode.nlink > 1 {
            self.known.insert(inode.nid, id);
        }
        self.draft.set(dir, name, id)
    }

    fn directory(&mut self, dir: Id, name: &[u8], inode: &RawInode) -> Result<(), Error> {
        let said = said(self.layer, inode).map_err(|fault| self.layer.damaged(fault))?;
        let below = match self.draft.get(dir, name).map(|id| (id, self.draft.inode(id).kind)) {
            Some((id, FileKind::Directory)) => Some(id),
            // An entry whose path leads through a symlink lies where the symlink leads.
            Some((_, FileKind::Symlink)) if said.is_implied && !said.is_opaque => self.draft.follow(dir, name),
            _ => None,
        };
        let id = match below {
            Some(id) if !said.is_opaque => {
                self.describe(id, inode, &said)?;
                id
            }
            _ => {
                let added = self.inode(inode, &said)?;
                let id = self.draft.add(added)?;
                self.draft.set(dir, name, id)?;
                id
            }
        };
        self.known.insert(inode.nid, id);
        Ok(())
    }

    /// Gives a directory the attributes that the layer has for it, if it has any.
    fn describe(&mut self, id: Id, inode: &RawInode, said: &Said<'a>) -> Result<(), Error> {
        if !said.is_implied || self.marks == Marks::Keep {
            let payload = self.draft.inode(id).payload;
            *self.draft.inode_mut(id) = DraftInode { payload, ..self.inode(inode, said)? };
        }
        Ok(())
    }

    fn inode(&mut self, raw: &RawInode, said: &Said<'a>) -> Result<DraftInode, Error> {
        let layer = self.layer;
        let damaged = |fault| layer.damaged(fault);
        let payload = match (raw.kind, said.link) {
            (_, Some(target)) => Payload::Lower(self.draft.store(target)?),
            (FileKind::Regular, None) => match layer.content(raw).map_err(damaged)? {
                Some((_, content)) => {
                    let content = (self.map)(content);
                    let pack = self.draft.pack(content.pack);
                    Payload::Content { pack, block: content.block, len: content.len }
                }
                None => Payload::None,
            },
            (FileKind::Symlink, None) => Payload::Target(self.draft.store(layer.target(raw).map_err(damaged)?)?),
            (FileKind::CharDevice | FileKind::BlockDevice, None) => Payload::Device(layer.raw_device(raw)),
            (FileKind::Directory, None) => Payload::Parent(ROOT),
            (FileKind::Fifo | FileKind::Socket, None) => Payload::None,
        };
        let is_kept = self.marks == Marks::Keep;
        Ok(DraftInode {
            kind: raw.kind,
            implied: said.is_implied && is_kept,
            opaque: said.is_opaque && is_kept,
            mode: raw.mode,
            uid: raw.uid,
            gid: raw.gid,
            mtime: raw.mtime,
            payload,
            xattrs: self.xattrs(raw, said)?,
        })
    }

    /// The extended attributes without what the layer says by them.
    fn xattrs(&mut self, raw: &RawInode, said: &Said<'_>) -> Result<Span, Error> {
        let body = self.layer.xattr_body(raw).map_err(|fault| self.layer.damaged(fault))?;
        if body.is_empty() {
            return Ok(Span::default());
        }
        if !said.is_anything {
            return self.draft.store(body);
        }
        let kept = Xattrs(body).flatten().filter(|xattr| !xattr.is_private());
        let kept: Vec<u8> = kept.flat_map(|xattr| xattr.entry).copied().collect();
        self.draft.store(&kept)
    }

    fn close_links(self) -> Result<(), Error> {
        for (dir, name, target) in &self.open {
            let found = self.draft.find(target).filter(|&id| self.draft.inode(id).kind != FileKind::Directory);
            let Some(id) = found else {
                return Err(Error::LinkTarget { path: self.draft.path(*dir, name), target: target.clone() });
            };
            self.draft.set(*dir, name, id)?;
        }
        Ok(())
    }
}

fn said<'a>(layer: &'a Image, inode: &RawInode) -> Result<Said<'a>, Fault> {
    let mut said = Said::default();
    for found in layer.xattrs(inode)? {
        let found = found?;
        said.is_anything |= found.is_private();
        said.is_opaque |= found.is(xattr::OPAQUE) && found.value == b"y";
        said.is_implied |= found.is(xattr::IMPLIED);
        said.has_links |= found.is(xattr::HAS_LINKS);
        if found.is(xattr::LINK) {
            said.link = Some(found.value);
        }
    }
    Ok(said)
}
