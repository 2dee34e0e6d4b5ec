/* Arguments and environments, flattened for the kernel. */
#include "call.h"
#include <paths.h>
#include <stdlib.h>

int __cowbox_strings(char *const *list, struct strings *strings) {
	size_t len = 0, at = 0;
	for (char *const *string = list; string && *string; string++) len += strlen(*string) + 1;
	strings->text = malloc(len ? len : 1);
	if (!strings->text) return ENOMEM;
	for (char *const *string = list; string && *string; string++) {
		size_t size = strlen(*string) + 1;
		memcpy(strings->text + at, *string, size);
		at += size;
	}
	strings->len = len;
	return 0;
}

const char *__cowbox_search_path(void) {
	const char *path = getenv("PATH");
	return path ? path : _PATH_DEFPATH;
}
