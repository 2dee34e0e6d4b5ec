/* Descriptors: copying them, pipes, and what fcntl sets. */
#include "call.h"
#include <fcntl.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

int pipe2(int pair[2], int flags) {
	if (flags & ~(O_CLOEXEC | O_NONBLOCK)) return done(EINVAL);
	return done(cowbox_fd_pipe(__cowbox_open_flags(flags), pair));
}

int pipe(int pair[2]) {
	return pipe2(pair, 0);
}

int socketpair(int domain, int type, int protocol, int pair[2]) {
	uint32_t flags = (type & SOCK_CLOEXEC ? COWBOX_O_CLOEXEC : 0) | (type & SOCK_NONBLOCK ? COWBOX_O_NONBLOCK : 0);
	if (domain != AF_UNIX) return done(EAFNOSUPPORT);
	if ((type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) != SOCK_STREAM || protocol) return done(EPROTONOSUPPORT);
	return done(cowbox_fd_socketpair(1, flags, pair));
}

#ifndef MFD_CLOEXEC
#define MFD_CLOEXEC 1U
#endif
int memfd_create(const char *name, unsigned flags) {
	int32_t fd;
	(void)name;
	if (flags & ~MFD_CLOEXEC) return done(EINVAL);
	return done(cowbox_fd_memory(flags & MFD_CLOEXEC ? COWBOX_O_CLOEXEC : 0, &fd)) ? -1 : fd;
}

static int copy(int fd, int least, uint32_t flags) {
	int32_t to;
	if (least < 0) return done(EINVAL);
	return done(cowbox_fd_dup(fd, (uint32_t)least, flags, &to)) ? -1 : to;
}

int dup(int fd) {
	return copy(fd, 0, 0);
}

int dup2(int fd, int to) {
	return done(cowbox_fd_dup2(fd, to, 0)) ? -1 : to;
}

int dup3(int fd, int to, int flags) {
	if (fd == to || flags & ~O_CLOEXEC) return done(EINVAL);
	return done(cowbox_fd_dup2(fd, to, __cowbox_open_flags(flags))) ? -1 : to;
}

int fcntl(int fd, int command, ...) {
	struct cowbox_fd_flags flags;
	va_list arguments;
	va_start(arguments, command);
	int argument = command == F_GETFD || command == F_GETFL ? 0 : va_arg(arguments, int);
	va_end(arguments);
	switch (command) {
	case F_DUPFD:
		return copy(fd, argument, 0);
	case F_DUPFD_CLOEXEC:
		return copy(fd, argument, COWBOX_O_CLOEXEC);
	case F_GETFD:
		return done(cowbox_fd_flags(fd, &flags)) ? -1 : flags.cloexec ? FD_CLOEXEC : 0;
	case F_SETFD:
		return done(cowbox_fd_set_cloexec(fd, !!(argument & FD_CLOEXEC)));
	case F_GETFL:
		return done(cowbox_fd_flags(fd, &flags)) ? -1 : __cowbox_status_flags(flags.status);
	case F_SETFL:
		return done(cowbox_fd_set_status(fd, __cowbox_open_flags(argument & (O_APPEND | O_NONBLOCK))));
	default:
		return done(EINVAL);
	}
}

int flock(int fd, int operation) {
	return done(cowbox_fd_lock(fd, (uint32_t)operation));
}

int closefrom(int fd) {
	return done(cowbox_fd_closefrom(fd < 0 ? 0 : fd));
}
