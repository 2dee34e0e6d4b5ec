/* Users and groups of the process. */
#define _GNU_SOURCE
#include "call.h"
#include <unistd.h>

static struct cowbox_cred ours(void) {
	struct cowbox_cred ids = { 0 };
	(void)done(cowbox_cred_get(&ids));
	return ids;
}

uid_t getuid(void) {
	return ours().ruid;
}

uid_t geteuid(void) {
	return ours().euid;
}

gid_t getgid(void) {
	return ours().rgid;
}

gid_t getegid(void) {
	return ours().egid;
}

int getresuid(uid_t *real, uid_t *effective, uid_t *saved) {
	struct cowbox_cred ids = ours();
	*real = ids.ruid, *effective = ids.euid, *saved = ids.suid;
	return 0;
}

int getresgid(gid_t *real, gid_t *effective, gid_t *saved) {
	struct cowbox_cred ids = ours();
	*real = ids.rgid, *effective = ids.egid, *saved = ids.sgid;
	return 0;
}

int setresuid(uid_t real, uid_t effective, uid_t saved) {
	struct cowbox_cred ids = { real, effective, saved, COWBOX_KEEP, COWBOX_KEEP, COWBOX_KEEP };
	return done(cowbox_cred_set(&ids));
}

int setresgid(gid_t real, gid_t effective, gid_t saved) {
	struct cowbox_cred ids = { COWBOX_KEEP, COWBOX_KEEP, COWBOX_KEEP, real, effective, saved };
	return done(cowbox_cred_set(&ids));
}

/* root gives up all three ids, others change the effective one: setuid(2). */
int setuid(uid_t uid) {
	return geteuid() == 0 ? setresuid(uid, uid, uid) : setresuid(COWBOX_KEEP, uid, COWBOX_KEEP);
}

int setgid(gid_t gid) {
	return geteuid() == 0 ? setresgid(gid, gid, gid) : setresgid(COWBOX_KEEP, gid, COWBOX_KEEP);
}

int seteuid(uid_t uid) {
	return setresuid(COWBOX_KEEP, uid, COWBOX_KEEP);
}

int setegid(gid_t gid) {
	return setresgid(COWBOX_KEEP, gid, COWBOX_KEEP);
}

/* The saved id follows the effective one where the real one is set, or the effective one becomes another than it: setreuid(2). */
int setreuid(uid_t real, uid_t effective) {
	int follows = real != COWBOX_KEEP || (effective != COWBOX_KEEP && effective != getuid());
	return setresuid(real, effective, follows ? (effective != COWBOX_KEEP ? effective : geteuid()) : COWBOX_KEEP);
}

int setregid(gid_t real, gid_t effective) {
	int follows = real != COWBOX_KEEP || (effective != COWBOX_KEEP && effective != getgid());
	return setresgid(real, effective, follows ? (effective != COWBOX_KEEP ? effective : getegid()) : COWBOX_KEEP);
}

int getgroups(int count, gid_t list[]) {
	uint32_t used;
	if (count < 0) return done(EINVAL);
	return done(cowbox_cred_groups(list, (uint32_t)count, &used)) ? -1 : (int)used;
}

int setgroups(size_t count, const gid_t *list) {
	return done(cowbox_cred_setgroups(list, count));
}

int issetugid(void) {
	struct cowbox_cred ids = ours();
	return ids.ruid != ids.euid || ids.rgid != ids.egid;
}
