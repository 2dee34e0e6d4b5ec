/* /etc/group. */
#include "call.h"
#include "database.h"
#include <grp.h>
#include <stdlib.h>
#include <unistd.h>

/* The members' array lies behind the line in the buffer, which ends at `end`. 1: a group; 0: none; -1: no room. */
static int parse(char *line, char *end, struct group *group) {
	char *behind = line + strlen(line) + 1, *rest = line, *id, *members;
	group->gr_name = next_field(&rest);
	group->gr_passwd = next_field(&rest);
	id = next_field(&rest);
	members = next_field(&rest);
	group->gr_gid = (gid_t)strtoul(id, NULL, 10);
	if (!*group->gr_name || !*id) return 0;

	char **list = (char **)(((uintptr_t)behind + sizeof *list - 1) & ~(sizeof *list - 1));
	group->gr_mem = list;
	for (char *member = strtok_r(members, ",", &rest); member; member = strtok_r(NULL, ",", &rest)) {
		if ((char *)(list + 2) > end) return -1;
		*list++ = member;
	}
	if ((char *)(list + 1) > end) return -1;
	*list = NULL;
	return 1;
}

/* The next group in the file: 1, or 0 at its end, or -1 where the buffer is too small. */
static int next(FILE *file, struct group *group, char *buf, size_t size) {
	int got;
	while ((got = next_line(file, buf, size)) > 0) {
		int parsed = parse(buf, buf + size, group);
		if (parsed) return parsed;
	}
	return got;
}

static int find(const char *name, gid_t gid, struct group *group, char *buf, size_t size, struct group **result) {
	*result = NULL;
	FILE *file = fopen("/etc/group", "re");
	if (!file) return errno == ENOENT ? 0 : errno;
	int got;
	while ((got = next(file, group, buf, size)) > 0) {
		if (name ? strcmp(group->gr_name, name) != 0 : group->gr_gid != gid) continue;
		*result = group;
		break;
	}
	fclose(file);
	return got < 0 ? ERANGE : 0;
}

int getgrnam_r(const char *name, struct group *group, char *buf, size_t size, struct group **result) {
	return find(name, 0, group, buf, size, result);
}

int getgrgid_r(gid_t gid, struct group *group, char *buf, size_t size, struct group **result) {
	return find(NULL, gid, group, buf, size, result);
}

static struct group shared;
static char shared_line[4096];

struct group *getgrnam(const char *name) {
	struct group *result;
	errno = find(name, 0, &shared, shared_line, sizeof shared_line, &result);
	return result;
}

struct group *getgrgid(gid_t gid) {
	struct group *result;
	errno = find(NULL, gid, &shared, shared_line, sizeof shared_line, &result);
	return result;
}

static FILE *listing;

void setgrent(void) {
	if (listing) fclose(listing);
	listing = NULL;
}

void endgrent(void) {
	setgrent();
}

struct group *getgrent(void) {
	if (!listing && !(listing = fopen("/etc/group", "re"))) return NULL;
	return next(listing, &shared, shared_line, sizeof shared_line) > 0 ? &shared : NULL;
}

int getgrouplist(const char *user, gid_t gid, gid_t *groups, int *count) {
	char line[4096];
	struct group group;
	int room = *count, used = 0;
	if (used++ < room) groups[0] = gid;
	FILE *file = fopen("/etc/group", "re");
	while (file && next(file, &group, line, sizeof line) > 0) {
		char **member = group.gr_mem;
		while (*member && strcmp(*member, user)) member++;
		if (!*member || group.gr_gid == gid) continue;
		if (used++ < room) groups[used - 1] = group.gr_gid;
	}
	if (file) fclose(file);
	*count = used;
	return used > room ? -1 : used;
}

int initgroups(const char *user, gid_t gid) {
	gid_t groups[256];
	int count = 256;
	if (getgrouplist(user, gid, groups, &count) < 0) return done(E2BIG);
	return setgroups((size_t)count, groups);
}
