/* The few ioctls that programs make of terminals and descriptors. */
#include "call.h"
#include <fcntl.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wasi/api.h>

static int set_nonblocking(int fd, int on) {
	int flags = fcntl(fd, F_GETFL);
	return flags < 0 ? -1 : fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

/* How much can be read without waiting. */
static int readable(int fd, int *count) {
	__wasi_subscription_t wanted[2] = {
		{ .u.tag = __WASI_EVENTTYPE_FD_READ, .u.u.fd_read.file_descriptor = fd },
		{ .u.tag = __WASI_EVENTTYPE_CLOCK, .u.u.clock.id = __WASI_CLOCKID_MONOTONIC },
	};
	__wasi_event_t events[2];
	__wasi_size_t got;
	int error = __wasi_poll_oneoff(wanted, events, 2, &got);
	if (error) return done(error);
	*count = 0;
	for (__wasi_size_t i = 0; i < got; i++) {
		if (events[i].type != __WASI_EVENTTYPE_FD_READ) continue;
		if (events[i].error) return done(events[i].error);
		*count = (int)events[i].fd_readwrite.nbytes;
	}
	return 0;
}

int ioctl(int fd, int request, ...) {
	va_list arguments;
	va_start(arguments, request);
	void *argument = va_arg(arguments, void *);
	va_end(arguments);
	switch (request) {
	case TIOCGWINSZ:
		return tcgetwinsize(fd, argument);
	case TIOCSWINSZ:
		return tcsetwinsize(fd, argument);
	case TCGETS:
		return tcgetattr(fd, argument);
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		return tcsetattr(fd, request - TCSETS, argument);
	case TCFLSH:
		return tcflush(fd, (int)(intptr_t)argument);
	case TIOCGPGRP:
		*(pid_t *)argument = tcgetpgrp(fd);
		return *(pid_t *)argument < 0 ? -1 : 0;
	case TIOCSPGRP:
		return tcsetpgrp(fd, *(pid_t *)argument);
	case TIOCGSID:
		*(pid_t *)argument = tcgetsid(fd);
		return *(pid_t *)argument < 0 ? -1 : 0;
	case TIOCSCTTY:
		return done(cowbox_tty_setctty(fd));
	case FIOCLEX:
		return fcntl(fd, F_SETFD, FD_CLOEXEC);
	case FIONCLEX:
		return fcntl(fd, F_SETFD, 0);
	case FIONBIO:
		return set_nonblocking(fd, *(int *)argument);
	case FIONREAD:
		return readable(fd, argument);
	default:
		return done(ENOTTY);
	}
}
