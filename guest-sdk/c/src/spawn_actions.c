/* The file actions of posix_spawn, kept as the interface takes them. */
#include "call.h"
#include <spawn.h>
#include <stdlib.h>

int posix_spawn_file_actions_init(posix_spawn_file_actions_t *actions) {
	*actions = (posix_spawn_file_actions_t){ 0 };
	return 0;
}

int posix_spawn_file_actions_destroy(posix_spawn_file_actions_t *actions) {
	/* Paths are copies of ours. */
	for (int i = 0; i < actions->__count; i++) free((char *)actions->__list[i].path);
	free(actions->__list);
	return posix_spawn_file_actions_init(actions);
}

static int add(posix_spawn_file_actions_t *actions, struct cowbox_action action, const char *path) {
	if (actions->__count == actions->__capacity) {
		int capacity = actions->__capacity * 2 + 4;
		struct cowbox_action *larger = realloc(actions->__list, (size_t)capacity * sizeof *larger);
		if (!larger) return ENOMEM;
		actions->__list = larger;
		actions->__capacity = capacity;
	}
	if (path) {
		action.path = strdup(path);
		if (!action.path) return ENOMEM;
		action.path_len = strlen(path);
	}
	actions->__list[actions->__count++] = action;
	return 0;
}

int posix_spawn_file_actions_addopen(posix_spawn_file_actions_t *restrict actions, int fd, const char *restrict path, int flags, mode_t mode) {
	if (fd < 0) return EBADF;
	return add(actions, (struct cowbox_action){ .op = COWBOX_OPEN, .fd = fd, .arg = (int32_t)__cowbox_open_flags(flags), .mode = mode }, path);
}

int posix_spawn_file_actions_addclose(posix_spawn_file_actions_t *actions, int fd) {
	if (fd < 0) return EBADF;
	return add(actions, (struct cowbox_action){ .op = COWBOX_CLOSE, .fd = fd }, NULL);
}

int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *actions, int from, int to) {
	if (from < 0 || to < 0) return EBADF;
	return add(actions, (struct cowbox_action){ .op = COWBOX_DUP2, .fd = to, .arg = from }, NULL);
}

int posix_spawn_file_actions_addchdir(posix_spawn_file_actions_t *restrict actions, const char *restrict path) {
	return add(actions, (struct cowbox_action){ .op = COWBOX_CHDIR }, path);
}

int posix_spawn_file_actions_addfchdir(posix_spawn_file_actions_t *actions, int fd) {
	if (fd < 0) return EBADF;
	return add(actions, (struct cowbox_action){ .op = COWBOX_FCHDIR, .fd = fd }, NULL);
}

int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *restrict actions, const char *restrict path) {
	return posix_spawn_file_actions_addchdir(actions, path);
}

int posix_spawn_file_actions_addfchdir_np(posix_spawn_file_actions_t *actions, int fd) {
	return posix_spawn_file_actions_addfchdir(actions, fd);
}

int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int fd) {
	if (fd < 0) return EBADF;
	return add(actions, (struct cowbox_action){ .op = COWBOX_CLOSEFROM, .fd = fd }, NULL);
}

int posix_spawn_file_actions_addtcsetpgrp_np(posix_spawn_file_actions_t *actions, int fd) {
	if (fd < 0) return EBADF;
	return add(actions, (struct cowbox_action){ .op = COWBOX_TCSETPGRP, .fd = fd }, NULL);
}
