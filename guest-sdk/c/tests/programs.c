/* The exec functions, and an environment as the third argument of main. */
#define _GNU_SOURCE
#include "check.h"

static int same(char **argv, int argc, const char *first, const char *second) {
	return argc == 4 && !strcmp(argv[2], first) && !strcmp(argv[3], second);
}

int main(int argc, char **argv, char **env) {
	self = argv[0];
	if (argc > 1) {
		char *list[] = { self, (char *)"arrived", (char *)"one", (char *)"two", NULL };
		char *other[] = { (char *)"ONLY=this", NULL };
		char *shell[] = { (char *)"a-script", (char *)"x", NULL };
		if (!strcmp(argv[1], "arrived")) return same(argv, argc, "one", "two") ? 5 : 6;
		if (!strcmp(argv[1], "only")) return env[0] && !strcmp(env[0], "ONLY=this") && !env[1] ? 5 : 6;
		if (!strcmp(argv[1], "execv")) execv(self, list);
		if (!strcmp(argv[1], "execvp")) execvp(self, list);
		if (!strcmp(argv[1], "execl")) execl(self, self, "arrived", "one", "two", (char *)NULL);
		if (!strcmp(argv[1], "execlp")) execlp(self, self, "arrived", "one", "two", (char *)NULL);
		if (!strcmp(argv[1], "execle")) execle(self, self, "only", (char *)NULL, other);
		if (!strcmp(argv[1], "search")) {
			char *slash = strrchr(self, '/');
			*slash = 0;
			setenv("PATH", "/no/such:", 1);
			CHECK(!chdir(self));
			execvp(slash + 1, (char *[]){ slash + 1, (char *)"arrived", (char *)"one", (char *)"two", NULL });
		}
		if (!strcmp(argv[1], "shell")) execvp("/tmp/a-script", shell);
		if (!strcmp(argv[1], "missing")) return execv("/no/such/program", list) == -1 && errno == ENOENT ? 5 : 6;
		return 9;
	}
	static const char *const ways[] = { "execv", "execvp", "execl", "execlp", "execle", "search", "missing" };
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		int status = status_of(start(ways[i], "", NULL, NULL));
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 5) fprintf(stderr, "%s: status %x\n", ways[i], (unsigned)status), wrong = 1;
	}
	if (!access("/bin/sh", X_OK)) {
		FILE *script = fopen("/tmp/a-script", "w");
		CHECK(script && fputs("exit 5\n", script) >= 0 && !fclose(script) && !chmod("/tmp/a-script", 0755));
		EXITS(start("shell", "", NULL, NULL), 5);
		unlink("/tmp/a-script");
	}
	return result();
}
