/* Sending, blocking and awaiting signals. */
#define _GNU_SOURCE
#include "call.h"
#include <signal.h>
#include <unistd.h>

int kill(pid_t pid, int signal) {
	return done(cowbox_proc_kill(pid, (uint32_t)signal));
}

int killpg(pid_t group, int signal) {
	return group < 0 ? done(EINVAL) : kill(-group, signal);
}

int raise(int signal) {
	return kill(getpid(), signal);
}

int sigprocmask(int how, const sigset_t *restrict set, sigset_t *restrict old) {
	uint64_t before;
	if (done(cowbox_sig_mask(set ? (uint32_t)how : 3, set ? *set : 0, &before))) return -1;
	if (old) *old = before;
	return 0;
}

int pthread_sigmask(int how, const sigset_t *restrict set, sigset_t *restrict old) {
	return sigprocmask(how, set, old) ? errno : 0;
}

int sigpending(sigset_t *set) {
	uint64_t pending;
	if (done(cowbox_sig_pending(&pending))) return -1;
	*set = pending;
	return 0;
}

int sigsuspend(const sigset_t *mask) {
	return done(cowbox_sig_suspend(*mask));
}

int pause(void) {
	uint64_t mask;
	if (done(cowbox_sig_mask(3, 0, &mask))) return -1;
	return done(cowbox_sig_suspend(mask));
}

int sigtimedwait(const sigset_t *restrict set, siginfo_t *restrict info, const struct timespec *restrict timeout) {
	uint32_t signal;
	if (done(cowbox_sig_wait(*set, nanoseconds(timeout), &signal))) return -1;
	if (info) *info = (siginfo_t){ .si_signo = (int)signal, .si_code = SI_USER };
	return (int)signal;
}

int sigwaitinfo(const sigset_t *restrict set, siginfo_t *restrict info) {
	return sigtimedwait(set, info, NULL);
}

int sigwait(const sigset_t *restrict set, int *restrict signal) {
	do *signal = sigtimedwait(set, NULL, NULL);
	while (*signal < 0 && errno == EINTR);
	return *signal < 0 ? errno : 0;
}
