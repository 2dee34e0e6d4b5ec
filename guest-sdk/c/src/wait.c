/* Waiting for children. */
#define _GNU_SOURCE
#include "call.h"
#include "usage.h"
#include <sys/wait.h>

pid_t wait4(pid_t pid, int *status, int options, struct rusage *usage) {
	struct cowbox_wait result;
	if (done(cowbox_proc_wait(pid, (uint32_t)options, &result))) return -1;
	/* Without a child nothing is said of one. */
	if (result.pid == 0) return 0;
	if (status) *status = result.status;
	if (usage) *usage = __cowbox_usage(result.user_ns, result.system_ns, result.max_memory);
	return result.pid;
}

pid_t wait3(int *status, int options, struct rusage *usage) {
	return wait4(-1, status, options, usage);
}

pid_t waitpid(pid_t pid, int *status, int options) {
	return wait4(pid, status, options, NULL);
}

pid_t wait(int *status) {
	return wait4(-1, status, 0, NULL);
}
