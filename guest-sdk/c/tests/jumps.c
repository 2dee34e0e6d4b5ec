/* setjmp, the mask of sigsetjmp, and a jump out of a handler. */
#define _GNU_SOURCE
#include "check.h"
#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>

static jmp_buf plain;
static sigjmp_buf with_mask;

static void leave(int signal) {
	(void)signal;
	siglongjmp(with_mask, 2);
}

int main(void) {
	volatile int turns = 0;
	int value = setjmp(plain);
	turns = turns + 1;
	if (value < 3) longjmp(plain, value + 1);
	CHECK(value == 3 && turns == 4);

	sigset_t set, old;
	sigemptyset(&set), sigaddset(&set, SIGUSR1);
	if (!sigsetjmp(with_mask, 1)) {
		sigprocmask(SIG_BLOCK, &set, NULL);
		siglongjmp(with_mask, 1);
	}
	CHECK(!sigprocmask(SIG_BLOCK, NULL, &old) && !sigismember(&old, SIGUSR1));

	struct itimerval timer = { .it_value.tv_usec = 10000 };
	signal(SIGALRM, leave);
	int left = sigsetjmp(with_mask, 1);
	if (!left) {
		setitimer(ITIMER_REAL, &timer, NULL);
		for (;;) pause();
	}
	CHECK(left == 2 && !sigprocmask(SIG_BLOCK, NULL, &old) && !sigismember(&old, SIGALRM));
	return result();
}
