//! What native containers alone can ask of a mount: how later mounts spread, what becomes of mounts below, whose its files are.

use std::fs;
use std::path::Path;

use super::error::{About, Error, Result};
use super::native::mount;
use crate::oci::runtime::{IdMapping, Mount};
use crate::runtime::native::HOST_ROOT;
use crate::store::{BindRecord, IdMapRecord, IdRange, MountRecord, MountSource, Propagation, Recursion};
use crate::sys::mountinfo;

/// A directory or file of the host in a container.
pub(super) fn bind(asked: &MountRecord, source: &str) -> Result<Mount> {
    let BindRecord { propagation, recursion, id_map } = &asked.bind;
    check_spreads(Path::new(source), *propagation)?;
    let way = if *recursion == Recursion::Disabled { "bind" } else { "rbind" };
    let access = match (asked.read_only, recursion) {
        (false, _) => "rw",
        (true, Recursion::Enabled) => "rro",
        (true, _) => "ro",
    };
    let mut bound = mount(&asked.target, "bind", source, &[way, propagation.word(), access]);
    if let Some(map) = id_map {
        bound.options.push(if way == "bind" { "idmap" } else { "ridmap" }.to_owned());
        (bound.uid_mappings, bound.gid_mappings) = (ranges(&map.users), ranges(&map.groups));
    }
    Ok(bound)
}

/// A volume. Its files have the owners that a container with ids of its own sees, so that containers share it.
pub(super) fn volume(target: &str, directory: &str, access: &str, ids: Option<IdRange>) -> Mount {
    let mut bound = mount(target, "bind", directory, &["rbind", "rprivate", access]);
    if let Some(ids) = ids {
        let map = |first| ranges(&[(0, first, ids.size), (HOST_ROOT, 0, 1)]);
        bound.options[0] = "bind".to_owned();
        bound.options.push("idmap".to_owned());
        (bound.uid_mappings, bound.gid_mappings) = (map(ids.uid), map(ids.gid));
    }
    bound
}

fn ranges(map: &[(u32, u32, u32)]) -> Vec<IdMapping> {
    map.iter()
        .map(|(container_id, host_id, size)| IdMapping { container_id: *container_id, host_id: *host_id, size: *size })
        .collect()
}

/// A tmpfs: Docker's options, each unless its opposite was asked for.
pub(super) fn tmpfs(target: &str, size: Option<u64>, mode: Option<u16>, asked: &[String]) -> Mount {
    let mut options = ["nosuid", "nodev", "noexec"].map(str::to_owned).to_vec();
    for option in asked {
        options.retain(|usual| usual.strip_prefix("no") != Some(option));
        options.push(option.clone());
    }
    options.extend(size.map(|size| format!("size={size}")));
    options.push(format!("mode={:o}", mode.unwrap_or(0o1777)));
    Mount { options, ..mount(target, "tmpfs", "tmpfs", &[]) }
}

/// How mounts of the root spread, so that those that were asked for can.
pub(super) fn root_propagation(mounts: &[MountRecord]) -> String {
    let any = |is: fn(Propagation) -> bool| mounts.iter().any(|mount| is(mount.bind.propagation));
    let word = match () {
        () if any(Propagation::is_shared) => "rshared",
        () if any(|propagation| !propagation.is_private()) => "rslave",
        () => "",
    };
    word.to_owned()
}

/// The option of a mount that containers of WASI programs cannot have.
pub(super) fn native_flag(mounts: &[MountRecord]) -> Option<String> {
    mounts.iter().find_map(|mount| {
        let BindRecord { propagation, id_map, .. } = &mount.bind;
        let owner = match &mount.source {
            MountSource::Tmpfs { options, .. } => options.iter().find(|option| option.contains('=')).cloned(),
            _ => None,
        };
        let spread = (!propagation.is_private()).then(|| propagation.word().to_owned());
        let word = spread.or_else(|| id_map.as_ref().map(|_: &IdMapRecord| "idmap".to_owned())).or(owner)?;
        Some(format!("the option {word} of the mount {}", mount.target))
    })
}

/// Refuses what could not spread: the kernel would say nothing.
fn check_spreads(source: &Path, propagation: Propagation) -> Result<()> {
    if propagation.is_private() {
        return Ok(());
    }
    let path = fs::canonicalize(source).about(|| source.display().to_string())?;
    let table = fs::read_to_string("/proc/self/mountinfo").about(|| "read the table of mounts".to_owned())?;
    let (point, peers) = mount_of(&table, &path);
    let has = |word: &str| peers.iter().any(|group| group.starts_with(word));
    let (can, kind) = match propagation.is_shared() {
        true => (has("shared:"), "a shared mount"),
        false => (has("shared:") || has("master:"), "a shared or slave mount"),
    };
    match can {
        true => Ok(()),
        false => Err(Error::invalid(format!("path {} is mounted on {point} but it is not {kind}", source.display()))
            .hint(format!("`mount --make-shared {point}` makes it one"))),
    }
}

/// The mount that a path lies on, with its peer groups.
fn mount_of<'t>(table: &'t str, path: &Path) -> (String, Vec<&'t str>) {
    let mut found = ("/".to_owned(), Vec::new());
    for mount in mountinfo::mounts(table) {
        // Of two mounts in one place the later one covers the other.
        if path.starts_with(&*mount.point) && mount.point.len() >= found.0.len() {
            found = (mount.point.to_string(), mount.peers().collect());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_says_whether_it_spreads() {
        let table = "24 1 0:2 / / rw - ext4 a rw\n25 24 0:3 / /mnt rw shared:7 master:2 - ext4 b rw\n\
                     26 24 0:4 / /mnt/a\\040b rw - tmpfs c rw\n";
        assert_eq!(mount_of(table, Path::new("/mnt/x")), ("/mnt".into(), vec!["shared:7", "master:2"]));
        assert_eq!(mount_of(table, Path::new("/mnt/a b/c")), ("/mnt/a b".into(), vec![]));
        assert_eq!(mount_of(table, Path::new("/mntx")), ("/".into(), vec![]));
    }

    #[test]
    fn options_of_a_tmpfs_take_the_place_of_the_usual_ones() {
        let words = |asked: &[&str]| {
            let asked = asked.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
            tmpfs("/t", Some(5), None, &asked).options.join(",")
        };
        assert_eq!(words(&[]), "nosuid,nodev,noexec,size=5,mode=1777");
        assert_eq!(words(&["exec", "uid=7"]), "nosuid,nodev,exec,uid=7,size=5,mode=1777");
    }

    #[test]
    fn what_spreads_makes_the_root_spread() {
        let mount = |propagation| MountRecord {
            bind: BindRecord { propagation, ..BindRecord::default() },
            ..MountRecord::new(MountSource::Bind { path: "/a".into() }, "/b")
        };
        let words = |propagations: &[Propagation]| {
            root_propagation(&propagations.iter().map(|propagation| mount(*propagation)).collect::<Vec<_>>())
        };
        assert_eq!(words(&[Propagation::Rprivate]), "");
        assert_eq!(words(&[Propagation::Slave, Propagation::Private]), "rslave");
        assert_eq!(words(&[Propagation::Slave, Propagation::Shared]), "rshared");
        assert_eq!(native_flag(&[mount(Propagation::Slave)]).unwrap(), "the option slave of the mount /b");
    }
}
