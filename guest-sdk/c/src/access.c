/* Whether a file may be used. */
#include "call.h"
#include <fcntl.h>
#include <unistd.h>

int faccessat(int dir, const char *path, int mode, int flags) {
	uint32_t how = (flags & AT_EACCESS ? COWBOX_AT_EACCESS : 0) | (flags & AT_SYMLINK_NOFOLLOW ? COWBOX_AT_NOFOLLOW : 0);
	/* <unistd.h> numbers X_OK, W_OK and R_OK as the interface does. */
	return done(cowbox_path_access(directory(dir), TEXT(path), (uint32_t)mode, how));
}

int access(const char *path, int mode) {
	return faccessat(COWBOX_CWD, path, mode, 0);
}

int eaccess(const char *path, int mode) {
	return faccessat(COWBOX_CWD, path, mode, AT_EACCESS);
}

int euidaccess(const char *path, int mode) {
	return faccessat(COWBOX_CWD, path, mode, AT_EACCESS);
}
