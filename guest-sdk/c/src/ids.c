/* Numbers of processes, groups and sessions. */
#define _GNU_SOURCE
#include "call.h"
#include <unistd.h>

static struct cowbox_info ours(void) {
	struct cowbox_info info = { 0 };
	/* A process can always be told of itself. */
	(void)done(cowbox_proc_info(0, &info));
	return info;
}

pid_t getpid(void) {
	return ours().pid;
}

pid_t gettid(void) {
	return ours().pid;
}

pid_t getppid(void) {
	return ours().ppid;
}

pid_t getpgrp(void) {
	return ours().pgid;
}

pid_t getpgid(pid_t pid) {
	struct cowbox_info info;
	return done(cowbox_proc_info(pid, &info)) ? -1 : info.pgid;
}

pid_t getsid(pid_t pid) {
	struct cowbox_info info;
	return done(cowbox_proc_info(pid, &info)) ? -1 : info.sid;
}

int setpgid(pid_t pid, pid_t group) {
	return done(cowbox_proc_setpgid(pid, group));
}

pid_t setpgrp(void) {
	return setpgid(0, 0) ? -1 : getpgrp();
}

pid_t setsid(void) {
	int32_t session;
	return done(cowbox_proc_setsid(&session)) ? -1 : session;
}
