/* posix_spawn with its actions and attributes, waiting, ids. */
#define _GNU_SOURCE
#include "check.h"
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

static int child(char **argv) {
	char buf[64];
	sigset_t mask;
	if (!strcmp(argv[1], "exit")) return atoi(argv[2]);
	if (!strcmp(argv[1], "say")) return puts(argv[2]) < 0;
	if (!strcmp(argv[1], "env")) return !getenv("GREETING") || strcmp(getenv("GREETING"), argv[2]);
	if (!strcmp(argv[1], "cwd")) return !getcwd(buf, sizeof buf) || strcmp(buf, argv[2]);
	if (!strcmp(argv[1], "open")) return fcntl(atoi(argv[2]), F_GETFD) < 0 ? 7 : 8;
	if (!strcmp(argv[1], "group")) return getpgrp() == getpid() ? 0 : getpgrp() == atoi(argv[2]) ? 1 : 2;
	if (!strcmp(argv[1], "session")) return getsid(0) != getpid();
	if (!strcmp(argv[1], "parent")) return getppid() != atoi(argv[2]);
	if (!strcmp(argv[1], "blocked")) return sigprocmask(SIG_BLOCK, NULL, &mask) || !sigismember(&mask, SIGUSR1) || sigismember(&mask, SIGUSR2);
	if (!strcmp(argv[1], "ignored")) {
		struct sigaction action;
		return sigaction(SIGUSR1, NULL, &action) || action.sa_handler != SIG_IGN;
	}
	if (!strcmp(argv[1], "copy")) {
		ssize_t len = read(0, buf, sizeof buf);
		return len < 0 || write(1, buf, (size_t)len) != len;
	}
	if (!strcmp(argv[1], "pause")) return pause();
	if (!strcmp(argv[1], "abort")) abort();
	return 99;
}

static void exits_and_signals(void) {
	struct rusage usage;
	int status;
	EXITS(start("exit", "0", NULL, NULL), 0);
	EXITS(start("exit", "42", NULL, NULL), 42);
	FAILS(waitpid(-1, NULL, 0), ECHILD);
	pid_t pid = start("pause", "", NULL, NULL);
	CHECK(waitpid(pid, &status, WNOHANG) == 0);
	CHECK(!kill(pid, 0) && !kill(pid, SIGTERM));
	status = status_of(pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	FAILS(kill(pid, 0), ESRCH);
	status = status_of(start("abort", "", NULL, NULL));
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	pid = start("exit", "3", NULL, NULL);
	CHECK(wait4(pid, &status, 0, &usage) == pid && WEXITSTATUS(status) == 3 && usage.ru_maxrss > 0);
	/* Several at once, in whatever order. */
	for (int i = 0; i < 20; i++) start("exit", "1", NULL, NULL);
	for (int i = 0; i < 20; i++) CHECK(wait(&status) > 0 && WEXITSTATUS(status) == 1);
}

static void stopping(void) {
	int status;
	pid_t pid = start("pause", "", NULL, NULL);
	CHECK(!kill(pid, SIGSTOP));
	CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	CHECK(!kill(pid, SIGCONT));
	CHECK(waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
	CHECK(!kill(pid, SIGKILL));
	status = status_of(pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void what_cannot_start(void) {
	char *argv[] = { (char *)"x", NULL };
	pid_t pid;
	CHECK(posix_spawn(&pid, "/no/such/program", NULL, NULL, argv, environ) == ENOENT);
	CHECK(posix_spawnp(&pid, "no-such-program", NULL, NULL, argv, environ) == ENOENT);
	int fd = open("script", O_CREAT | O_WRONLY | O_TRUNC, 0644);
	CHECK(write(fd, "no program\n", 11) == 11);
	close(fd);
	CHECK(posix_spawn(&pid, "./script", NULL, NULL, argv, environ) == EACCES);
	CHECK(!chmod("script", 0755));
	CHECK(posix_spawn(&pid, "./script", NULL, NULL, argv, environ) == ENOEXEC);
	unlink("script");
	CHECK(posix_spawn(&pid, "/tmp", NULL, NULL, argv, environ) == EACCES);
}

static void file_actions(void) {
	posix_spawn_file_actions_t actions;
	char buf[64];
	int pair[2], other[2];
	CHECK(!pipe2(pair, O_CLOEXEC) && !pipe2(other, O_CLOEXEC));
	posix_spawn_file_actions_init(&actions);
	CHECK(!posix_spawn_file_actions_adddup2(&actions, other[0], 0));
	CHECK(!posix_spawn_file_actions_adddup2(&actions, pair[1], 1));
	pid_t pid = start("copy", "", &actions, NULL);
	posix_spawn_file_actions_destroy(&actions);
	close(pair[1]);
	CHECK(write(other[1], "through two pipes", 17) == 17);
	CHECK(read(pair[0], buf, sizeof buf) == 17 && !memcmp(buf, "through two pipes", 17));
	EXITS(pid, 0);
	CHECK(read(pair[0], buf, sizeof buf) == 0);
	close(pair[0]), close(other[0]), close(other[1]);

	posix_spawn_file_actions_init(&actions);
	CHECK(!posix_spawn_file_actions_addopen(&actions, 1, "said", O_CREAT | O_WRONLY | O_TRUNC, 0600));
	EXITS(start("say", "into a file", &actions, NULL), 0);
	posix_spawn_file_actions_destroy(&actions);
	FILE *said = fopen("said", "r");
	CHECK(said && fgets(buf, sizeof buf, said) && !strcmp(buf, "into a file\n"));
	if (said) fclose(said);
	unlink("said");

	posix_spawn_file_actions_init(&actions);
	CHECK(!posix_spawn_file_actions_addopen(&actions, 1, "/no/such/directory/x", O_WRONLY, 0));
	char *argv[] = { self, (char *)"exit", (char *)"0", NULL };
	CHECK(posix_spawn(&pid, self, &actions, NULL, argv, environ) == ENOENT);
	posix_spawn_file_actions_destroy(&actions);

	posix_spawn_file_actions_init(&actions);
	CHECK(!posix_spawn_file_actions_addchdir_np(&actions, "/tmp"));
	EXITS(start("cwd", "/tmp", &actions, NULL), 0);
	posix_spawn_file_actions_destroy(&actions);

	int fd = open("/dev/null", O_RDONLY), kept = fcntl(fd, F_DUPFD, 20), closed = fcntl(fd, F_DUPFD_CLOEXEC, 20);
	char number[8];
	snprintf(number, sizeof number, "%d", kept);
	EXITS(start("open", number, NULL, NULL), 8);
	snprintf(number, sizeof number, "%d", closed);
	EXITS(start("open", number, NULL, NULL), 7);
	snprintf(number, sizeof number, "%d", kept);
	posix_spawn_file_actions_init(&actions);
	CHECK(!posix_spawn_file_actions_addclose(&actions, kept));
	EXITS(start("open", number, &actions, NULL), 7);
	posix_spawn_file_actions_destroy(&actions);
	close(fd), close(kept), close(closed);
}

static void attributes(void) {
	posix_spawnattr_t attr;
	sigset_t set;
	char number[16];
	CHECK(!posix_spawnattr_init(&attr) && !posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP));
	EXITS(start("group", "0", NULL, &attr), 0);
	posix_spawnattr_setflags(&attr, 0);
	snprintf(number, sizeof number, "%d", getpgrp());
	EXITS(start("group", number, NULL, &attr), 1);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID);
	EXITS(start("session", "", NULL, &attr), 0);
	sigemptyset(&set), sigaddset(&set, SIGUSR1);
	posix_spawnattr_setsigmask(&attr, &set);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	EXITS(start("blocked", "", NULL, &attr), 0);
	signal(SIGUSR1, SIG_IGN);
	EXITS(start("ignored", "", NULL, NULL), 0);
	posix_spawnattr_setsigdefault(&attr, &set);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	EXITS(start("ignored", "", NULL, &attr), 1);
	signal(SIGUSR1, SIG_DFL);
	posix_spawnattr_destroy(&attr);
	snprintf(number, sizeof number, "%d", getpid());
	EXITS(start("parent", number, NULL, NULL), 0);
}

static void environments(void) {
	char *argv[] = { self, (char *)"env", (char *)"hello", NULL }, *env[] = { (char *)"GREETING=hello", NULL };
	pid_t pid;
	CHECK(!posix_spawn(&pid, self, NULL, NULL, argv, env));
	EXITS(pid, 0);
	setenv("GREETING", "good day", 1);
	EXITS(start("env", "good day", NULL, NULL), 0);
}

int main(int argc, char **argv) {
	self = argv[0];
	if (argc > 1) return child(argv);
	CHECK(!chdir("/tmp"));
	exits_and_signals();
	stopping();
	what_cannot_start();
	file_actions();
	attributes();
	environments();
	return result();
}
