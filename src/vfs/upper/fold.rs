//! Folding: the journal is replaced by one that holds the present state alone.

use std::collections::HashSet;
use std::sync::Arc;

use super::error::UpperError;
use super::journal::{header, push_frame};
use super::node::Node;
use super::{Known, Shared, lock};

impl Shared {
    /// Replaces the journal. The tree must be locked; attributes and contents may change meanwhile: those frames are copied
    /// behind.
    pub(super) fn fold(&self) -> Result<(), UpperError> {
        self.journal.begin_fold();
        let nodes = self.recorded_nodes();
        let mut folded = header().to_vec();
        for node in &nodes {
            push_frame(&mut folded, |frame| {
                let content = node.content_state();
                let Some(meta) = node.changed_meta() else { return };
                if !meta.is_recorded() {
                    return;
                }
                node.encode(frame, &meta);
                if let Some(xattrs) = &meta.xattrs {
                    frame.xattrs(meta.id, xattrs);
                }
                if let Some(content) = content {
                    frame.content(meta.id, &content);
                }
            });
        }
        for node in &nodes {
            let Ok(dir) = node.dir() else { continue };
            let Some(dir_id) = node.changed_meta().filter(|meta| meta.is_recorded()).map(|meta| meta.id) else {
                continue;
            };
            let entries = dir.read();
            for name in entries.whiteouts() {
                push_frame(&mut folded, |frame| frame.whiteout(dir_id, name));
            }
            for (name, child, covers) in entries.upper() {
                let id = child.changed_meta().map_or(0, |meta| meta.id);
                push_frame(&mut folded, |frame| frame.entry(dir_id, name, id, covers));
            }
        }
        self.journal.replace(folded)
    }

    /// Every node that is in the journal and has a name.
    pub(super) fn recorded_nodes(&self) -> Vec<Arc<Node>> {
        let known = lock(&self.known);
        let changed = known.values().filter_map(|node| match node {
            Known::Changed(node) => Some(node.clone()),
            Known::Linked(_) => None,
        });
        let mut nodes: Vec<Arc<Node>> = changed.collect();
        drop(known);
        let mut seen: HashSet<*const Node> = nodes.iter().map(Arc::as_ptr).collect();
        let mut at = 0;
        while let Some(node) = nodes.get(at).cloned() {
            at += 1;
            if let Ok(dir) = node.dir() {
                for (_, child, _) in dir.read().upper() {
                    if seen.insert(Arc::as_ptr(child)) {
                        nodes.push(child.clone());
                    }
                }
            }
        }
        nodes
    }
}
