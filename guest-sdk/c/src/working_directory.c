/* The working directory, which the kernel keeps. */
#include "call.h"
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

int chdir(const char *path) {
	return done(cowbox_path_chdir(TEXT(path)));
}

int fchdir(int fd) {
	return done(cowbox_fd_chdir(fd));
}

char *getcwd(char *buf, size_t size) {
	char path[PATH_MAX];
	uint32_t used;
	if (buf && !size) {
		errno = EINVAL;
		return NULL;
	}
	if (done(cowbox_path_getcwd(path, sizeof path - 1, &used))) return NULL;
	path[used] = 0;
	if (!buf) return strdup(path);
	if (used >= size) {
		errno = ERANGE;
		return NULL;
	}
	return strcpy(buf, path);
}

char *get_current_dir_name(void) {
	return getcwd(NULL, 0);
}
