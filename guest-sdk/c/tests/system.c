/* Limits, used time, facts, temporary files. */
#define _GNU_SOURCE
#include "check.h"
#include <limits.h>
#include <sys/resource.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <time.h>

int main(int argc, char **argv) {
	struct rlimit limit, same;
	struct rusage usage;
	struct tms ticks;
	struct utsname names;
	char host[HOST_NAME_MAX + 1];
	self = argv[0];
	if (argc > 1) return getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur != 64;

	CHECK(!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur >= 64);
	limit.rlim_cur = 64;
	CHECK(!setrlimit(RLIMIT_NOFILE, &limit) && !getrlimit(RLIMIT_NOFILE, &same) && same.rlim_cur == 64 && getdtablesize() == 64);
	FAILS(fcntl(0, F_DUPFD, 64), EINVAL);
	EXITS(start("limit", "", NULL, NULL), 0);
	clock_t before = clock();
	for (volatile int i = 0; i < 20000000; i++) {}
	CHECK(clock() > before);
	CHECK(!getrusage(RUSAGE_SELF, &usage) && (usage.ru_utime.tv_sec || usage.ru_utime.tv_usec) && usage.ru_maxrss > 0);
	CHECK(!getrusage(RUSAGE_CHILDREN, &usage) && times(&ticks) > 0);
	CHECK(sysconf(_SC_NPROCESSORS_ONLN) >= 1 && sysconf(_SC_OPEN_MAX) == 64 && sysconf(_SC_CLK_TCK) == 100);
	CHECK(!gethostname(host, sizeof host) && *host && !uname(&names) && !strcmp(names.nodename, host));

	char path[] = "/tmp/system-XXXXXX", directory[] = "/tmp/system-XXXXXX";
	int fd = mkstemp(path);
	struct stat found;
	CHECK(fd >= 0 && !fstat(fd, &found) && found.st_mode == (S_IFREG | 0600) && !unlink(path) && write(fd, "x", 1) == 1);
	close(fd);
	CHECK(mkdtemp(directory) && !stat(directory, &found) && found.st_mode == (S_IFDIR | 0700) && !rmdir(directory));
	FAILS(mkstemp((char[]){ "no-letters" }), EINVAL);
	FILE *file = tmpfile();
	CHECK(file && fputs("temporary", file) >= 0 && !fseek(file, 0, SEEK_SET) && fgetc(file) == 't');
	if (file) fclose(file);
	return result();
}
