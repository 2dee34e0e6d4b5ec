/* Terminals: which descriptors are one, their names and groups, and new ones. */
#include "call.h"
#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

int isatty(int fd) {
	struct cowbox_termios attr;
	return done(cowbox_tty_getattr(fd, &attr)) ? 0 : 1;
}

/* What libc's own code calls it. */
int __isatty(int fd) {
	return isatty(fd);
}

int ttyname_r(int fd, char *buf, size_t size) {
	char name[64];
	uint32_t used;
	int error = cowbox_tty_name(fd, name, sizeof name - 1, &used);
	if (error) return error;
	if (used >= size) return ERANGE;
	memcpy(buf, name, used);
	buf[used] = 0;
	return 0;
}

char *ttyname(int fd) {
	static char name[64];
	int error = ttyname_r(fd, name, sizeof name);
	return done(error) ? NULL : name;
}

char *ctermid(char *buf) {
	static char name[] = "/dev/tty";
	return buf ? strcpy(buf, name) : name;
}

pid_t tcgetpgrp(int fd) {
	int32_t group;
	return done(cowbox_tty_getpgrp(fd, &group)) ? -1 : group;
}

int tcsetpgrp(int fd, pid_t group) {
	return done(cowbox_tty_setpgrp(fd, group));
}

pid_t tcgetsid(int fd) {
	int32_t session;
	return done(cowbox_tty_getsid(fd, &session)) ? -1 : session;
}

int openpty(int *master, int *terminal, char *name, const struct termios *attr, const struct winsize *size) {
	int32_t pair[2];
	if (done(cowbox_pty_open(COWBOX_O_NOCTTY, pair))) return -1;
	int error = name ? ttyname_r(pair[1], name, 64) : 0;
	if (!error && attr && tcsetattr(pair[1], TCSANOW, attr)) error = errno;
	if (!error && size && tcsetwinsize(pair[1], size)) error = errno;
	if (error) {
		close(pair[0]);
		close(pair[1]);
		return done(error);
	}
	*master = pair[0];
	*terminal = pair[1];
	return 0;
}

/* A line from the terminal that it does not show. */
char *getpass(const char *prompt) {
	static char line[128];
	struct termios shown, hidden;
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0) return NULL;
	if (tcgetattr(fd, &shown)) {
		close(fd);
		return NULL;
	}
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	hidden.c_lflag |= ICANON;
	tcsetattr(fd, TCSAFLUSH, &hidden);
	dprintf(fd, "%s", prompt);
	ssize_t len = read(fd, line, sizeof line);
	tcsetattr(fd, TCSAFLUSH, &shown);
	dprintf(fd, "\n");
	close(fd);
	if (len < 0) return NULL;
	if ((len > 0 && line[len - 1] == '\n') || len == sizeof line) len--;
	line[len] = 0;
	return line;
}
