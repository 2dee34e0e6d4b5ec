/* Files of lines with fields between colons: /etc/passwd and /etc/group. */
#ifndef COWBOX_DATABASE_H
#define COWBOX_DATABASE_H

#include <stdio.h>

/* The next line into the buffer, without its end; 0 at the end of the file, -1 where the line is longer than the buffer. */
static inline int next_line(FILE *file, char *buf, size_t size) {
	if (!size || !fgets(buf, (int)size, file)) return size ? 0 : -1;
	char *end = buf;
	while (*end && *end != '\n') end++;
	if (!*end && !feof(file)) return -1;
	*end = 0;
	return 1;
}

/* Cuts the next field off; an empty one where there is none. */
static inline char *next_field(char **rest) {
	char *field = *rest, *end = field;
	while (*end && *end != ':') end++;
	*rest = *end ? end + 1 : end;
	*end = 0;
	return field;
}

#endif
