/* What wasi-libc's <wasi/libc.h> declares over paths, by their POSIX names. */
#include "call.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wasi/libc.h>

int __wasilibc_access(const char *path, int mode, int flags) {
	return faccessat(COWBOX_CWD, path, mode, flags);
}

int __wasilibc_stat(const char *restrict path, struct stat *restrict result, int flags) {
	return fstatat(COWBOX_CWD, path, result, flags);
}

int __wasilibc_utimens(const char *path, const struct timespec times[2], int flags) {
	return utimensat(COWBOX_CWD, path, times, flags);
}

int __wasilibc_link(const char *from, const char *to, int flags) {
	return linkat(COWBOX_CWD, from, COWBOX_CWD, to, flags);
}

int __wasilibc_link_oldat(int dir, const char *from, const char *to, int flags) {
	return linkat(dir, from, COWBOX_CWD, to, flags);
}

int __wasilibc_link_newat(const char *from, int dir, const char *to, int flags) {
	return linkat(COWBOX_CWD, from, dir, to, flags);
}

int __wasilibc_rename_oldat(int dir, const char *from, const char *to) {
	return renameat(dir, from, COWBOX_CWD, to);
}

int __wasilibc_rename_newat(const char *from, int dir, const char *to) {
	return renameat(COWBOX_CWD, from, dir, to);
}
