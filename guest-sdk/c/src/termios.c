/* Settings of terminals. */
#include "call.h"
#include <sys/ioctl.h>
#include <termios.h>

int tcgetattr(int fd, struct termios *result) {
	struct cowbox_termios found;
	if (done(cowbox_tty_getattr(fd, &found))) return -1;
	*result = (struct termios){
		.c_iflag = found.iflag,
		.c_oflag = found.oflag,
		.c_cflag = found.cflag,
		.c_lflag = found.lflag,
		.c_line = found.line,
		.__c_ispeed = found.ispeed,
		.__c_ospeed = found.ospeed,
	};
	memcpy(result->c_cc, found.cc, sizeof found.cc);
	return 0;
}

int tcsetattr(int fd, int when, const struct termios *wanted) {
	struct cowbox_termios attr = {
		.iflag = wanted->c_iflag,
		.oflag = wanted->c_oflag,
		.cflag = wanted->c_cflag,
		.lflag = wanted->c_lflag,
		.line = wanted->c_line,
		.ispeed = wanted->__c_ispeed,
		.ospeed = wanted->__c_ospeed,
	};
	memcpy(attr.cc, wanted->c_cc, sizeof attr.cc);
	if (when < 0 || when > TCSAFLUSH) return done(EINVAL);
	return done(cowbox_tty_setattr(fd, (uint32_t)when, &attr));
}

void cfmakeraw(struct termios *attr) {
	attr->c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
	attr->c_oflag &= ~(tcflag_t)OPOST;
	attr->c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
	attr->c_cflag &= ~(tcflag_t)(CSIZE | PARENB);
	attr->c_cflag |= CS8;
	attr->c_cc[VMIN] = 1;
	attr->c_cc[VTIME] = 0;
}

/* Nothing is sent over a line: speeds are remembered, no more. */

speed_t cfgetospeed(const struct termios *attr) {
	return attr->c_cflag & CBAUD;
}

speed_t cfgetispeed(const struct termios *attr) {
	return cfgetospeed(attr);
}

int cfsetospeed(struct termios *attr, speed_t speed) {
	if (speed & ~(speed_t)CBAUD) return done(EINVAL);
	attr->c_cflag = (attr->c_cflag & ~(tcflag_t)CBAUD) | speed;
	return 0;
}

int cfsetispeed(struct termios *attr, speed_t speed) {
	return speed ? cfsetospeed(attr, speed) : 0;
}

int cfsetspeed(struct termios *attr, speed_t speed) {
	return cfsetospeed(attr, speed);
}

int tcflush(int fd, int what) {
	return done(cowbox_tty_flush(fd, (uint32_t)what));
}

/* Setting what is set, after all output was taken. */
int tcdrain(int fd) {
	struct cowbox_termios attr;
	if (done(cowbox_tty_getattr(fd, &attr))) return -1;
	return done(cowbox_tty_setattr(fd, TCSADRAIN, &attr));
}

static int is_terminal(int fd) {
	struct cowbox_termios attr;
	return done(cowbox_tty_getattr(fd, &attr));
}

/* A pseudo-terminal has no line to break. */
int tcsendbreak(int fd, int duration) {
	(void)duration;
	return is_terminal(fd);
}

int tcflow(int fd, int action) {
	(void)action;
	return is_terminal(fd) ? -1 : done(ENOSYS);
}

int tcgetwinsize(int fd, struct winsize *result) {
	struct cowbox_winsize size;
	if (done(cowbox_tty_getsize(fd, &size))) return -1;
	*result = (struct winsize){ size.rows, size.columns, size.width, size.height };
	return 0;
}

int tcsetwinsize(int fd, const struct winsize *wanted) {
	struct cowbox_winsize size = { wanted->ws_row, wanted->ws_col, wanted->ws_xpixel, wanted->ws_ypixel };
	return done(cowbox_tty_setsize(fd, &size));
}
