//! The root of a container, as steps: where it is, what it is made of, and the way into it.

use std::os::fd::AsRawFd;
use std::path::Path;

use super::image::MountedImage;
use super::labels;
use super::options;
use super::plan::{not_utf8, refuse, text};
use crate::oci::runtime::{Linux, Spec};
use crate::runtime::Result;
use crate::runtime::native::{Lower, NativeRoot, OverlayRoot};
use crate::sys::linux::flags;
use crate::sys::linux::process::is_in_user_namespace;
use crate::sys::linux::script::{Script, Step};

/// The way into the root.
pub(super) fn push_entrance(script: &mut Script, spec: &Spec, linux: &Linux, pivot: bool) -> Result<()> {
    let read_only = spec.root.as_ref().is_some_and(|root| root.readonly);
    let propagation = propagation(linux)? & !flags::MS_REC;
    let step = match pivot {
        true => Step::PivotRoot { read_only, propagation },
        false => Step::MoveRoot { read_only, propagation },
    };
    script.push(step, "enter the root");
    Ok(())
}

/// A root in a tree of mounts that is another's, in which nothing is mounted for the container.
pub(super) fn push_foreign_root(script: &mut Script, spec: &Spec, folder: &Path, root: &NativeRoot) -> Result<()> {
    if matches!(root, NativeRoot::Overlay(_)) {
        return Err(refuse("a container of an image needs a mount namespace of its own"));
    }
    let place = place(spec, folder, root)?;
    script.push(Step::OpenRoot(text(&place)?), format!("open the root {place}"));
    Ok(())
}

/// Where on the host the root is mounted.
pub(super) fn place(spec: &Spec, folder: &Path, root: &NativeRoot) -> Result<String> {
    let asked = match root {
        NativeRoot::Directory => spec.root.as_ref().map(|root| folder.join(&root.path)).unwrap_or_default(),
        NativeRoot::Overlay(overlay) => overlay.stage.clone(),
    };
    let place =
        std::fs::canonicalize(&asked).map_err(|error| refuse(format!("the root {}: {error}", asked.display())))?;
    place.into_os_string().into_string().map_err(|place| refuse(format!("the root {}: not UTF-8", place.display())))
}

/// The root: mounted on `place`, and opened.
pub(super) fn push_root(
    script: &mut Script,
    linux: &Linux,
    place: &str,
    root: &NativeRoot,
    image: Option<&MountedImage>,
) -> Result<()> {
    let step = match root {
        NativeRoot::Directory => Step::Mount {
            source: Some(text(place)?),
            target: text(place)?,
            kind: None,
            flags: flags::MS_BIND | flags::MS_REC,
            data: None,
        },
        NativeRoot::Overlay(overlay) => {
            let lower = push_lower(script, place, overlay, image)?;
            let data = labels::with_label(&linux.mount_label, "overlay", &overlay_options(overlay, &lower)?)?;
            let kind = Some(text("overlay")?);
            Step::Mount { source: kind.clone(), target: text(place)?, kind, flags: 0, data: Some(data) }
        }
    };
    script.push(step, format!("mount the root on {place}"));
    script.push(Step::OpenRoot(text(place)?), format!("open the root {place}"));
    Ok(())
}

/// Options of overlayfs: overlayfs.rst. Nothing that would make an upper depend on more than itself is on. In a user namespace
/// its marks are attributes that users may set, and two of the options are off whatever is said.
pub(super) fn overlay_flags() -> &'static [(&'static str, Option<&'static str>)] {
    match is_in_user_namespace() {
        true => &[("index", Some("off")), ("xino", Some("off")), ("userxattr", None)],
        false => {
            &[("index", Some("off")), ("metacopy", Some("off")), ("redirect_dir", Some("off")), ("xino", Some("off"))]
        }
    }
}

/// What overlayfs takes as its lower. An image that needs a place gets it where the root will be, below that.
fn push_lower(script: &mut Script, place: &str, overlay: &OverlayRoot, image: Option<&MountedImage>) -> Result<String> {
    match (&overlay.lower, image) {
        (Lower::Directory(path), _) => escape(path),
        (Lower::Image(_), Some(image)) if image.needs_place() => {
            let step = Step::Attach { mount: image.as_raw_fd(), target: text(place)? };
            script.push(step, format!("attach the image to {place}"));
            escape(Path::new(place))
        }
        (Lower::Image(_), Some(image)) => Ok(image.path()),
        (Lower::Image(files), None) => Err(refuse(format!("{} is not mounted", files.tree.display()))),
    }
}

fn overlay_options(overlay: &OverlayRoot, lower: &str) -> Result<String> {
    let below = overlay.below.as_deref().map(escape).transpose()?.map_or(String::new(), |below| format!(":{below}"));
    let (upper, work) = (escape(&overlay.upper)?, escape(&overlay.work)?);
    let mut options = format!("lowerdir={lower}{below},upperdir={upper},workdir={work}");
    for (key, value) in overlay_flags() {
        options.push_str(&value.map_or(format!(",{key}"), |value| format!(",{key}={value}")));
    }
    if overlay.volatile {
        options.push_str(",volatile");
    }
    Ok(options)
}

/// A path in overlayfs's options, where `,` `:` and `\` mean something.
fn escape(path: &Path) -> Result<String> {
    let path = path.to_str().ok_or_else(|| not_utf8(path))?;
    Ok(path.replace('\\', "\\\\").replace(':', "\\:").replace(',', "\\,"))
}

pub(super) fn propagation(linux: &Linux) -> Result<u64> {
    match linux.rootfs_propagation.as_str() {
        "" => Ok(0),
        word => options::propagation(word).map_err(refuse),
    }
}
