/* Extended attributes. */
#include "call.h"
#include <sys/xattr.h>

/* An open file is an empty path below its descriptor. */

static ssize_t get(int dir, const char *path, const char *name, void *value, size_t size, uint32_t flags) {
	uint32_t used;
	return done(cowbox_path_getxattr(dir, TEXT(path), TEXT(name), value, size, flags, &used)) ? -1 : (ssize_t)used;
}

ssize_t getxattr(const char *path, const char *name, void *value, size_t size) {
	return get(COWBOX_CWD, path, name, value, size, 0);
}

ssize_t lgetxattr(const char *path, const char *name, void *value, size_t size) {
	return get(COWBOX_CWD, path, name, value, size, COWBOX_AT_NOFOLLOW);
}

ssize_t fgetxattr(int fd, const char *name, void *value, size_t size) {
	return get(fd, "", name, value, size, 0);
}

static ssize_t list_names(int dir, const char *path, char *list, size_t size, uint32_t flags) {
	uint32_t used;
	return done(cowbox_path_listxattr(dir, TEXT(path), list, size, flags, &used)) ? -1 : (ssize_t)used;
}

ssize_t listxattr(const char *path, char *list, size_t size) {
	return list_names(COWBOX_CWD, path, list, size, 0);
}

ssize_t llistxattr(const char *path, char *list, size_t size) {
	return list_names(COWBOX_CWD, path, list, size, COWBOX_AT_NOFOLLOW);
}

ssize_t flistxattr(int fd, char *list, size_t size) {
	return list_names(fd, "", list, size, 0);
}

static int set(int dir, const char *path, const char *name, const void *value, size_t size, int how, uint32_t flags) {
	if (how) return done(ENOTSUP);
	return done(cowbox_path_setxattr(dir, TEXT(path), TEXT(name), value, size, flags));
}

int setxattr(const char *path, const char *name, const void *value, size_t size, int how) {
	return set(COWBOX_CWD, path, name, value, size, how, 0);
}

int lsetxattr(const char *path, const char *name, const void *value, size_t size, int how) {
	return set(COWBOX_CWD, path, name, value, size, how, COWBOX_AT_NOFOLLOW);
}

int fsetxattr(int fd, const char *name, const void *value, size_t size, int how) {
	return set(fd, "", name, value, size, how, 0);
}

int removexattr(const char *path, const char *name) {
	return done(cowbox_path_removexattr(COWBOX_CWD, TEXT(path), TEXT(name), 0));
}

int lremovexattr(const char *path, const char *name) {
	return done(cowbox_path_removexattr(COWBOX_CWD, TEXT(path), TEXT(name), COWBOX_AT_NOFOLLOW));
}

int fremovexattr(int fd, const char *name) {
	return done(cowbox_path_removexattr(fd, TEXT(""), TEXT(name), 0));
}
