/* Pipes, copies of descriptors, fcntl, flock, socketpair. */
#define _GNU_SOURCE
#include "check.h"
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>

static void pipes(void) {
	int pair[2];
	char buf[16];
	CHECK(!pipe(pair));
	CHECK(fcntl(pair[0], F_GETFD) == 0);
	CHECK((fcntl(pair[0], F_GETFL) & O_ACCMODE) == O_RDONLY && (fcntl(pair[1], F_GETFL) & O_ACCMODE) == O_WRONLY);
	CHECK(write(pair[1], "abc", 3) == 3 && read(pair[0], buf, 16) == 3 && !memcmp(buf, "abc", 3));
	FAILS(lseek(pair[0], 0, SEEK_SET), ESPIPE);
	FAILS(read(pair[1], buf, 1), EBADF);
	close(pair[1]);
	CHECK(read(pair[0], buf, 1) == 0);
	close(pair[0]);
	CHECK(!pipe2(pair, O_CLOEXEC | O_NONBLOCK));
	CHECK(fcntl(pair[1], F_GETFD) == FD_CLOEXEC && fcntl(pair[1], F_GETFL) & O_NONBLOCK);
	FAILS(read(pair[0], buf, 1), EAGAIN);
	close(pair[0]);
	signal(SIGPIPE, SIG_IGN);
	FAILS(write(pair[1], "x", 1), EPIPE);
	signal(SIGPIPE, SIG_DFL);
	close(pair[1]);
}

static void copies(void) {
	char buf[16];
	int fd = open("copies", O_RDWR | O_CREAT | O_TRUNC, 0600), other = dup(fd);
	CHECK(other > fd && write(fd, "hello", 5) == 5);
	/* One offset for both. */
	CHECK(lseek(other, 0, SEEK_CUR) == 5 && lseek(other, 1, SEEK_SET) == 1 && read(fd, buf, 16) == 4);
	CHECK(dup2(fd, 30) == 30 && dup2(30, 30) == 30 && fcntl(30, F_GETFD) == 0);
	CHECK(dup3(fd, 31, O_CLOEXEC) == 31 && fcntl(31, F_GETFD) == FD_CLOEXEC);
	FAILS(dup3(fd, fd, 0), EINVAL);
	FAILS(dup2(fd, -1), EBADF);
	FAILS(dup(99), EBADF);
	CHECK(!fcntl(31, F_SETFD, 0) && fcntl(31, F_GETFD) == 0 && !fcntl(31, F_SETFD, FD_CLOEXEC) && fcntl(31, F_GETFD) == FD_CLOEXEC);
	CHECK(fcntl(fd, F_DUPFD, 40) == 40 && fcntl(fd, F_DUPFD_CLOEXEC, 40) == 41);
	/* Status flags are of the description. */
	CHECK(!fcntl(fd, F_SETFL, O_APPEND) && fcntl(other, F_GETFL) & O_APPEND && (fcntl(other, F_GETFL) & O_ACCMODE) == O_RDWR);
	CHECK(lseek(fd, 0, SEEK_SET) == 0 && write(other, "!", 1) == 1 && lseek(fd, 0, SEEK_CUR) == 6);
	close(fd);
	CHECK(write(40, "?", 1) == 1);
	close(other), close(30), close(31), close(40), close(41);
	FILE *file = fopen("copies", "re");
	CHECK(file && fcntl(fileno(file), F_GETFD) == FD_CLOEXEC && fgets(buf, 16, file) && !strcmp(buf, "hello!?"));
	if (file) fclose(file);
	unlink("copies");
	int memory = memfd_create("x", MFD_CLOEXEC);
	CHECK(memory >= 0 && write(memory, "ab", 2) == 2 && lseek(memory, 0, SEEK_SET) == 0 && read(memory, buf, 16) == 2);
	close(memory);
}

static void sockets(void) {
	int pair[2];
	char buf[8];
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	CHECK(fcntl(pair[0], F_GETFD) == FD_CLOEXEC);
	CHECK(write(pair[0], "to", 2) == 2 && write(pair[1], "fro", 3) == 3);
	CHECK(read(pair[1], buf, 8) == 2 && read(pair[0], buf, 8) == 3);
	close(pair[0]);
	CHECK(read(pair[1], buf, 8) == 0);
	close(pair[1]);
}

static void polling(void) {
	int pair[2], waiting = 0;
	struct timeval soon = { .tv_usec = 1000 };
	fd_set read_set, write_set;
	CHECK(!pipe(pair));
	struct pollfd list[] = { { .fd = pair[0], .events = POLLIN }, { .fd = pair[1], .events = POLLOUT }, { .fd = -1, .events = POLLIN }, { .fd = 77, .events = POLLIN } };
	CHECK(poll(list, 1, 0) == 0 && poll(list, 1, 5) == 0);
	CHECK(poll(list, 3, -1) == 1 && list[0].revents == 0 && list[1].revents == POLLOUT && list[2].revents == 0);
	CHECK(poll(list, 4, -1) == 2 && list[3].revents == POLLNVAL);
	CHECK(write(pair[1], "abc", 3) == 3);
	CHECK(poll(list, 1, -1) == 1 && list[0].revents == POLLIN);
	CHECK(!ioctl(pair[0], FIONREAD, &waiting) && waiting == 3);
	FD_ZERO(&read_set);
	FD_ZERO(&write_set);
	FD_SET(pair[0], &read_set);
	FD_SET(pair[1], &write_set);
	CHECK(select(pair[1] + 1, &read_set, &write_set, NULL, NULL) == 2 && FD_ISSET(pair[0], &read_set) && FD_ISSET(pair[1], &write_set));
	char buf[8];
	CHECK(read(pair[0], buf, 8) == 3);
	FD_ZERO(&read_set);
	FD_SET(pair[0], &read_set);
	CHECK(select(pair[0] + 1, &read_set, NULL, NULL, &soon) == 0 && !FD_ISSET(pair[0], &read_set));
	close(pair[1]);
	CHECK(poll(list, 1, -1) == 1 && list[0].revents & POLLHUP);
	FD_ZERO(&read_set);
	FD_SET(pair[0], &read_set);
	CHECK(select(pair[0] + 1, &read_set, NULL, NULL, NULL) == 1);
	close(pair[0]);
}

static void locks(void) {
	int one = open("lock", O_RDWR | O_CREAT, 0600), other = open("lock", O_RDWR);
	CHECK(!flock(one, LOCK_EX) && !flock(one, LOCK_EX | LOCK_NB));
	FAILS(flock(other, LOCK_SH | LOCK_NB), EAGAIN);
	CHECK(!flock(one, LOCK_SH) && !flock(other, LOCK_SH | LOCK_NB));
	FAILS(flock(other, LOCK_EX | LOCK_NB), EAGAIN);
	close(one);
	CHECK(!flock(other, LOCK_EX | LOCK_NB) && !flock(other, LOCK_UN));
	close(other);
	unlink("lock");
}

static void by_number(void) {
	int pair[2];
	char path[32], buf[8];
	CHECK(!pipe(pair));
	snprintf(path, sizeof path, "/dev/fd/%d", pair[0]);
	int again = open(path, O_RDONLY);
	CHECK(again >= 0 && write(pair[1], "x", 1) == 1 && read(again, buf, 8) == 1);
	close(again), close(pair[0]), close(pair[1]);
}

int main(void) {
	CHECK(!chdir("/tmp"));
	pipes();
	copies();
	sockets();
	polling();
	locks();
	by_number();
	return result();
}
