/* What cannot be had: a copy of a running module. */
#define COWBOX_NO_FORK_WARNING
#define _GNU_SOURCE
#include "call.h"
#include <unistd.h>

pid_t fork(void) {
	return done(ENOSYS);
}

pid_t _Fork(void) {
	return done(ENOSYS);
}

pid_t vfork(void) {
	return done(ENOSYS);
}
