/* Timers that end in SIGALRM. */
#include "call.h"
#include "usage.h"
#include <sys/time.h>
#include <unistd.h>

static uint64_t micro(const struct timeval *time) {
	return (uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_usec * 1000;
}

static struct itimerval told(const struct cowbox_alarm *timer) {
	return (struct itimerval){ .it_interval = __cowbox_timeval(timer->interval_ns), .it_value = __cowbox_timeval(timer->value_ns) };
}

int setitimer(int which, const struct itimerval *restrict timer, struct itimerval *restrict old) {
	struct cowbox_alarm before;
	if (which != ITIMER_REAL) return done(EINVAL);
	if (done(cowbox_proc_alarm(micro(&timer->it_value), micro(&timer->it_interval), &before))) return -1;
	if (old) *old = told(&before);
	return 0;
}

/* Asking is stopping the timer and starting it again with what is left. */
int getitimer(int which, struct itimerval *timer) {
	struct cowbox_alarm now, stopped;
	if (which != ITIMER_REAL) return done(EINVAL);
	if (done(cowbox_proc_alarm(0, 0, &now))) return -1;
	*timer = told(&now);
	if (!now.value_ns && !now.interval_ns) return 0;
	/* A timer that is about to fire has nothing left, which would stop it. */
	return done(cowbox_proc_alarm(now.value_ns ? now.value_ns : 1, now.interval_ns, &stopped));
}

unsigned alarm(unsigned seconds) {
	struct cowbox_alarm before = { 0 };
	if (cowbox_proc_alarm(seconds * 1000000000ULL, 0, &before)) return 0;
	/* Rounded up: 0 would say that there was none. */
	return (unsigned)((before.value_ns + 999999999) / 1000000000);
}

unsigned ualarm(unsigned value, unsigned interval) {
	struct cowbox_alarm before = { 0 };
	if (cowbox_proc_alarm(value * 1000ULL, interval * 1000ULL, &before)) return 0;
	return (unsigned)(before.value_ns / 1000);
}
