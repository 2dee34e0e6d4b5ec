/* Facts about the system: sysconf, the host's name, uname. */
#include "call.h"
#include <limits.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

static long limit(int resource, long otherwise) {
	struct rlimit found;
	if (getrlimit(resource, &found) || found.rlim_cur > LONG_MAX) return otherwise;
	return (long)found.rlim_cur;
}

static long fact(int name) {
	struct cowbox_system system;
	if (cowbox_sys_info(&system)) return -1;
	switch (name) {
	case _SC_PHYS_PAGES:
		return (long)(system.memory_total / PAGESIZE);
	case _SC_AVPHYS_PAGES:
		return (long)(system.memory_free / PAGESIZE);
	default:
		return (long)system.processors;
	}
}

long sysconf(int name) {
	switch (name) {
	case _SC_ARG_MAX:
		return 131072;
	case _SC_CHILD_MAX:
		return limit(RLIMIT_NPROC, -1);
	case _SC_OPEN_MAX:
		return limit(RLIMIT_NOFILE, -1);
	case _SC_CLK_TCK:
		return 100;
	case _SC_NGROUPS_MAX:
		return NGROUPS_MAX;
	case _SC_STREAM_MAX:
		return -1;
	case _SC_TZNAME_MAX:
		return TZNAME_MAX;
	case _SC_PAGE_SIZE:
		return PAGESIZE;
	case _SC_NPROCESSORS_CONF:
	case _SC_NPROCESSORS_ONLN:
	case _SC_PHYS_PAGES:
	case _SC_AVPHYS_PAGES:
		return fact(name);
	case _SC_GETPW_R_SIZE_MAX:
	case _SC_GETGR_R_SIZE_MAX:
		return -1;
	case _SC_LOGIN_NAME_MAX:
		return LOGIN_NAME_MAX;
	case _SC_TTY_NAME_MAX:
		return TTY_NAME_MAX;
	case _SC_HOST_NAME_MAX:
		return HOST_NAME_MAX;
	case _SC_LINE_MAX:
		return LINE_MAX;
	case _SC_SYMLOOP_MAX:
		return SYMLOOP_MAX;
	case _SC_IOV_MAX:
		return IOV_MAX;
	case _SC_RE_DUP_MAX:
		return RE_DUP_MAX;
	case _SC_BC_BASE_MAX:
		return BC_BASE_MAX;
	case _SC_BC_DIM_MAX:
		return BC_DIM_MAX;
	case _SC_BC_SCALE_MAX:
		return BC_SCALE_MAX;
	case _SC_BC_STRING_MAX:
		return BC_STRING_MAX;
	case _SC_COLL_WEIGHTS_MAX:
		return COLL_WEIGHTS_MAX;
	case _SC_EXPR_NEST_MAX:
		return EXPR_NEST_MAX;
	case _SC_ATEXIT_MAX:
		return 32;
	case _SC_JOB_CONTROL:
	case _SC_SAVED_IDS:
	case _SC_REGEXP:
	case _SC_SHELL:
		return 1;
	case _SC_VERSION:
	case _SC_2_VERSION:
	case _SC_SPAWN:
	case _SC_MONOTONIC_CLOCK:
	case _SC_FSYNC:
		return _POSIX_VERSION;
	case _SC_XOPEN_VERSION:
		return _XOPEN_VERSION;
	case _SC_DELAYTIMER_MAX:
	case _SC_MQ_OPEN_MAX:
	case _SC_SEM_NSEMS_MAX:
	case _SC_TIMER_MAX:
	case _SC_RTSIG_MAX:
	case _SC_SIGQUEUE_MAX:
	case _SC_THREADS:
	case _SC_THREAD_THREADS_MAX:
	case _SC_MAPPED_FILES:
	case _SC_SHARED_MEMORY_OBJECTS:
	case _SC_SEMAPHORES:
	case _SC_ASYNCHRONOUS_IO:
	case _SC_MESSAGE_PASSING:
	case _SC_MEMLOCK:
	case _SC_REALTIME_SIGNALS:
	case _SC_TIMERS:
	case _SC_PRIORITY_SCHEDULING:
		/* Not there. */
		return -1;
	default:
		return done(EINVAL);
	}
}

int gethostname(char *buf, size_t size) {
	char name[HOST_NAME_MAX + 1];
	uint32_t used;
	if (done(cowbox_sys_hostname(name, sizeof name, &used))) return -1;
	if (used >= size) return done(ENAMETOOLONG);
	memcpy(buf, name, used);
	buf[used] = 0;
	return 0;
}

int uname(struct utsname *result) {
	memset(result, 0, sizeof *result);
	if (gethostname(result->nodename, sizeof result->nodename)) return -1;
	strcpy(result->sysname, "cowbox");
	strcpy(result->release, "1");
	strcpy(result->version, "cowbox_v1");
	strcpy(result->machine, "wasm32");
	return 0;
}
