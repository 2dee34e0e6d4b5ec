/* stat: all of what the kernel knows of a file. */
#include "call.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static struct timespec when(const struct cowbox_time *time) {
	return (struct timespec){ .tv_sec = time->sec, .tv_nsec = (long)time->nsec };
}

static int tell(int error, const struct cowbox_stat *from, struct stat *to) {
	if (error) return done(error);
	*to = (struct stat){
		.st_dev = from->dev,
		.st_ino = from->ino,
		.st_mode = from->mode,
		.st_nlink = from->nlink,
		.st_uid = from->uid,
		.st_gid = from->gid,
		.st_rdev = makedev(from->rdev_major, from->rdev_minor),
		.st_size = (off_t)from->size,
		.st_blksize = (blksize_t)from->block_size,
		.st_blocks = (blkcnt_t)from->blocks,
		.st_atim = when(&from->atime),
		.st_mtim = when(&from->mtime),
		.st_ctim = when(&from->ctime),
	};
	return 0;
}

int fstatat(int dir, const char *restrict path, struct stat *restrict result, int flags) {
	struct cowbox_stat found;
	if (!*path && flags & AT_EMPTY_PATH && directory(dir) >= 0) return fstat(dir, result);
	return tell(cowbox_path_stat(directory(dir), TEXT(path), flags & AT_SYMLINK_NOFOLLOW ? COWBOX_AT_NOFOLLOW : 0, &found), &found, result);
}

int stat(const char *restrict path, struct stat *restrict result) {
	return fstatat(COWBOX_CWD, path, result, 0);
}

int lstat(const char *restrict path, struct stat *restrict result) {
	return fstatat(COWBOX_CWD, path, result, AT_SYMLINK_NOFOLLOW);
}

int fstat(int fd, struct stat *result) {
	struct cowbox_stat found;
	return tell(cowbox_fd_stat(fd, &found), &found, result);
}
