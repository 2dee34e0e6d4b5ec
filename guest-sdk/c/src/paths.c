/*
 * Path names, which the kernel resolves: absolute ones, relative ones, and `..`.
 *
 * wasi-libc finds for each path a preopened directory and a path below it. These take the place of that (all symbols of its preopens.o, and what its
 * chdir.o adds), for whatever in libc calls them: the directory is always the working directory, the path stays as it is.
 */
#include "call.h"
#include <stdlib.h>
#include <wasi/libc-find-relpath.h>
#include <wasi/libc.h>

int __wasilibc_find_abspath(const char *path, const char **abs_prefix, const char **relative_path) {
	*abs_prefix = "";
	*relative_path = path;
	return COWBOX_CWD;
}

int __wasilibc_find_relpath(const char *path, const char **abs_prefix, char **relative_path, size_t relative_path_len) {
	*abs_prefix = "";
	if (strlen(path) >= relative_path_len) {
		errno = ERANGE;
		return -1;
	}
	strcpy(*relative_path, path);
	return COWBOX_CWD;
}

int __wasilibc_find_relpath_alloc(const char *path, const char **abs_prefix, char **relative_path, size_t *relative_path_len, int can_realloc) {
	size_t len = strlen(path) + 1;
	if (len > *relative_path_len) {
		char *larger = can_realloc ? realloc(*relative_path, len) : NULL;
		if (!larger) {
			errno = can_realloc ? ENOMEM : ERANGE;
			return -1;
		}
		*relative_path = larger;
		*relative_path_len = len;
	}
	return __wasilibc_find_relpath(path, abs_prefix, relative_path, *relative_path_len);
}

int __wasilibc_register_preopened_fd(int fd, const char *path) {
	(void)fd, (void)path;
	return done(ENOSYS);
}

void __wasilibc_populate_preopens(void) {}

void __wasilibc_reset_preopens(void) {}
