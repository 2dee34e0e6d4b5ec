/* Names in directories: making, linking, renaming and removing them. */
#include "call.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wasi/api.h>

int mkdirat(int dir, const char *path, mode_t mode) {
	return done(cowbox_path_mkdir(directory(dir), TEXT(path), mode));
}

int mkdir(const char *path, mode_t mode) {
	return mkdirat(COWBOX_CWD, path, mode);
}

int mknodat(int dir, const char *path, mode_t mode, dev_t device) {
	(void)device;
	return done(cowbox_path_mknod(directory(dir), TEXT(path), mode & S_IFMT ? mode : mode | S_IFREG));
}

int mknod(const char *path, mode_t mode, dev_t device) {
	return mknodat(COWBOX_CWD, path, mode, device);
}

int mkfifoat(int dir, const char *path, mode_t mode) {
	return mknodat(dir, path, (mode & ~(mode_t)S_IFMT) | S_IFIFO, 0);
}

int mkfifo(const char *path, mode_t mode) {
	return mkfifoat(COWBOX_CWD, path, mode);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
	__wasi_lookupflags_t lookup = flags & AT_SYMLINK_FOLLOW ? __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW : 0;
	return done(__wasi_path_link(directory(from_dir), lookup, from, directory(to_dir), to));
}

int link(const char *from, const char *to) {
	return linkat(COWBOX_CWD, from, COWBOX_CWD, to, 0);
}

int symlinkat(const char *target, int dir, const char *path) {
	return done(__wasi_path_symlink(target, directory(dir), path));
}

int symlink(const char *target, const char *path) {
	return symlinkat(target, COWBOX_CWD, path);
}

ssize_t readlinkat(int dir, const char *restrict path, char *restrict buf, size_t size) {
	__wasi_size_t used;
	if (done(__wasi_path_readlink(directory(dir), path, (uint8_t *)buf, size, &used))) return -1;
	return (ssize_t)used;
}

ssize_t readlink(const char *restrict path, char *restrict buf, size_t size) {
	return readlinkat(COWBOX_CWD, path, buf, size);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to) {
	return done(cowbox_path_rename(directory(from_dir), TEXT(from), directory(to_dir), TEXT(to), 0));
}

int rename(const char *from, const char *to) {
	return renameat(COWBOX_CWD, from, COWBOX_CWD, to);
}

int unlinkat(int dir, const char *path, int flags) {
	if (flags & AT_REMOVEDIR) return done(__wasi_path_remove_directory(directory(dir), path));
	return done(__wasi_path_unlink_file(directory(dir), path));
}

int unlink(const char *path) {
	return unlinkat(COWBOX_CWD, path, 0);
}

int rmdir(const char *path) {
	return unlinkat(COWBOX_CWD, path, AT_REMOVEDIR);
}

int remove(const char *path) {
	int error = __wasi_path_unlink_file(COWBOX_CWD, path);
	/* What is a directory is known from the second answer: the first may be EISDIR or EPERM. */
	if (error == EISDIR || error == EPERM) {
		int second = __wasi_path_remove_directory(COWBOX_CWD, path);
		if (second != ENOTDIR) error = second;
	}
	return done(error);
}

/* The names that wasi-libc's own code has for two of these. */
int __wasilibc_unlinkat(int dir, const char *path) {
	return unlinkat(dir, path, 0);
}

int __wasilibc_rmdirat(int dir, const char *path) {
	return unlinkat(dir, path, AT_REMOVEDIR);
}
