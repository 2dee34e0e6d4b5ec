//! Bundles whose program is a wasm module.

use std::path::Path;

use crate::oci::runtime::Spec;
use crate::runtime::Error;
use crate::runtime::native::ModuleRunner;
use crate::runtime::native::lifecycle::failed;
use crate::runtime::native::system::process;
use crate::vfs::{FileKind, KernelOptions, Namespace, kernel_dir};

/// Annotations that make a program a module, of containerd's clients and of crun.
pub(super) const ANNOTATIONS: [&str; 2] = ["module.wasm.image/variant", "run.oci.handler"];
/// Their values that do.
const VALUES: [&str; 2] = ["compat", "wasm"];

/// What modules begin with.
const MODULE: &[u8] = b"\0asm";
/// What programs of the host begin with.
const ELF: &[u8] = b"\x7fELF";

/// How the program of a bundle is run if it is a module, and none if it is not. The spec of a module loses what is not for it.
pub(super) fn prepare(
    spec: &mut Spec,
    root: &Path,
    runner: Option<&ModuleRunner>,
) -> Result<Option<ModuleRunner>, Error> {
    if !is_module(spec, root) {
        return Ok(None);
    }
    let runner = runner.ok_or_else(|| {
        let program = spec.process.as_ref().and_then(|process| process.args.first()).map_or("", String::as_str);
        failed(format!("{program} is a wasm module, and this cowbox was built without the feature `wasm`"))
    })?;
    if spec.hooks.as_ref().is_some_and(|hooks| !hooks.start_container.is_empty()) {
        return Err(failed("startContainer hooks run in the container's root, where a wasm module's process never is"));
    }
    // The module has a /proc of the runtime's. Through the kernel's it could write to the memory of its own runtime.
    spec.mounts.retain(|mount| mount.kind != "proc");
    Ok(Some(runner.clone()))
}

/// Whether the program is a module: by its first bytes, or, where these are no program's of the host, by annotations.
fn is_module(spec: &Spec, root: &Path) -> bool {
    match head(spec, root) {
        Some(head) if head == *MODULE => true,
        Some(head) if head == *ELF => false,
        _ => {
            let mut known = ANNOTATIONS.into_iter().zip(VALUES);
            known.any(|(key, value)| spec.annotations.get(key).is_some_and(|found| found == value))
        }
    }
}

/// The first bytes of the program, where it is in the root before anything is mounted there.
fn head(spec: &Spec, root: &Path) -> Option<[u8; 4]> {
    let process = spec.process.as_ref()?;
    let files = Namespace::new(kernel_dir(root, &KernelOptions { read_only: true, owners: None }).ok()?);
    let found = process::candidates(process).ok()?.into_iter().find_map(|path| {
        // A relative one begins at the working directory; an absolute one stays what it is.
        let path = Path::new(&process.cwd).join(path);
        let inode = files.find(path.to_str()?.as_bytes()).ok()?;
        (inode.kind() == FileKind::Regular).then_some(inode)
    })?;
    let mut head = [0; 4];
    (found.read_at(&mut head, 0) == Ok(head.len())).then_some(head)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::oci::runtime::{Hook, Hooks, Mount, Process};

    fn spec(program: &str) -> Spec {
        let process = Process {
            args: vec![program.into()],
            cwd: "/work".into(),
            env: vec!["PATH=/bin:/other".into()],
            ..Process::default()
        };
        Spec { process: Some(process), ..Spec::default() }
    }

    fn runner() -> ModuleRunner {
        ModuleRunner(vec!["run".into()])
    }

    #[test]
    fn a_module_is_known_by_its_first_bytes_or_by_annotations() {
        let root = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        file("bin/module", b"\0asm\x01\0\0\0");
        file("work/here", b"\0asm\x01\0\0\0");
        file("bin/elf", b"\x7fELF\x02");
        file("bin/text", b"(module)");
        file("bin/short", b"\0as");
        symlink("/bin/module", root.path().join("link")).unwrap();
        let table = [
            ("module", true, true),
            ("/bin/module", true, true),
            ("./here", true, true),
            ("/link", true, true),
            ("elf", false, false),
            ("text", false, true),
            ("short", false, true),
            ("missing", false, true),
        ];
        for (program, plain, annotated) in table {
            let mut spec = spec(program);
            assert_eq!(is_module(&spec, root.path()), plain, "{program}");
            spec.annotations = [("run.oci.handler".to_owned(), "wasm".to_owned())].into();
            assert_eq!(is_module(&spec, root.path()), annotated, "{program}");
            spec.annotations = [("module.wasm.image/variant".to_owned(), "compat".to_owned())].into();
            assert_eq!(is_module(&spec, root.path()), annotated, "{program}");
            spec.annotations = [("run.oci.handler".to_owned(), "krun".to_owned())].into();
            assert_eq!(is_module(&spec, root.path()), plain, "{program}");
        }
    }

    #[test]
    fn a_module_has_no_proc_of_the_kernels_and_no_hooks_in_its_root() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("m"), b"\0asm\x01\0\0\0").unwrap();
        let mount = |kind: &str| Mount { kind: kind.into(), destination: "/x".into(), ..Mount::default() };
        let mut module = Spec { mounts: vec![mount("proc"), mount("tmpfs")], ..spec("/m") };
        let error = prepare(&mut module, root.path(), None).unwrap_err();
        assert_eq!(error.message, "/m is a wasm module, and this cowbox was built without the feature `wasm`");
        assert_eq!(prepare(&mut module, root.path(), Some(&runner())).unwrap(), Some(runner()));
        assert_eq!(module.mounts, [mount("tmpfs")]);
        module.hooks = Some(Hooks { start_container: vec![Hook::default()], ..Hooks::default() });
        assert!(prepare(&mut module, root.path(), Some(&runner())).unwrap_err().message.starts_with("startContainer"));
        assert_eq!(prepare(&mut spec("/none"), root.path(), None).unwrap(), None);
    }
}
