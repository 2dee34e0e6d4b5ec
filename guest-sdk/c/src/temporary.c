/* Temporary files and directories. */
#define _GNU_SOURCE
#include "call.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define LETTERS 6
#define TRIES 100

/* Where the letters to replace begin; null where the template has none. */
static char *letters(char *template, int suffix) {
	size_t len = strlen(template);
	if (suffix < 0 || len < (size_t)suffix + LETTERS) return NULL;
	char *at = template + len - (size_t)suffix - LETTERS;
	return memcmp(at, "XXXXXX", LETTERS) ? NULL : at;
}

static void randomise(char *at) {
	static const char choice[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	for (int i = 0; i < LETTERS; i++) at[i] = choice[arc4random_uniform(sizeof choice - 1)];
}

int mkostemps(char *template, int suffix, int flags) {
	char *at = letters(template, suffix);
	if (!at) return done(EINVAL);
	for (int i = 0; i < TRIES; i++) {
		randomise(at);
		int fd = open(template, O_RDWR | O_CREAT | O_EXCL | (flags & (O_APPEND | O_CLOEXEC | O_SYNC)), 0600);
		if (fd >= 0 || errno != EEXIST) return fd;
	}
	memcpy(at, "XXXXXX", LETTERS);
	return done(EEXIST);
}

int mkostemp(char *template, int flags) {
	return mkostemps(template, 0, flags);
}

int mkstemps(char *template, int suffix) {
	return mkostemps(template, suffix, 0);
}

int mkstemp(char *template) {
	return mkostemps(template, 0, 0);
}

char *mkdtemp(char *template) {
	char *at = letters(template, 0);
	errno = EINVAL;
	for (int i = 0; at && i < TRIES; i++) {
		randomise(at);
		if (!mkdir(template, 0700)) return template;
		if (errno != EEXIST) break;
	}
	return NULL;
}

char *mktemp(char *template) {
	char *at = letters(template, 0);
	struct stat found;
	errno = EINVAL;
	for (int i = 0; at && i < TRIES; i++) {
		randomise(at);
		if (lstat(template, &found) && errno == ENOENT) return template;
		errno = EEXIST;
	}
	*template = 0;
	return template;
}

char *tmpnam(char *buf) {
	static char shared[L_tmpnam];
	char template[] = "/tmp/tmpnam_XXXXXX";
	_Static_assert(sizeof template <= L_tmpnam, "a name fits its buffer");
	if (!*mktemp(template)) return NULL;
	return strcpy(buf ? buf : shared, template);
}

char *tempnam(const char *dir, const char *prefix) {
	char template[PATH_MAX];
	int len = snprintf(template, sizeof template, "%s/%s_XXXXXX", dir ? dir : P_tmpdir, prefix ? prefix : "temp");
	if (len < 0 || (size_t)len >= sizeof template) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	return *mktemp(template) ? strdup(template) : NULL;
}

FILE *tmpfile(void) {
	char template[] = "/tmp/tmpfile_XXXXXX";
	int fd = mkostemps(template, 0, O_CLOEXEC);
	if (fd < 0) return NULL;
	unlink(template);
	FILE *file = fdopen(fd, "w+");
	if (!file) close(fd);
	return file;
}
