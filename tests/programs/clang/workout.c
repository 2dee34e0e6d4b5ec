/* Works the C library and the file system, and prints what must come out on every machine: workout DIR */
#include "table.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char path[4096], other[4096];

static void fail(const char *what)
{
    fprintf(stderr, "workout: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t state = 88172645463325252u;

static uint64_t xorshift(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

/* Text of made-up words, written through stdio and counted again. */
static void words(const char *top)
{
    static const char *const syllables[] = {"ba", "co", "di", "fu", "ge", "la", "mo", "ni"};
    snprintf(path, sizeof path, "%s/words.txt", top);
    FILE *file = fopen(path, "w");
    if (file == NULL)
        fail("create words.txt");
    for (int line = 0; line < 20000; line++) {
        for (int word = 0; word < 8; word++) {
            uint64_t bits = xorshift();
            for (int syllable = 0; syllable <= (int)(bits & 3); syllable++)
                fputs(syllables[bits >> (8 + 3 * syllable) & 7], file);
            fputc(word == 7 ? '\n' : ' ', file);
        }
    }
    if (fclose(file) != 0)
        fail("close words.txt");

    struct table table = {0};
    char line[1024];
    unsigned long total = 0;
    file = fopen(path, "r");
    if (file == NULL)
        fail("open words.txt");
    while (fgets(line, sizeof line, file) != NULL) {
        for (char *at = line; *at != '\0';) {
            size_t length = 0;
            while (isalpha((unsigned char)at[length]))
                length++;
            if (length != 0) {
                if (table_count(&table, at, length) != 0)
                    fail("count a word");
                total++;
                at += length;
            } else {
                at++;
            }
        }
    }
    fclose(file);
    struct entry *sorted = table_sorted(&table);
    printf("words: %lu, %zu different, most often: %s %lu, %s %lu\n", total, table.used, sorted[0].word, sorted[0].count,
           sorted[1].word, sorted[1].count);
    table_free(&table);
}

/* Directories and many small files through the system calls. */
static void tree(const char *top)
{
    enum { FOLDERS = 20, FILES = 50 };
    for (int folder = 0; folder < FOLDERS; folder++) {
        snprintf(path, sizeof path, "%s/d%02d", top, folder);
        if (mkdir(path, 0755) != 0)
            fail("mkdir");
        for (int number = 0; number < FILES; number++) {
            snprintf(path, sizeof path, "%s/d%02d/f%03d", top, folder, number);
            int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
            if (descriptor < 0 || dprintf(descriptor, "%d %d\n", folder, number) < 0 || close(descriptor) != 0)
                fail(path);
        }
    }
    unsigned long files = 0, bytes = 0, removed = 0;
    for (int folder = 0; folder < FOLDERS; folder++) {
        char directory[4096];
        snprintf(directory, sizeof directory, "%s/d%02d", top, folder);
        DIR *entries = opendir(directory);
        if (entries == NULL)
            fail(directory);
        for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
            struct stat attributes;
            if (entry->d_name[0] == '.')
                continue;
            snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
            if (stat(path, &attributes) != 0 || !S_ISREG(attributes.st_mode))
                fail(path);
            files++;
            bytes += (unsigned long)attributes.st_size;
            if (unlink(path) != 0)
                fail("unlink");
            removed++;
        }
        closedir(entries);
        if (rmdir(directory) != 0)
            fail(directory);
    }
    printf("tree: %lu files, %lu bytes, %lu removed while listed\n", files, bytes, removed);
}

/* Offsets, holes, truncation, links, times, and the errors that must come. */
static void files(const char *top)
{
    struct stat attributes;
    char buffer[16] = {0};
    snprintf(path, sizeof path, "%s/file", top);
    snprintf(other, sizeof other, "%s/other", top);
    int descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (descriptor < 0 || pwrite(descriptor, "end", 3, 1 << 20) != 3 || pwrite(descriptor, "0123456789", 10, 0) != 10)
        fail("pwrite");
    if (lseek(descriptor, -3, SEEK_END) != 1 << 20 || read(descriptor, buffer, sizeof buffer) != 3)
        fail("read the end");
    if (pread(descriptor, buffer + 3, 4, 8) != 4)
        fail("pread");
    printf("files: %.5s %d%d", buffer, buffer[5], buffer[6]);
    if (ftruncate(descriptor, 5) != 0 || fstat(descriptor, &attributes) != 0)
        fail("ftruncate");
    printf(", %d bytes", (int)attributes.st_size);
    if (link(path, other) != 0 || fstat(descriptor, &attributes) != 0)
        fail("link");
    printf(", %d links", (int)attributes.st_nlink);
    const struct timespec times[2] = {{1000000000, 0}, {1234567890, 500000000}};
    if (futimens(descriptor, times) != 0 || stat(other, &attributes) != 0)
        fail("futimens");
    printf(", %lld.%ld", (long long)attributes.st_mtim.tv_sec, attributes.st_mtim.tv_nsec / 100000000);
    if (unlink(path) != 0 || unlink(other) != 0 || pread(descriptor, buffer, 5, 0) != 5)
        fail("read an unlinked file");
    printf(", unlinked %.5s", buffer);
    close(descriptor);

    if (symlink("nowhere", path) != 0)
        fail("symlink");
    ssize_t length = readlink(path, buffer, sizeof buffer);
    printf(", link to %.*s\nerrors:", (int)length, buffer);
    printf(" %d", open(path, O_RDONLY) < 0 && errno == ENOENT);
    printf(" %d", mkdir(top, 0755) != 0 && errno == EEXIST);
    printf(" %d", rmdir(top) != 0 && errno == ENOTEMPTY);
    printf(" %d", open(top, O_WRONLY) < 0 && errno == EISDIR);
    printf(" %d", open(path, O_WRONLY | O_CREAT | O_EXCL, 0644) < 0 && errno == EEXIST);
    snprintf(other, sizeof other, "%s/words.txt/x", top);
    printf(" %d", open(other, O_RDONLY) < 0 && errno == ENOTDIR);
    printf(" %d\n", close(99) != 0 && errno == EBADF);
    unlink(path);
}

/* A matrix product, and numbers printed and read back. */
static void numbers(void)
{
    enum { N = 160 };
    static double a[N][N], b[N][N], c[N][N];
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            a[i][j] = (double)(xorshift() % 1000) / 8;
            b[i][j] = (double)(xorshift() % 1000) / 16;
        }
    for (int i = 0; i < N; i++)
        for (int k = 0; k < N; k++)
            for (int j = 0; j < N; j++)
                c[i][j] += a[i][k] * b[k][j];
    double trace = 0;
    for (int i = 0; i < N; i++)
        trace += c[i][i];
    char text[64];
    snprintf(text, sizeof text, "%.17g", sqrt(2.0));
    printf("numbers: trace %.6f, %s %d, %" PRIu64 "\n", trace, text, strtod(text, NULL) == sqrt(2.0), xorshift() % 1000000);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIR\n", argv[0]);
        return 2;
    }
    char top[2048];
    snprintf(top, sizeof top, "%s/workout", argv[1]);
    if (mkdir(top, 0755) != 0)
        fail(top);
    words(top);
    tree(top);
    files(top);
    numbers();
    snprintf(path, sizeof path, "%s/words.txt", top);
    if (unlink(path) != 0 || rmdir(top) != 0)
        fail("clean up");
    puts("workout: done");
    return 0;
}
