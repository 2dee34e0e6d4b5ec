/* posix_spawn: a new process running a program. */
#include "call.h"
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <unistd.h>

/* What the attributes ask for, as the interface has it; an errno where that cannot be done. */
static int attributes(const posix_spawnattr_t *from, struct cowbox_spawn *to) {
	short flags = from->__flags;
	if (flags & POSIX_SPAWN_RESETIDS && (getuid() != geteuid() || getgid() != getegid())) return ENOTSUP;
	if (flags & POSIX_SPAWN_SETPGROUP) to->flags |= COWBOX_SET_GROUP;
	if (flags & POSIX_SPAWN_SETSID) to->flags |= COWBOX_SET_SESSION;
	if (flags & POSIX_SPAWN_SETSIGMASK) to->flags |= COWBOX_SET_MASK;
	if (flags & POSIX_SPAWN_SETSIGDEF) to->flags |= COWBOX_SET_DEFAULTS;
	to->group = from->__group;
	to->mask = from->__mask;
	to->defaults = from->__defaults;
	return 0;
}

static int spawn(pid_t *pid, const char *path, const char *search, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attr,
	char *const *argv, char *const *env) {
	struct cowbox_spawn how = { 0 };
	struct strings arguments = { 0 }, variables = { 0 };
	int32_t child;
	int error = attr ? attributes(attr, &how) : 0;
	if (search) {
		how.flags |= COWBOX_SEARCH;
		how.search = search;
		how.search_len = strlen(search);
	}
	if (!error) error = __cowbox_strings(argv, &arguments);
	if (!error) error = __cowbox_strings(env, &variables);
	if (!error)
		error = cowbox_proc_spawn(TEXT(path), arguments.text, arguments.len, variables.text, variables.len, actions ? actions->__list : NULL,
			actions ? (size_t)actions->__count : 0, &how, &child);
	free(arguments.text);
	free(variables.text);
	if (!error && pid) *pid = child;
	return error;
}

int posix_spawn(pid_t *restrict pid, const char *restrict path, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *restrict attr,
	char *const *restrict argv, char *const *restrict env) {
	return spawn(pid, path, NULL, actions, attr, argv, env);
}

int posix_spawnp(pid_t *restrict pid, const char *restrict path, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *restrict attr,
	char *const *restrict argv, char *const *restrict env) {
	return spawn(pid, path, __cowbox_search_path(), actions, attr, argv, env);
}
