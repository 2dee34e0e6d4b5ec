/* Handlers, masks, waiting for signals, timers, what sleeps and what is restarted. */
#define _GNU_SOURCE
#include "check.h"
#include <signal.h>
#include <sys/time.h>
#include <time.h>

static volatile sig_atomic_t seen, last, blocked_inside;

static void count(int signal) {
	sigset_t mask;
	seen++;
	last = signal;
	sigprocmask(SIG_BLOCK, NULL, &mask);
	blocked_inside = sigismember(&mask, signal);
	errno = ENOTTY;
}

static void with_info(int signal, siginfo_t *info, void *context) {
	(void)context;
	seen++;
	last = info->si_signo == signal ? signal : -1;
}

static void handlers(void) {
	struct sigaction action = { .sa_handler = count }, old;
	CHECK(!sigaction(SIGUSR1, &action, &old) && old.sa_handler == SIG_DFL);
	seen = 0, errno = EBADF;
	CHECK(!raise(SIGUSR1) && seen == 1 && last == SIGUSR1 && blocked_inside == 1);
	CHECK(signal(SIGUSR1, SIG_IGN) == count);
	CHECK(!raise(SIGUSR1) && seen == 1);
	CHECK(signal(SIGUSR1, SIG_DFL) == SIG_IGN);
	action = (struct sigaction){ .sa_sigaction = with_info, .sa_flags = SA_SIGINFO | SA_RESETHAND };
	CHECK(!sigaction(SIGUSR2, &action, NULL) && !raise(SIGUSR2) && seen == 2 && last == SIGUSR2);
	CHECK(!sigaction(SIGUSR2, NULL, &old) && old.sa_handler == SIG_DFL);
	CHECK(signal(SIGKILL, count) == SIG_ERR && errno == EINVAL);
	CHECK(!strcmp(strsignal(SIGTERM), "Terminated"));
}

static void masks(void) {
	sigset_t set, old, pending;
	int which;
	sigemptyset(&set), sigaddset(&set, SIGUSR1);
	signal(SIGUSR1, count);
	seen = 0;
	CHECK(!sigprocmask(SIG_BLOCK, &set, &old) && !sigismember(&old, SIGUSR1));
	raise(SIGUSR1);
	CHECK(seen == 0 && !sigpending(&pending) && sigismember(&pending, SIGUSR1));
	CHECK(!sigprocmask(SIG_SETMASK, &old, NULL) && seen == 1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	CHECK(!sigwait(&set, &which) && which == SIGUSR1 && seen == 1);
	struct timespec soon = { .tv_nsec = 1000000 };
	FAILS(sigtimedwait(&set, NULL, &soon), EAGAIN);
	raise(SIGUSR1);
	FAILS(sigsuspend(&old), EINTR);
	CHECK(seen == 2 && !sigprocmask(SIG_SETMASK, &old, &pending) && sigismember(&pending, SIGUSR1));
	signal(SIGUSR1, SIG_DFL);
}

static void timers(void) {
	struct itimerval timer = { .it_value.tv_usec = 20000, .it_interval.tv_usec = 20000 }, left;
	signal(SIGALRM, count);
	seen = 0;
	CHECK(!setitimer(ITIMER_REAL, &timer, NULL));
	while (seen < 3) pause();
	CHECK(!getitimer(ITIMER_REAL, &left) && left.it_interval.tv_usec == 20000 && left.it_value.tv_usec <= 20000);
	timer = (struct itimerval){ 0 };
	CHECK(!setitimer(ITIMER_REAL, &timer, &left) && left.it_interval.tv_usec == 20000);
	CHECK(alarm(100) == 0 && alarm(0) == 100);
	timer.it_value.tv_usec = 20000;
	setitimer(ITIMER_REAL, &timer, NULL);
	struct timespec long_time = { .tv_sec = 100 }, rest = { 0 };
	FAILS(nanosleep(&long_time, &rest), EINTR);
	CHECK(rest.tv_sec == 99);
}

static void interruptions(void) {
	struct itimerval timer = { .it_value.tv_usec = 20000 };
	struct sigaction action = { .sa_handler = count };
	int pair[2];
	char buf[1];
	CHECK(!pipe(pair));
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	FAILS(read(pair[0], buf, 1), EINTR);
	/* With SA_RESTART the read goes on: another process writes later than the signal comes. */
	action.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &action, NULL);
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pair[1], 1);
	pid_t pid = start("write later", "", &actions, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	seen = 0;
	CHECK(read(pair[0], buf, 1) == 1 && seen == 1);
	EXITS(pid, 0);
	posix_spawn_file_actions_destroy(&actions);
	close(pair[0]), close(pair[1]);
}

static void children(void) {
	signal(SIGCHLD, count);
	seen = 0;
	pid_t pid = start("exit", "", NULL, NULL);
	while (!seen) usleep(1000);
	CHECK(last == SIGCHLD);
	EXITS(pid, 0);
	signal(SIGCHLD, SIG_DFL);
	/* A group. */
	posix_spawnattr_t attr;
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);
	pid_t first = start("pause", "", NULL, &attr);
	posix_spawnattr_setpgroup(&attr, first);
	pid_t second = start("pause", "", NULL, &attr);
	CHECK(getpgid(second) == first && !killpg(first, SIGTERM));
	int status = status_of(first);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	status = status_of(second);
	CHECK(WIFSIGNALED(status));
}

int main(int argc, char **argv) {
	self = argv[0];
	if (argc > 1 && !strcmp(argv[1], "write later")) return usleep(200000), write(1, "x", 1) != 1;
	if (argc > 1 && !strcmp(argv[1], "pause")) return pause();
	if (argc > 1) return 0;
	handlers();
	masks();
	timers();
	interruptions();
	children();
	return result();
}
