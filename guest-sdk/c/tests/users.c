/* Users and groups, by number and by name, and what they may not. Run as root. */
#define _GNU_SOURCE
#include "check.h"
#include <grp.h>
#include <pwd.h>

int main(int argc, char **argv) {
	self = argv[0];
	if (argc > 1) {
		uid_t real, effective, saved;
		gid_t list[4];
		CHECK(!setgroups(2, (gid_t[]){ 5, 6 }) && getgroups(0, NULL) == 2 && getgroups(4, list) == 2 && list[0] == 5 && list[1] == 6);
		CHECK(!setgid(1234) && getgid() == 1234 && getegid() == 1234);
		CHECK(!seteuid(99) && geteuid() == 99 && getuid() == 0);
		FAILS(open("/tmp/of-root", O_RDONLY), EACCES);
		CHECK(!seteuid(0) && !setresuid(1000, 1000, 1001));
		CHECK(!getresuid(&real, &effective, &saved) && real == 1000 && effective == 1000 && saved == 1001);
		CHECK(!setreuid((uid_t)-1, 1001) && geteuid() == 1001 && !setuid(1000) && geteuid() == 1000);
		FAILS(setuid(0), EPERM);
		FAILS(chown("/tmp/of-root", 1000, 1000), EPERM);
		FAILS(chmod("/tmp/of-root", 0777), EPERM);
		FAILS(setgroups(0, NULL), EPERM);
		return wrong;
	}
	if (geteuid() != 0) return puts("skipped: not root"), 0;
	struct passwd *root = getpwnam("root"), *same;
	CHECK(root && root->pw_uid == 0 && root->pw_gid == 0 && root->pw_dir[0] == '/');
	CHECK((same = getpwuid(0)) && !strcmp(same->pw_name, "root"));
	CHECK(!getpwnam("nobody-of-this-name") && errno == 0);
	CHECK(getgrnam("root") && getgrgid(0) && !strcmp(getgrgid(0)->gr_name, "root"));
	char buf[256];
	struct passwd space, *got;
	CHECK(!getpwuid_r(0, &space, buf, sizeof buf, &got) && got == &space && getpwuid_r(0, &space, buf, 4, &got) == ERANGE);
	int count = 0;
	setpwent();
	while (getpwent()) count++;
	endpwent();
	CHECK(count >= 1);
	int fd = open("/tmp/of-root", O_CREAT | O_WRONLY, 0600);
	close(fd);
	EXITS(start("child", "", NULL, NULL), 0);
	unlink("/tmp/of-root");
	return result();
}
