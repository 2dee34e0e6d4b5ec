/* Sleeping, which signals end; wasi-libc's does not say how much was left. */
#include "call.h"
#include <unistd.h>
#include <wasi/api.h>

/* Without the time left: until that moment of the clock, or for that long. */
static int sleep_for(clockid_t clock, const struct timespec *time, int absolute) {
	__wasi_subscription_t wanted = {
		.u.tag = __WASI_EVENTTYPE_CLOCK,
		.u.u.clock.id = clock == CLOCK_REALTIME ? __WASI_CLOCKID_REALTIME : __WASI_CLOCKID_MONOTONIC,
		.u.u.clock.timeout = (__wasi_timestamp_t)nanoseconds(time),
		.u.u.clock.flags = absolute ? __WASI_SUBCLOCKFLAGS_SUBSCRIPTION_CLOCK_ABSTIME : 0,
	};
	__wasi_event_t event;
	__wasi_size_t count;
	int error = __wasi_poll_oneoff(&wanted, &event, 1, &count);
	return error ? error : count == 1 ? event.error : 0;
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *left) {
	struct timespec start, end;
	if (time->tv_sec < 0 || time->tv_nsec < 0 || time->tv_nsec > 999999999) return EINVAL;
	if (flags & TIMER_ABSTIME) return sleep_for(clock, time, 1);
	clock_gettime(CLOCK_MONOTONIC, &start);
	int error = sleep_for(clock, time, 0);
	if (error == EINTR && left) {
		clock_gettime(CLOCK_MONOTONIC, &end);
		int64_t rest = nanoseconds(time) - (nanoseconds(&end) - nanoseconds(&start));
		if (rest < 0) rest = 0;
		*left = (struct timespec){ .tv_sec = rest / 1000000000, .tv_nsec = (long)(rest % 1000000000) };
	}
	return error;
}

/* What libc's own code calls it. */
int __clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *left) {
	return clock_nanosleep(clock, flags, time, left);
}

int nanosleep(const struct timespec *time, struct timespec *left) {
	return done(clock_nanosleep(CLOCK_REALTIME, 0, time, left));
}

unsigned sleep(unsigned seconds) {
	struct timespec time = { .tv_sec = seconds }, left;
	if (!nanosleep(&time, &left)) return 0;
	return errno == EINTR ? (unsigned)left.tv_sec + (left.tv_nsec >= 500000000) : seconds;
}
