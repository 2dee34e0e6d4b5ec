/* Sets of signals. */
#define _GNU_SOURCE
#include "call.h"
#include <signal.h>

static int valid(int signal) {
	return signal > 0 && signal < _NSIG;
}

static sigset_t bit(int signal) {
	return (sigset_t)1 << (signal - 1);
}

int sigemptyset(sigset_t *set) {
	*set = 0;
	return 0;
}

int sigfillset(sigset_t *set) {
	*set = ~(sigset_t)0;
	return 0;
}

int sigaddset(sigset_t *set, int signal) {
	if (!valid(signal)) return done(EINVAL);
	*set |= bit(signal);
	return 0;
}

int sigdelset(sigset_t *set, int signal) {
	if (!valid(signal)) return done(EINVAL);
	*set &= ~bit(signal);
	return 0;
}

int sigismember(const sigset_t *set, int signal) {
	if (!valid(signal)) return done(EINVAL);
	return !!(*set & bit(signal));
}

int sigisemptyset(const sigset_t *set) {
	return !*set;
}

int sigorset(sigset_t *result, const sigset_t *one, const sigset_t *other) {
	*result = *one | *other;
	return 0;
}

int sigandset(sigset_t *result, const sigset_t *one, const sigset_t *other) {
	*result = *one & *other;
	return 0;
}
