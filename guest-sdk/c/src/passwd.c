/* /etc/passwd. */
#include "call.h"
#include "database.h"
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

static int parse(char *line, struct passwd *user) {
	char *rest = line, *id, *group;
	user->pw_name = next_field(&rest);
	user->pw_passwd = next_field(&rest);
	id = next_field(&rest);
	group = next_field(&rest);
	user->pw_gecos = next_field(&rest);
	user->pw_dir = next_field(&rest);
	user->pw_shell = next_field(&rest);
	user->pw_uid = (uid_t)strtoul(id, NULL, 10);
	user->pw_gid = (gid_t)strtoul(group, NULL, 10);
	return *user->pw_name && *id;
}

/* Finds by name, or where that is null by number. */
static int find(const char *name, uid_t uid, struct passwd *user, char *buf, size_t size, struct passwd **result) {
	*result = NULL;
	FILE *file = fopen("/etc/passwd", "re");
	if (!file) return errno == ENOENT ? 0 : errno;
	int got;
	while ((got = next_line(file, buf, size)) > 0) {
		if (!parse(buf, user) || (name ? strcmp(user->pw_name, name) != 0 : user->pw_uid != uid)) continue;
		*result = user;
		break;
	}
	fclose(file);
	return got < 0 ? ERANGE : 0;
}

int getpwnam_r(const char *name, struct passwd *user, char *buf, size_t size, struct passwd **result) {
	return find(name, 0, user, buf, size, result);
}

int getpwuid_r(uid_t uid, struct passwd *user, char *buf, size_t size, struct passwd **result) {
	return find(NULL, uid, user, buf, size, result);
}

static struct passwd shared;
static char shared_line[1024];

struct passwd *getpwnam(const char *name) {
	struct passwd *result;
	errno = find(name, 0, &shared, shared_line, sizeof shared_line, &result);
	return result;
}

struct passwd *getpwuid(uid_t uid) {
	struct passwd *result;
	errno = find(NULL, uid, &shared, shared_line, sizeof shared_line, &result);
	return result;
}

static FILE *listing;

void setpwent(void) {
	if (listing) fclose(listing);
	listing = NULL;
}

void endpwent(void) {
	setpwent();
}

struct passwd *getpwent(void) {
	if (!listing && !(listing = fopen("/etc/passwd", "re"))) return NULL;
	while (next_line(listing, shared_line, sizeof shared_line) > 0)
		if (parse(shared_line, &shared)) return &shared;
	return NULL;
}

int getlogin_r(char *buf, size_t size) {
	struct passwd *user = getpwuid(getuid());
	if (!user) return ENOENT;
	if (strlen(user->pw_name) >= size) return ERANGE;
	strcpy(buf, user->pw_name);
	return 0;
}

char *getlogin(void) {
	struct passwd *user = getpwuid(getuid());
	return user ? user->pw_name : NULL;
}
