/* Limits, used time, and priorities. */
#include "call.h"
#include "usage.h"
#include <limits.h>
#include <sys/times.h>
#include <unistd.h>

int getrlimit(int resource, struct rlimit *limit) {
	struct cowbox_rlimit found;
	if (done(cowbox_proc_rlimit((uint32_t)resource, NULL, &found))) return -1;
	*limit = (struct rlimit){ .rlim_cur = found.soft, .rlim_max = found.hard };
	return 0;
}

int setrlimit(int resource, const struct rlimit *limit) {
	struct cowbox_rlimit wanted = { .soft = limit->rlim_cur, .hard = limit->rlim_max };
	return done(cowbox_proc_rlimit((uint32_t)resource, &wanted, NULL));
}

int getdtablesize(void) {
	struct rlimit limit;
	return getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur > INT_MAX ? INT_MAX : (int)limit.rlim_cur;
}

int getrusage(int who, struct rusage *usage) {
	struct cowbox_times used;
	if (who != RUSAGE_SELF && who != RUSAGE_CHILDREN) return done(EINVAL);
	if (done(cowbox_proc_times(&used))) return -1;
	if (who == RUSAGE_SELF) {
		uint64_t memory = (uint64_t)__builtin_wasm_memory_size(0) * 65536;
		*usage = __cowbox_usage(used.user_ns, used.system_ns, memory);
	} else {
		*usage = __cowbox_usage(used.children_user_ns, used.children_system_ns, 0);
	}
	return 0;
}

/* In ticks of sysconf(_SC_CLK_TCK), a hundred a second. */
#define TICK_NS 10000000

clock_t times(struct tms *result) {
	struct cowbox_times used;
	struct timespec now;
	if (done(cowbox_proc_times(&used)) || clock_gettime(CLOCK_MONOTONIC, &now)) return -1;
	if (result)
		*result = (struct tms){
			.tms_utime = (clock_t)(used.user_ns / TICK_NS),
			.tms_stime = (clock_t)(used.system_ns / TICK_NS),
			.tms_cutime = (clock_t)(used.children_user_ns / TICK_NS),
			.tms_cstime = (clock_t)(used.children_system_ns / TICK_NS),
		};
	return nanoseconds(&now) / TICK_NS;
}

_Static_assert(CLOCKS_PER_SEC == 1000000000, "clock counts nanoseconds");

clock_t __clock(void) {
	struct cowbox_times used;
	if (cowbox_proc_times(&used)) return -1;
	return (clock_t)(used.user_ns + used.system_ns);
}

clock_t clock(void) __attribute__((__alias__("__clock")));

int getpriority(int which, id_t who) {
	(void)which, (void)who;
	return 0;
}

int setpriority(int which, id_t who, int priority) {
	(void)which, (void)who;
	return priority ? done(ENOSYS) : 0;
}

int nice(int increment) {
	return increment ? done(ENOSYS) : 0;
}
