/* popen and pclose: a command of the shell at the other end of a pipe. */
#define _GNU_SOURCE
#include "call.h"
#include <fcntl.h>
#include <paths.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static struct command {
	struct command *next;
	FILE *file;
	pid_t pid;
} *running;

/* The command with `theirs` as its descriptor `fd`. Our ends are closed on exec, so it has none of other commands. */
static int start(pid_t *pid, const char *text, int theirs, int fd) {
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)"--", (char *)text, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	int error = posix_spawn_file_actions_adddup2(&actions, theirs, fd);
	if (!error) error = posix_spawn(pid, _PATH_BSHELL, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

FILE *popen(const char *text, const char *mode) {
	int reads = *mode == 'r', pair[2], error = ENOMEM;
	if (!reads && *mode != 'w') {
		errno = EINVAL;
		return NULL;
	}
	struct command *command = calloc(1, sizeof *command);
	if (!command || pipe2(pair, O_CLOEXEC)) {
		free(command);
		return NULL;
	}
	command->file = fdopen(pair[!reads], reads ? "r" : "w");
	if (command->file) {
		error = start(&command->pid, text, pair[reads], reads);
		close(pair[reads]);
		if (!error) {
			command->next = running;
			running = command;
			return command->file;
		}
		fclose(command->file);
	} else {
		close(pair[0]);
		close(pair[1]);
	}
	free(command);
	errno = error;
	return NULL;
}

int pclose(FILE *file) {
	struct command **place = &running, *command;
	while (*place && (*place)->file != file) place = &(*place)->next;
	if (!(command = *place)) return done(ECHILD);
	*place = command->next;
	pid_t pid = command->pid, got;
	int status;
	free(command);
	fclose(file);
	while ((got = waitpid(pid, &status, 0)) < 0 && errno == EINTR) {}
	return got < 0 ? -1 : status;
}
