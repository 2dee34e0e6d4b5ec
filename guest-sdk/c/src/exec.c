/* Replacing the program of this process. */
#define _GNU_SOURCE
#include "call.h"
#include <alloca.h>
#include <paths.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Returns only on failure, with its errno. */
static int replace(const char *path, char *const *argv, char *const *env, const char *search) {
	struct strings arguments = { 0 }, variables = { 0 };
	int error = __cowbox_strings(argv, &arguments);
	if (!error) error = __cowbox_strings(env, &variables);
	if (!error)
		error = cowbox_proc_exec(TEXT(path), arguments.text, arguments.len, variables.text, variables.len, search, search ? strlen(search) : 0);
	free(arguments.text);
	free(variables.text);
	return error;
}

int execve(const char *path, char *const argv[], char *const env[]) {
	return done(replace(path, argv, env, NULL));
}

int execv(const char *path, char *const argv[]) {
	return execve(path, argv, environ);
}

int fexecve(int fd, char *const argv[], char *const env[]) {
	char path[32];
	snprintf(path, sizeof path, "/dev/fd/%d", fd);
	return execve(path, argv, env);
}

/* The file that a name without a slash stands for, in memory of malloc. */
static char *look_up(const char *name) {
	const char *at = __cowbox_search_path();
	for (;;) {
		const char *end = strchrnul(at, ':');
		char *path;
		if (asprintf(&path, "%.*s%s%s", (int)(end - at), at, end == at ? "" : "/", name) < 0) return NULL;
		if (!access(path, X_OK)) return path;
		free(path);
		if (!*end) return NULL;
		at = end + 1;
	}
}

/* What is neither a program nor has a line that names its interpreter is a script of the shell: execvp(3). */
static int run_by_shell(const char *name, char *const *argv, char *const *env) {
	char *found = strchr(name, '/') ? NULL : look_up(name);
	size_t count = 0;
	while (argv[count]) count++;
	char **longer = calloc(count + 3, sizeof *longer);
	int error = ENOMEM;
	if (longer) {
		longer[0] = (char *)_PATH_BSHELL;
		longer[1] = found ? found : (char *)name;
		for (size_t i = 1; i < count; i++) longer[i + 1] = argv[i];
		error = replace(_PATH_BSHELL, longer, env, NULL);
	}
	free(longer);
	free(found);
	return error;
}

int execvpe(const char *name, char *const argv[], char *const env[]) {
	int error = replace(name, argv, env, strchr(name, '/') ? NULL : __cowbox_search_path());
	if (error == ENOEXEC) error = run_by_shell(name, argv, env);
	return done(error);
}

int execvp(const char *name, char *const argv[]) {
	return execvpe(name, argv, environ);
}

/* The arguments after the first, up to the null, as an array on the caller's stack. */
#define COLLECT(first, argv, arguments) \
	va_list arguments, counting; \
	size_t count = 1; \
	va_start(counting, first); \
	while (va_arg(counting, char *)) count++; \
	va_end(counting); \
	char **argv = alloca((count + 1) * sizeof *argv); \
	argv[0] = (char *)first; \
	va_start(arguments, first); \
	for (size_t i = 1; i <= count; i++) argv[i] = va_arg(arguments, char *)

int execl(const char *path, const char *first, ...) {
	COLLECT(first, argv, arguments);
	va_end(arguments);
	return execve(path, argv, environ);
}

int execlp(const char *name, const char *first, ...) {
	COLLECT(first, argv, arguments);
	va_end(arguments);
	return execvpe(name, argv, environ);
}

int execle(const char *path, const char *first, ...) {
	COLLECT(first, argv, arguments);
	char **env = va_arg(arguments, char **);
	va_end(arguments);
	return execve(path, argv, env);
}
