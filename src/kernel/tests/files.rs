//! Files by path: modes, masks, owners, and what others may not.

use super::*;
use crate::vfs::RenameMode;

fn mode(program: &Program, path: &str) -> (u16, u32, u32) {
    let attr = program.task.resolve(None, path.as_bytes(), Follow::No).unwrap().found().unwrap().attr().unwrap();
    (attr.mode, attr.uid, attr.gid)
}

fn mkdir(program: &mut Program, path: &str, mode: u16) -> Result<()> {
    let walked = program.task.resolve(None, path.as_bytes(), Follow::No)?;
    program.task.make_directory(&walked, mode)
}

fn inode(program: &Program, path: &str) -> InodeRef {
    program.task.resolve(None, path.as_bytes(), Follow::Yes).unwrap().found().unwrap().clone()
}

#[test]
fn new_files_have_the_mode_the_mask_leaves_and_the_user_s_own_names() {
    World::new().passes(|init| {
        init.task.umask = 0o027;
        init.open("/tmp/file", flags::CREATE | flags::WRITE_ONLY).unwrap();
        mkdir(init, "/tmp/dir", 0o777).unwrap();
        assert_eq!((mode(init, "/tmp/file"), mode(init, "/tmp/dir")), ((0o640, 0, 0), (0o750, 0, 0)));
        init.task.change_mode(&inode(init, "/tmp/dir"), 0o2777).unwrap();
        init.task.change_owner(&inode(init, "/tmp/dir"), None, Some(50)).unwrap();
        init.task.users = Users::new(1000, 100, vec![50]);
        init.open("/tmp/dir/file", flags::CREATE | flags::WRITE_ONLY).unwrap();
        mkdir(init, "/tmp/dir/dir", 0o777).unwrap();
        assert_eq!(mode(init, "/tmp/dir/file"), (0o640, 1000, 50));
        assert_eq!(mode(init, "/tmp/dir/dir"), (0o2750, 1000, 50));
        0
    });
}

#[test]
fn who_is_not_root_is_kept_to_the_modes() {
    let world = World::new().program("child", |child| {
        assert_eq!(child.task.users.uid(), 1000);
        0
    });
    world.file("/tmp/secret", b"x", 0o600);
    world.file("/tmp/shown", b"x", 0o644);
    world.passes(|init| {
        mkdir(init, "/tmp/closed", 0o700).unwrap();
        init.open("/tmp/closed/file", flags::CREATE | flags::WRITE_ONLY).unwrap();
        mkdir(init, "/tmp/sticky", 0o777).unwrap();
        init.task.change_mode(&inode(init, "/tmp/sticky"), 0o1777).unwrap();
        init.open("/tmp/sticky/file", flags::CREATE | flags::WRITE_ONLY).unwrap();
        init.task.change_mode(&inode(init, "/tmp/sticky/file"), 0o666).unwrap();
        init.task.set_users(Users::new(1000, 1000, Vec::new()));
        assert_eq!(init.open("/tmp/secret", flags::READ_ONLY), Err(Errno::Access));
        assert_eq!(init.open("/tmp/shown", flags::WRITE_ONLY), Err(Errno::Access));
        assert_eq!(init.open("/tmp/shown", flags::READ_ONLY | flags::TRUNCATE), Err(Errno::Access));
        assert!(init.open("/tmp/shown", flags::READ_ONLY).is_ok());
        assert_eq!(init.open("/tmp/closed/file", flags::READ_ONLY), Err(Errno::Access));
        assert_eq!(init.open("/new", flags::CREATE | flags::WRITE_ONLY), Err(Errno::Access));
        assert_eq!(mkdir(init, "/new", 0o777), Err(Errno::Access));
        let place = init.task.resolve(None, b"/tmp/closed", Follow::Yes).unwrap().place().unwrap();
        assert_eq!(init.task.enter(place), Err(Errno::Access));
        let shown = inode(init, "/tmp/shown");
        assert_eq!(init.task.change_mode(&shown, 0o777), Err(Errno::Perm));
        assert_eq!(init.task.change_owner(&shown, Some(1000), None), Err(Errno::Perm));
        let walked = init.task.resolve(None, b"/tmp/sticky/file", Follow::No).unwrap();
        assert_eq!(init.task.unlink(&walked), Err(Errno::Perm));
        let target = init.task.resolve(None, b"/tmp/sticky/other", Follow::No).unwrap();
        assert_eq!(init.task.rename(&walked, &target, RenameMode::Replace), Err(Errno::Perm));
        drop((walked, target));
        init.open("/tmp/sticky/own", flags::CREATE | flags::WRITE_ONLY).unwrap();
        let own = inode(init, "/tmp/sticky/own");
        assert_eq!(init.task.change_mode(&own, 0o4755), Ok(()));
        assert_eq!(init.task.change_owner(&own, None, Some(1000)), Ok(()));
        assert_eq!(mode(init, "/tmp/sticky/own"), (0o755, 1000, 1000));
        assert_eq!(init.task.change_owner(&own, Some(0), None), Err(Errno::Perm));
        let walked = init.task.resolve(None, b"/tmp/sticky/own", Follow::No).unwrap();
        assert_eq!(init.task.unlink(&walked), Ok(()));
        drop(walked);
        let child = init.start("child", &[]);
        assert_eq!(init.status(child), exited(0));
        0
    });
}

#[test]
fn paths_start_in_the_working_directory_of_the_process() {
    let world = World::new().program("child", |child| {
        assert_eq!(child.task.namespace.path_of(&child.task.cwd).unwrap().as_bytes(), b"/tmp/a");
        assert!(child.open("../file", flags::READ_ONLY).is_ok());
        0
    });
    world.file("/tmp/file", b"x", 0o644);
    world.passes(|init| {
        mkdir(init, "/tmp/a", 0o755).unwrap();
        let walked = init.task.resolve(None, b"/tmp/a", Follow::Yes).unwrap();
        let place = walked.place().unwrap();
        init.task.enter(place).unwrap();
        assert!(init.open("../../tmp/./file", flags::READ_ONLY).is_ok());
        assert_eq!(init.open("file", flags::READ_ONLY), Err(Errno::NoEnt));
        assert_eq!(init.open("", flags::READ_ONLY), Err(Errno::NoEnt));
        assert_eq!(init.open("/../../../tmp/file/", flags::READ_ONLY), Err(Errno::NotDir));
        let tmp = init.open("/tmp", flags::READ_ONLY | flags::DIRECTORY).unwrap();
        assert!(init.call(|task| task.open_path(Some(tmp), b"file", flags::READ_ONLY, 0)).is_ok());
        assert!(init.call(|task| task.open_path(Some(tmp), b"../tmp/file", flags::READ_ONLY, 0)).is_ok());
        let file = init.open("/tmp/file", flags::READ_ONLY).unwrap();
        assert_eq!(init.call(|task| task.open_path(Some(file), b"x", 0, 0)), Err(Errno::NotDir));
        assert_eq!(init.call(|task| task.open_path(Some(40), b"x", 0, 0)), Err(Errno::BadF));
        let child = init.start("child", &[]);
        assert_eq!(init.status(child), exited(0));
        0
    });
}

#[test]
fn open_says_what_is_wrong() {
    let world = World::new();
    world.file("/tmp/file", b"x", 0o644);
    world.passes(|init| {
        let link = init.task.resolve(None, b"/tmp/link", Follow::No).unwrap();
        init.task.make_link(b"link", &link).unwrap();
        drop(link);
        for (path, status, errno) in [
            ("/tmp", flags::WRITE_ONLY, Errno::IsDir),
            ("/tmp", flags::CREATE, Errno::IsDir),
            ("/tmp/file", flags::DIRECTORY, Errno::NotDir),
            ("/tmp/file", flags::CREATE | flags::EXCLUSIVE, Errno::Exist),
            ("/tmp/link", flags::CREATE | flags::EXCLUSIVE, Errno::Exist),
            ("/tmp/link", flags::READ_ONLY, Errno::Loop),
            ("/tmp/link", flags::NO_FOLLOW, Errno::Loop),
            ("/tmp/none/file", flags::CREATE, Errno::NoEnt),
            ("/tmp/new/", flags::CREATE, Errno::IsDir),
        ] {
            assert_eq!(init.open(path, status), Err(errno), "{path} {status:o}");
        }
        0
    });
}

#[test]
fn a_file_grows_no_further_than_the_process_may_make_it() {
    World::new()
        .program("child", |child| {
            child.task.set_limit(1, (10, 10)).unwrap();
            assert_eq!(child.task.writable_len(4, 100), Ok(6));
            assert_eq!(child.task.writable_len(10, 0), Ok(0));
            assert_eq!(child.call(|task| task.writable_len(10, 1)), Err(Errno::FBig));
            0
        })
        .passes(|init| {
            let child = init.start("child", &[]);
            assert_eq!(init.status(child), 25);
            0
        });
}
