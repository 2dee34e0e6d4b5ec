/* Opening files, and how open flags are told to the kernel. */
#include "call.h"
#include <fcntl.h>
#include <stdarg.h>
#include <wasi/libc.h>

static const struct {
	int libc;
	uint32_t kernel;
} flag_table[] = {
	{ O_APPEND, COWBOX_O_APPEND }, { O_NONBLOCK, COWBOX_O_NONBLOCK }, { O_CREAT, COWBOX_O_CREAT }, { O_DIRECTORY, COWBOX_O_DIRECTORY },
	{ O_EXCL, COWBOX_O_EXCL }, { O_TRUNC, COWBOX_O_TRUNC }, { O_NOFOLLOW, COWBOX_O_NOFOLLOW }, { O_CLOEXEC, COWBOX_O_CLOEXEC },
	{ O_NOCTTY, COWBOX_O_NOCTTY },
};
#define FLAGS (sizeof flag_table / sizeof *flag_table)

uint32_t __cowbox_open_flags(int flags) {
	uint32_t access = (flags & O_RDWR) == O_RDWR ? COWBOX_O_RDWR : flags & O_WRONLY ? COWBOX_O_WRONLY : 0;
	for (size_t i = 0; i < FLAGS; i++)
		if (flags & flag_table[i].libc) access |= flag_table[i].kernel;
	return access;
}

int __cowbox_status_flags(uint32_t flags) {
	int status = flags & COWBOX_O_RDWR ? O_RDWR : flags & COWBOX_O_WRONLY ? O_WRONLY : O_RDONLY;
	for (size_t i = 0; i < FLAGS; i++)
		if (flags & flag_table[i].kernel) status |= flag_table[i].libc;
	return status;
}

static int open_in(int dir, const char *path, int flags, mode_t mode) {
	int32_t fd;
	if (done(cowbox_fd_open(directory(dir), TEXT(path), __cowbox_open_flags(flags), mode, &fd))) return -1;
	return fd;
}

int open(const char *path, int flags, ...) {
	va_list arguments;
	va_start(arguments, flags);
	mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
	va_end(arguments);
	return open_in(COWBOX_CWD, path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...) {
	va_list arguments;
	va_start(arguments, flags);
	mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
	va_end(arguments);
	return open_in(dir, path, flags, mode);
}

int creat(const char *path, mode_t mode) {
	return open_in(COWBOX_CWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

/* What fopen and truncate of wasi-libc call. */
int __wasilibc_open_nomode(const char *path, int flags) {
	return open_in(COWBOX_CWD, path, flags, 0666);
}

int __wasilibc_nocwd_openat_nomode(int dir, const char *path, int flags) {
	return open_in(dir, path, flags, 0666);
}

/* The open flags of a mode of fopen. */
int __fmodeflags(const char *mode) {
	int flags = strchr(mode, '+') ? O_RDWR : *mode == 'r' ? O_RDONLY : O_WRONLY;
	if (strchr(mode, 'x')) flags |= O_EXCL;
	if (strchr(mode, 'e')) flags |= O_CLOEXEC;
	if (*mode != 'r') flags |= O_CREAT;
	if (*mode == 'w') flags |= O_TRUNC;
	if (*mode == 'a') flags |= O_APPEND;
	return flags;
}
