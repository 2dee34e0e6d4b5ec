/* system and popen. Skipped where there is no /bin/sh. */
#define _GNU_SOURCE
#include "check.h"
#include <signal.h>

int main(void) {
	char line[64];
	if (access("/bin/sh", X_OK)) return puts("skipped: no /bin/sh"), 0;
	CHECK(system(NULL) != 0);
	CHECK(system("exit 3") == 3 << 8 && system("true") == 0);
	CHECK(system("kill -TERM $$") == SIGTERM);
	signal(SIGINT, SIG_IGN);
	CHECK(system("exit 4") == 4 << 8 && signal(SIGINT, SIG_DFL) == SIG_IGN);

	FILE *file = popen("echo one; echo two; exit 7", "r");
	CHECK(file && fgets(line, sizeof line, file) && !strcmp(line, "one\n") && fgets(line, sizeof line, file) && !fgets(line, sizeof line, file));
	CHECK(pclose(file) == 7 << 8);
	file = popen("cat > /tmp/popened", "w");
	CHECK(file && fputs("through cat\n", file) >= 0 && pclose(file) == 0);
	file = fopen("/tmp/popened", "r");
	CHECK(file && fgets(line, sizeof line, file) && !strcmp(line, "through cat\n"));
	if (file) fclose(file);
	unlink("/tmp/popened");
	/* Two at once: the second does not hold the end of the first open. */
	FILE *first = popen("cat > /dev/null", "w"), *second = popen("cat > /dev/null", "w");
	CHECK(first && second && pclose(first) == 0 && pclose(second) == 0);
	CHECK(!popen("true", "x") && errno == EINVAL);
	return result();
}
