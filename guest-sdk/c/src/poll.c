/* Waiting for descriptors: poll, and select made of it. */
#define _GNU_SOURCE
#include "call.h"
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/select.h>

_Static_assert(sizeof(struct pollfd) == sizeof(struct cowbox_poll), "a pollfd is what the interface takes");

static int wait_for(struct pollfd *list, nfds_t count, int64_t timeout) {
	uint32_t ready;
	if (count > UINT_MAX / sizeof *list) return done(EINVAL);
	return done(cowbox_fd_poll((struct cowbox_poll *)list, (uint32_t)count, timeout, &ready)) ? -1 : (int)ready;
}

int poll(struct pollfd *list, nfds_t count, int timeout) {
	return wait_for(list, count, timeout < 0 ? -1 : timeout * 1000000LL);
}

/* The mask is set before and after the wait: a signal that comes between the two is seen when the wait is over. */
int ppoll(struct pollfd *list, nfds_t count, const struct timespec *timeout, const sigset_t *mask) {
	sigset_t old;
	if (mask && sigprocmask(SIG_SETMASK, mask, &old)) return -1;
	int ready = wait_for(list, count, nanoseconds(timeout));
	int error = errno;
	if (mask) sigprocmask(SIG_SETMASK, &old, NULL);
	errno = error;
	return ready;
}

static int member(int fd, const fd_set *set) {
	return set && FD_ISSET(fd, set);
}

int pselect(int count, fd_set *restrict read, fd_set *restrict write, fd_set *restrict except, const struct timespec *restrict timeout,
	const sigset_t *restrict mask) {
	struct pollfd list[FD_SETSIZE];
	nfds_t used = 0;
	if (count < 0 || count > FD_SETSIZE) return done(EINVAL);
	for (int fd = 0; fd < count; fd++) {
		short events = (short)((member(fd, read) ? POLLIN : 0) | (member(fd, write) ? POLLOUT : 0) | (member(fd, except) ? POLLPRI : 0));
		if (events) list[used++] = (struct pollfd){ .fd = fd, .events = events };
	}
	if (ppoll(list, used, timeout, mask) < 0) return -1;
	int ready = 0;
	for (nfds_t i = 0; i < used; i++)
		if (list[i].revents & POLLNVAL) return done(EBADF);
	if (read) FD_ZERO(read);
	if (write) FD_ZERO(write);
	if (except) FD_ZERO(except);
	for (nfds_t i = 0; i < used; i++) {
		/* An end or an error is something that a read or write tells at once. */
		short events = list[i].events, found = list[i].revents;
		if (events & POLLIN && found & (POLLIN | POLLHUP | POLLERR)) FD_SET(list[i].fd, read), ready++;
		if (events & POLLOUT && found & (POLLOUT | POLLERR)) FD_SET(list[i].fd, write), ready++;
		if (events & POLLPRI && found & POLLPRI) FD_SET(list[i].fd, except), ready++;
	}
	return ready;
}

int select(int count, fd_set *restrict read, fd_set *restrict write, fd_set *restrict except, struct timeval *restrict timeout) {
	struct timespec precise;
	if (timeout) precise = (struct timespec){ .tv_sec = timeout->tv_sec, .tv_nsec = (long)timeout->tv_usec * 1000 };
	return pselect(count, read, write, except, timeout ? &precise : NULL, NULL);
}
