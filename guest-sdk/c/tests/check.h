/* What the tests have in common: each is a program that checks, says what was not so, and leaves with 1 then. They run on Linux too. */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int wrong;

#define CHECK(what) \
	((what) ? (void)0 : (void)(wrong = 1, fprintf(stderr, "%s:%d: not so: %s (errno: %s)\n", __FILE__, __LINE__, #what, strerror(errno))))
/* A call that fails with this errno. */
#define FAILS(call, error) CHECK((errno = 0, (call) == -1) && errno == (error))

/* This program itself, which children run with a word for what to do. */
static char *self;

/* Starts it with two arguments; its number. */
static inline pid_t start(const char *what, const char *argument, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attr) {
	char *argv[] = { self, (char *)what, (char *)argument, NULL };
	pid_t pid = -1;
	int error = posix_spawn(&pid, self, actions, attr, argv, environ);
	errno = error;
	CHECK(error == 0);
	return pid;
}

/* Waits for it; its status. */
static inline int status_of(pid_t pid) {
	int status = -1;
	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

/* The same of a child that should exit with this code. */
#define EXITS(pid, code) \
	do { \
		int status_ = status_of(pid); \
		CHECK(WIFEXITED(status_) && WEXITSTATUS(status_) == (code)); \
	} while (0)

static inline int result(void) {
	if (!wrong) puts("ok");
	return wrong;
}

#endif
