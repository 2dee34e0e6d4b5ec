/* Modes and owners of files. */
#include "call.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static uint32_t following(int flags) {
	return flags & AT_SYMLINK_NOFOLLOW ? COWBOX_AT_NOFOLLOW : 0;
}

mode_t umask(mode_t mask) {
	uint32_t old = 0;
	/* It cannot fail, and has no way to say so. */
	(void)done(cowbox_proc_umask(mask & 0777, &old));
	return old;
}

int fchmodat(int dir, const char *path, mode_t mode, int flags) {
	return done(cowbox_path_chmod(directory(dir), TEXT(path), mode, following(flags)));
}

int chmod(const char *path, mode_t mode) {
	return fchmodat(COWBOX_CWD, path, mode, 0);
}

int lchmod(const char *path, mode_t mode) {
	return fchmodat(COWBOX_CWD, path, mode, AT_SYMLINK_NOFOLLOW);
}

int fchmod(int fd, mode_t mode) {
	return done(cowbox_fd_chmod(fd, mode));
}

int fchownat(int dir, const char *path, uid_t uid, gid_t gid, int flags) {
	return done(cowbox_path_chown(directory(dir), TEXT(path), uid, gid, following(flags)));
}

int chown(const char *path, uid_t uid, gid_t gid) {
	return fchownat(COWBOX_CWD, path, uid, gid, 0);
}

int lchown(const char *path, uid_t uid, gid_t gid) {
	return fchownat(COWBOX_CWD, path, uid, gid, AT_SYMLINK_NOFOLLOW);
}

int fchown(int fd, uid_t uid, gid_t gid) {
	return done(cowbox_fd_chown(fd, uid, gid));
}
