/* How much room a file system has. */
#include "call.h"
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define BLOCK 4096

static int tell(int error, const struct cowbox_statfs *from, struct statfs *to) {
	if (error) return done(error);
	*to = (struct statfs){
		.f_bsize = BLOCK,
		.f_frsize = BLOCK,
		.f_blocks = from->bytes / BLOCK,
		.f_bfree = from->bytes_free / BLOCK,
		.f_bavail = from->bytes_free / BLOCK,
		.f_files = from->inodes,
		.f_ffree = from->inodes_free,
		.f_namelen = (unsigned long)from->name_max,
	};
	return 0;
}

int statfs(const char *path, struct statfs *result) {
	struct cowbox_statfs found;
	return tell(cowbox_path_statfs(TEXT(path), &found), &found, result);
}

int fstatfs(int fd, struct statfs *result) {
	struct cowbox_statfs found;
	return tell(cowbox_fd_statfs(fd, &found), &found, result);
}

static int tell_posix(int failed, const struct statfs *from, struct statvfs *to) {
	if (failed) return -1;
	*to = (struct statvfs){
		.f_bsize = from->f_bsize,
		.f_frsize = from->f_frsize,
		.f_blocks = from->f_blocks,
		.f_bfree = from->f_bfree,
		.f_bavail = from->f_bavail,
		.f_files = from->f_files,
		.f_ffree = from->f_ffree,
		.f_favail = from->f_ffree,
		.f_namemax = from->f_namelen,
	};
	return 0;
}

int statvfs(const char *restrict path, struct statvfs *restrict result) {
	struct statfs found;
	return tell_posix(statfs(path, &found), &found, result);
}

int fstatvfs(int fd, struct statvfs *result) {
	struct statfs found;
	return tell_posix(fstatfs(fd, &found), &found, result);
}

/* Files reach the disk by fsync; there is nothing for all of them at once. */
void sync(void) {}
