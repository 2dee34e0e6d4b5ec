/* system: a command of the shell, waited for. */
#define _GNU_SOURCE
#include "call.h"
#include <paths.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs with the mask and the actions that the caller had before they were set aside. */
static int run(const char *text, const sigset_t *mask, const sigset_t *defaults) {
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)"--", (char *)text, NULL };
	posix_spawnattr_t attr;
	pid_t pid, got;
	int status;
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attr, mask);
	posix_spawnattr_setsigdefault(&attr, defaults);
	int error = posix_spawn(&pid, _PATH_BSHELL, NULL, &attr, argv, environ);
	/* As a shell that could not be run. */
	if (error) return errno = error, 127 << 8;
	while ((got = waitpid(pid, &status, 0)) < 0 && errno == EINTR) {}
	return got < 0 ? -1 : status;
}

int system(const char *text) {
	struct sigaction ignore = { .sa_handler = SIG_IGN }, interrupt, quit;
	sigset_t child, mask, defaults;
	if (!text) return !access(_PATH_BSHELL, X_OK);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, &mask);
	sigaction(SIGINT, &ignore, &interrupt);
	sigaction(SIGQUIT, &ignore, &quit);
	/* Who ignored them already has a command that ignores them. */
	sigemptyset(&defaults);
	if (interrupt.sa_handler != SIG_IGN) sigaddset(&defaults, SIGINT);
	if (quit.sa_handler != SIG_IGN) sigaddset(&defaults, SIGQUIT);

	int status = run(text, &mask, &defaults), error = errno;
	sigaction(SIGINT, &interrupt, NULL);
	sigaction(SIGQUIT, &quit, NULL);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	errno = error;
	return status;
}
