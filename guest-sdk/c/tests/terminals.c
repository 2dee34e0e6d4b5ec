/* Pseudo-terminals: settings, size, sessions, and the signals of keys. */
#define _GNU_SOURCE
#include "check.h"
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>

static volatile sig_atomic_t resized;
static void resize(int signal) {
	(void)signal;
	resized++;
}

/* Runs with the terminal as 0 to 2, in a session of its own. */
static int child(char **argv) {
	char line[64];
	struct winsize size;
	CHECK(isatty(0) && !ioctl(0, TIOCSCTTY, 0));
	CHECK(tcgetpgrp(0) == getpgrp() && tcgetsid(0) == getpid());
	if (!strcmp(argv[2], "line")) {
		CHECK(fgets(line, sizeof line, stdin) && !strcmp(line, "typed\n"));
		printf("got it\n");
		CHECK(!fgets(line, sizeof line, stdin) && feof(stdin));
	} else if (!strcmp(argv[2], "pause")) {
		write(1, "ready", 5);
		pause();
	} else if (!strcmp(argv[2], "resize")) {
		struct sigaction action = { .sa_handler = resize };
		sigaction(SIGWINCH, &action, NULL);
		write(1, "ready", 5);
		while (!resized) usleep(1000);
		CHECK(!ioctl(0, TIOCGWINSZ, &size) && size.ws_row == 50 && size.ws_col == 132);
	}
	return wrong;
}

static pid_t session(const char *what, int terminal) {
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	posix_spawn_file_actions_init(&actions);
	for (int fd = 0; fd < 3; fd++) posix_spawn_file_actions_adddup2(&actions, terminal, fd);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID);
	pid_t pid = start("child", what, &actions, &attr);
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

/* Reads from the master until this text was seen. */
static int appears(int master, const char *text) {
	static char seen[4096];
	size_t len = 0;
	while (len < sizeof seen - 1) {
		ssize_t got = read(master, seen + len, sizeof seen - 1 - len);
		if (got <= 0) return 0;
		seen[len += (size_t)got] = 0;
		if (strstr(seen, text)) return 1;
	}
	return 0;
}

int main(int argc, char **argv) {
	self = argv[0];
	if (argc > 1) return child(argv);
	int master, terminal, status;
	char name[64], buf[16];
	struct winsize size = { .ws_row = 24, .ws_col = 80 };
	struct termios attr, again;
	CHECK(!openpty(&master, &terminal, name, NULL, &size));
	if (wrong) return result();
	fcntl(master, F_SETFD, FD_CLOEXEC), fcntl(terminal, F_SETFD, FD_CLOEXEC);
	CHECK(isatty(terminal) && !strcmp(ttyname(terminal), name) && !strncmp(name, "/dev/pts/", 9));
	int plain = open("/dev/null", O_RDONLY);
	CHECK(!isatty(plain) && errno == ENOTTY);
	CHECK(!ioctl(terminal, TIOCGWINSZ, &size) && size.ws_row == 24 && size.ws_col == 80);
	CHECK(!tcgetattr(terminal, &attr) && attr.c_lflag & ICANON && attr.c_lflag & ECHO && attr.c_cc[VINTR] == 3 && attr.c_cc[VEOF] == 4);
	cfmakeraw(&attr);
	CHECK(!tcsetattr(terminal, TCSANOW, &attr) && !tcgetattr(terminal, &again) && !(again.c_lflag & (ICANON | ECHO)) && again.c_cc[VMIN] == 1);
	CHECK(write(master, "\003x", 2) == 2 && read(terminal, buf, 16) == 2 && buf[0] == 3);
	attr.c_lflag |= ICANON | ECHO | ISIG, attr.c_iflag |= ICRNL, attr.c_oflag |= OPOST | ONLCR;
	CHECK(!tcsetattr(terminal, TCSAFLUSH, &attr));

	pid_t pid = session("line", terminal);
	CHECK(write(master, "tp\177yped\r", 8) == 8 && appears(master, "got it\r\n"));
	CHECK(write(master, "\004", 1) == 1);
	EXITS(pid, 0);

	pid = session("pause", terminal);
	CHECK(appears(master, "ready") && write(master, "\003", 1) == 1);
	status = status_of(pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);

	pid = session("resize", terminal);
	CHECK(appears(master, "ready"));
	size = (struct winsize){ .ws_row = 50, .ws_col = 132 };
	CHECK(!ioctl(master, TIOCSWINSZ, &size));
	EXITS(pid, 0);
	close(terminal);
	return result();
}
