/* A struct rusage from what the kernel tells. */
#ifndef COWBOX_USAGE_H
#define COWBOX_USAGE_H

#include <stdint.h>
#include <sys/resource.h>

static inline struct timeval __cowbox_timeval(uint64_t nanoseconds) {
	return (struct timeval){ .tv_sec = (time_t)(nanoseconds / 1000000000), .tv_usec = (suseconds_t)(nanoseconds / 1000 % 1000000) };
}

static inline struct rusage __cowbox_usage(uint64_t user_ns, uint64_t system_ns, uint64_t max_memory) {
	return (struct rusage){
		.ru_utime = __cowbox_timeval(user_ns),
		.ru_stime = __cowbox_timeval(system_ns),
		.ru_maxrss = (long)(max_memory / 1024),
	};
}

#endif
