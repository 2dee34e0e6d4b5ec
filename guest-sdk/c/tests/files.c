/* Modes, owners, all of stat, links, times, directories, fifos, room. */
#define _GNU_SOURCE
#include "check.h"
#include <dirent.h>
#include <ftw.h>
#include <glob.h>
#include <limits.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <utime.h>

static struct stat found;

static mode_t mode_of(const char *path) {
	return lstat(path, &found) ? 0 : found.st_mode;
}

static void modes(void) {
	mode_t old = umask(027);
	CHECK(umask(027) == 027);
	int fd = open("file", O_CREAT | O_RDWR | O_TRUNC, 0666);
	CHECK(fd >= 0 && mode_of("file") == (S_IFREG | 0640));
	CHECK(!mkdir("dir", 0777) && mode_of("dir") == (S_IFDIR | 0750));
	umask(022);
	CHECK(!chmod("file", 04755) && mode_of("file") == (S_IFREG | 04755));
	CHECK(!fchmod(fd, 0600) && !fstat(fd, &found) && found.st_mode == (S_IFREG | 0600));
	CHECK(!fchmodat(AT_FDCWD, "dir", 01777, 0) && mode_of("dir") == (S_IFDIR | 01777));
	CHECK(!mkfifo("fifo", 0644) && mode_of("fifo") == (S_IFIFO | 0644));
	CHECK(!symlink("file", "link") && S_ISLNK(mode_of("link")) && !stat("link", &found) && S_ISREG(found.st_mode));
	FAILS(mkdir("dir", 0777), EEXIST);
	FAILS(open("file", O_CREAT | O_EXCL | O_WRONLY, 0666), EEXIST);
	FAILS(open("link", O_RDONLY | O_NOFOLLOW), ELOOP);
	FAILS(open("file", O_RDONLY | O_DIRECTORY), ENOTDIR);
	CHECK(!access("file", R_OK | W_OK) && !access("dir", X_OK));
	FAILS(access("file", X_OK), EACCES);
	FAILS(access("none", F_OK), ENOENT);
	CHECK(!stat("/dev/null", &found) && S_ISCHR(found.st_mode) && major(found.st_rdev) == 1 && minor(found.st_rdev) == 3);
	umask(old);
	close(fd);
}

static void the_rest_of_stat(void) {
	int fd = open("file", O_WRONLY | O_TRUNC);
	char block[8192] = { 1 };
	CHECK(write(fd, block, sizeof block) == sizeof block && !fstat(fd, &found));
	CHECK(found.st_size == 8192 && found.st_blocks == 16 && found.st_nlink == 1 && found.st_uid == getuid() && found.st_blksize >= 512);
	ino_t inode = found.st_ino;
	CHECK(!link("file", "other") && !stat("other", &found) && found.st_ino == inode && found.st_nlink == 2);
	CHECK(!ftruncate(fd, 3) && !stat("other", &found) && found.st_size == 3);
	CHECK(!truncate("file", 10) && !fstat(fd, &found) && found.st_size == 10);
	if (geteuid() == 0) {
		CHECK(!chown("file", 12, 34) && !stat("file", &found) && found.st_uid == 12 && found.st_gid == 34);
		CHECK(!fchown(fd, (uid_t)-1, 35) && !stat("file", &found) && found.st_uid == 12 && found.st_gid == 35);
		CHECK(!lchown("link", 56, 78) && !lstat("link", &found) && found.st_uid == 56);
		CHECK(!chown("file", 0, 0));
	}
	close(fd);
	CHECK(!unlink("other") && !stat("file", &found) && found.st_nlink == 1);
}

static void times_of_files(void) {
	struct timespec times[2] = { { .tv_sec = 1000, .tv_nsec = 5 }, { .tv_sec = 2000, .tv_nsec = 6 } };
	CHECK(!utimensat(AT_FDCWD, "file", times, 0) && !stat("file", &found));
	CHECK(found.st_atim.tv_sec == 1000 && found.st_mtim.tv_sec == 2000 && found.st_mtim.tv_nsec == 6);
	times[0].tv_nsec = UTIME_OMIT, times[1].tv_nsec = UTIME_NOW;
	CHECK(!utimensat(AT_FDCWD, "file", times, 0) && !stat("file", &found) && found.st_atime == 1000 && found.st_mtime > 1000000000);
	struct timeval micro[2] = { { .tv_sec = 7 }, { .tv_sec = 8, .tv_usec = 9 } };
	CHECK(!utimes("file", micro) && !stat("file", &found) && found.st_mtim.tv_nsec == 9000);
	struct utimbuf seconds = { 10, 11 };
	CHECK(!utime("file", &seconds) && !stat("file", &found) && found.st_atime == 10 && found.st_mtime == 11);
	CHECK(!lutimes("link", micro) && !lstat("link", &found) && found.st_mtime == 8 && !stat("link", &found) && found.st_mtime == 11);
	CHECK(!utime("file", NULL) && !stat("file", &found) && found.st_mtime > 1000000000);
}

static int visited;
static int visit(const char *path, const struct stat *status, int kind, struct FTW *where) {
	(void)path, (void)status, (void)where;
	visited++;
	return kind == FTW_F || kind == FTW_DP || kind == FTW_SL ? remove(path) : 0;
}

static int not_hidden(const struct dirent *entry) {
	return entry->d_name[0] != '.';
}

static void directories(void) {
	char path[PATH_MAX], *allocated;
	CHECK(!mkdir("dir/a", 0755) && !mkdir("dir/b", 0755) && !symlink("../../file", "dir/a/up"));
	CHECK(readlink("dir/a/up", path, sizeof path) == 10);
	CHECK(realpath("dir/a/up", path) && !strcmp(path + strlen(path) - 5, "/file"));
	CHECK(!chdir("dir/a") && !access("../b", F_OK) && !access("up", F_OK) && getcwd(path, sizeof path) && !strcmp(path + strlen(path) - 6, "/dir/a"));
	CHECK((allocated = getcwd(NULL, 0)) && !strcmp(allocated, path));
	free(allocated);
	FAILS(getcwd(path, 3) ? 0 : -1, ERANGE);
	int up = open("..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(up >= 0 && !fchdir(up) && !access("a", F_OK));
	CHECK(!mkdirat(up, "c", 0700) && !renameat(up, "c", AT_FDCWD, "d") && !fstatat(up, "d", &found, 0) && S_ISDIR(found.st_mode));
	int fd = openat(up, "d/new", O_CREAT | O_WRONLY, 0600);
	CHECK(fd >= 0 && !close(fd) && !faccessat(up, "d/new", W_OK, 0) && !unlinkat(up, "d/new", 0) && !unlinkat(up, "d", AT_REMOVEDIR));
	close(up);
	CHECK(!chdir(".."));

	struct dirent **list;
	int count = scandir("dir", &list, not_hidden, alphasort);
	CHECK(count == 2 && !strcmp(list[0]->d_name, "a") && !strcmp(list[1]->d_name, "b") && list[0]->d_type == DT_DIR);
	while (count > 0) free(list[--count]);
	free(list);
	glob_t matches;
	CHECK(!glob("dir/[ab]", 0, NULL, &matches) && matches.gl_pathc == 2 && !strcmp(matches.gl_pathv[1], "dir/b"));
	globfree(&matches);
	/* Many entries, removed while they are read. */
	for (int i = 0; i < 300; i++) {
		snprintf(path, sizeof path, "dir/b/%d", i);
		fd = open(path, O_CREAT | O_WRONLY, 0600);
		CHECK(fd >= 0);
		close(fd);
	}
	CHECK(!nftw("dir", visit, 16, FTW_DEPTH | FTW_PHYS) && visited == 304);
	FAILS(rmdir("dir"), ENOENT);
	FAILS(rename("none", "file"), ENOENT);
	CHECK(!rename("file", "moved") && !rename("moved", "file") && !remove("link") && !remove("fifo"));
	CHECK(!mkdir("empty", 0700) && !remove("empty"));
}

static void room(void) {
	struct statvfs space;
	CHECK(!statvfs(".", &space) && space.f_blocks >= space.f_bfree && space.f_frsize > 0 && space.f_namemax == 255);
	int fd = open(".", O_RDONLY);
	CHECK(!fstatvfs(fd, &space) && space.f_namemax == 255);
	close(fd);
}

static void through_a_fifo(void) {
	char buf[8];
	CHECK(!mkfifo("fifo", 0600));
	pid_t pid = start("write", "fifo", NULL, NULL);
	int fd = open("fifo", O_RDONLY);
	CHECK(fd >= 0 && read(fd, buf, 8) == 4 && read(fd, buf, 8) == 0);
	close(fd);
	EXITS(pid, 0);
	unlink("fifo");
}

int main(int argc, char **argv) {
	self = argv[0];
	if (argc > 1) {
		int fd = open(argv[2], O_WRONLY);
		return fd < 0 || write(fd, "fifo", 4) != 4;
	}
	char place[] = "/tmp/files-XXXXXX";
	CHECK(mkdtemp(place) && !chdir(place));
	modes();
	the_rest_of_stat();
	times_of_files();
	directories();
	room();
	through_a_fifo();
	CHECK(!unlink("file") && !chdir("/") && !rmdir(place));
	return result();
}
