/* Open addressing with linear probing; doubles when it is two thirds full. */
#include "table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static uint64_t hash(const char *word, size_t length)
{
    uint64_t value = 1469598103934665603u; /* FNV-1a */
    for (size_t i = 0; i < length; i++)
        value = (value ^ (unsigned char)word[i]) * 1099511628211u;
    return value;
}

static struct entry *find(struct entry *slots, size_t capacity, const char *word, size_t length)
{
    size_t at = hash(word, length) & (capacity - 1);
    while (slots[at].word != NULL && (strncmp(slots[at].word, word, length) != 0 || slots[at].word[length] != '\0'))
        at = (at + 1) & (capacity - 1);
    return &slots[at];
}

static int grow(struct table *table)
{
    size_t capacity = table->capacity == 0 ? 64 : table->capacity * 2;
    struct entry *slots = calloc(capacity, sizeof *slots);
    if (slots == NULL)
        return -1;
    for (size_t i = 0; i < table->capacity; i++) {
        struct entry entry = table->slots[i];
        if (entry.word != NULL)
            *find(slots, capacity, entry.word, strlen(entry.word)) = entry;
    }
    free(table->slots);
    table->slots = slots;
    table->capacity = capacity;
    return 0;
}

int table_count(struct table *table, const char *word, size_t length)
{
    if (table->used * 3 >= table->capacity * 2 && grow(table) != 0)
        return -1;
    struct entry *entry = find(table->slots, table->capacity, word, length);
    if (entry->word == NULL) {
        entry->word = malloc(length + 1);
        if (entry->word == NULL)
            return -1;
        memcpy(entry->word, word, length);
        entry->word[length] = '\0';
        table->used++;
    }
    entry->count++;
    return 0;
}

static int by_count(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    if (a->count != b->count)
        return a->count < b->count ? 1 : -1;
    if (a->word == NULL || b->word == NULL)
        return (a->word == NULL) - (b->word == NULL);
    return strcmp(a->word, b->word);
}

struct entry *table_sorted(struct table *table)
{
    if (table->capacity != 0)
        qsort(table->slots, table->capacity, sizeof *table->slots, by_count);
    return table->slots;
}

void table_free(struct table *table)
{
    for (size_t i = 0; i < table->capacity; i++)
        free(table->slots[i].word);
    free(table->slots);
    *table = (struct table){0};
}
