/* A hash table from words to counts. */
#ifndef TABLE_H
#define TABLE_H

#include <stddef.h>

struct entry {
    char *word;
    unsigned long count;
};

struct table {
    struct entry *slots;
    size_t capacity; /* a power of two */
    size_t used;
};

/* Adds one to the count of the word; 0, or -1 when memory is short. */
int table_count(struct table *table, const char *word, size_t length);

/* The entries by falling count, then by word; they still belong to the table, whose order is lost. */
struct entry *table_sorted(struct table *table);

void table_free(struct table *table);

#endif
