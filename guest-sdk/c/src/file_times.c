/* Times of files. */
#include "call.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <utime.h>
#include <wasi/api.h>

int utimensat(int dir, const char *path, const struct timespec times[2], int flags) {
	static const struct timespec now[2] = { { .tv_nsec = UTIME_NOW }, { .tv_nsec = UTIME_NOW } };
	__wasi_timestamp_t set[2] = { 0, 0 };
	__wasi_fstflags_t which = 0;
	if (!times) times = now;
	for (int i = 0; i < 2; i++) {
		/* The bits of the second time are two to the left of those of the first. */
		if (times[i].tv_nsec == UTIME_NOW) {
			which |= (__wasi_fstflags_t)(__WASI_FSTFLAGS_ATIM_NOW << 2 * i);
		} else if (times[i].tv_nsec != UTIME_OMIT) {
			if (times[i].tv_sec < 0 || times[i].tv_nsec < 0 || times[i].tv_nsec > 999999999) return done(EINVAL);
			set[i] = (__wasi_timestamp_t)nanoseconds(&times[i]);
			which |= (__wasi_fstflags_t)(__WASI_FSTFLAGS_ATIM << 2 * i);
		}
	}
	__wasi_lookupflags_t lookup = flags & AT_SYMLINK_NOFOLLOW ? 0 : __WASI_LOOKUPFLAGS_SYMLINK_FOLLOW;
	return done(__wasi_path_filestat_set_times(directory(dir), lookup, path, set[0], set[1], which));
}

static const struct timespec *from_micro(const struct timeval times[2], struct timespec precise[2]) {
	if (!times) return NULL;
	for (int i = 0; i < 2; i++) precise[i] = (struct timespec){ .tv_sec = times[i].tv_sec, .tv_nsec = (long)times[i].tv_usec * 1000 };
	return precise;
}

int utimes(const char *path, const struct timeval times[2]) {
	struct timespec precise[2];
	return utimensat(COWBOX_CWD, path, from_micro(times, precise), 0);
}

int lutimes(const char *path, const struct timeval times[2]) {
	struct timespec precise[2];
	return utimensat(COWBOX_CWD, path, from_micro(times, precise), AT_SYMLINK_NOFOLLOW);
}

int futimes(int fd, const struct timeval times[2]) {
	struct timespec precise[2];
	return futimens(fd, from_micro(times, precise));
}

int utime(const char *path, const struct utimbuf *times) {
	struct timespec precise[2];
	if (!times) return utimensat(COWBOX_CWD, path, NULL, 0);
	precise[0] = (struct timespec){ .tv_sec = times->actime };
	precise[1] = (struct timespec){ .tv_sec = times->modtime };
	return utimensat(COWBOX_CWD, path, precise, 0);
}
