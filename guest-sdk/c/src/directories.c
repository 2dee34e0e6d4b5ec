/* Opening and listing directories; reading them is wasi-libc's. */
#include "call.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

DIR *opendirat(int dir, const char *path) {
	int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) return NULL;
	DIR *opened = fdopendir(fd);
	if (!opened) {
		int error = errno;
		close(fd);
		errno = error;
	}
	return opened;
}

DIR *opendir(const char *path) {
	return opendirat(COWBOX_CWD, path);
}

static struct dirent *copy(const struct dirent *entry) {
	size_t size = offsetof(struct dirent, d_name) + strlen(entry->d_name) + 1;
	struct dirent *kept = malloc(size);
	return kept ? memcpy(kept, entry, size) : NULL;
}

int scandirat(int dir, const char *path, struct dirent ***result, int (*selects)(const struct dirent *),
	int (*compare)(const struct dirent **, const struct dirent **)) {
	struct dirent **list = NULL, **larger, *entry;
	size_t count = 0, capacity = 0;
	DIR *opened = opendirat(dir, path);
	if (!opened) return -1;
	while (errno = 0, (entry = readdir(opened))) {
		if (selects && !selects(entry)) continue;
		if (count == capacity) {
			capacity = capacity * 2 + 16;
			larger = realloc(list, capacity * sizeof *list);
			if (!larger) break;
			list = larger;
		}
		if (!(list[count] = copy(entry))) break;
		count++;
	}
	int error = errno;
	closedir(opened);
	if (error) {
		while (count) free(list[--count]);
		free(list);
		return done(error);
	}
	if (compare) qsort(list, count, sizeof *list, (int (*)(const void *, const void *))compare);
	*result = list;
	return (int)count;
}

int scandir(const char *path, struct dirent ***result, int (*selects)(const struct dirent *),
	int (*compare)(const struct dirent **, const struct dirent **)) {
	return scandirat(COWBOX_CWD, path, result, selects, compare);
}
