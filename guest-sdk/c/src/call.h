/* How the sources of this library make calls. */
#ifndef COWBOX_CALL_H
#define COWBOX_CALL_H

#include <cowbox/abi.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

/* A text and its length, as two arguments. */
#define TEXT(text) (text), strlen(text)

/* -1 and errno for an error of a call, 0 for none. */
static inline int done(int error) {
	if (!error) return 0;
	errno = error;
	return -1;
}

/* A directory as the interface takes it: wasi-libc's own code has another number for the working directory. */
static inline int directory(int fd) {
	return fd == -2 ? COWBOX_CWD : fd;
}

/* Between the open flags of <fcntl.h>, numbered by wasi-libc, and those of the interface. */
uint32_t __cowbox_open_flags(int flags);
int __cowbox_status_flags(uint32_t flags);

/* The times in nanoseconds, -1 for no timeout. */
static inline int64_t nanoseconds(const struct timespec *time) {
	return time ? time->tv_sec * 1000000000LL + time->tv_nsec : -1;
}

/* A list of strings as one text, each with a zero behind it, in memory of malloc. */
struct strings {
	char *text;
	size_t len;
};
int __cowbox_strings(char *const *list, struct strings *strings);

/* PATH, or what stands in for it where there is none. */
const char *__cowbox_search_path(void);

#endif
