/*
 * A disk that forgets what was not synced.
 *
 * Loaded before libc (LD_PRELOAD) into a process that is going to be killed. For each database file in $LOSSY_DISK_DIRECTORY
 * it keeps a journal of what was written since the last fsync: what was there before, and what came instead. An fsync empties
 * the journal, and does nothing else. Once the process is dead, whoever killed it undoes what the journals hold, wholly or
 * in part, as a power failure would.
 *
 * While there is a file "full" in the directory, or "quota", nothing can be appended; while there is a file "broken", every fsync fails;
 * while there is a file "slow", every fsync waits, and makes a file "waiting".
 *
 * A journal is FILE.unsynced: records of {kind, offset, length, size of the file before, length of the old bytes}, all u64,
 * followed by the old and the new bytes. Kind 1 is a write, kind 2 a truncation to `offset`.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define MOST_FILES 4096

static int journals[MOST_FILES]; /* of each file descriptor: its journal's, plus one; 0 for files that are none of ours */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *real(const char *name) {
    void *symbol = dlsym(RTLD_NEXT, name);
    if (!symbol) abort();
    return symbol;
}

static int ends_with(const char *text, const char *end) {
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

static int open_real(const char *path, int flags, mode_t mode) {
    static int (*open_)(const char *, int, ...);
    if (!open_) open_ = real("open64");
    return open_(path, flags, mode);
}

static int track(const char *path, int fd) {
    const char *directory = getenv("LOSSY_DISK_DIRECTORY");
    if (fd < 0 || fd >= MOST_FILES || !directory || strncmp(path, directory, strlen(directory)) != 0) return fd;
    if (!ends_with(path, ".db") && !ends_with(path, "-wal") && !ends_with(path, "-journal") &&
        !ends_with(path, "-probe"))
        return fd;
    char journal[4096];
    snprintf(journal, sizeof journal, "%s.unsynced", path);
    int journal_fd = open_real(journal, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (journal_fd < 0) abort();
    journals[fd] = journal_fd + 1;
    return fd;
}

static int journal_of(int fd) { return fd >= 0 && fd < MOST_FILES ? journals[fd] - 1 : -1; }

static uint64_t size_of(int fd) {
    struct stat status;
    if (fstat(fd, &status) != 0) abort();
    return (uint64_t)status.st_size;
}

/* Whether the test has put a file with this name into the directory. */
static int trouble(const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", getenv("LOSSY_DISK_DIRECTORY"), name);
    return access(path, F_OK) == 0;
}

/* Notes an operation before it is done. */
static void note(int fd, int journal, uint64_t kind, uint64_t offset, const void *new_bytes, uint64_t length) {
    uint64_t size = size_of(fd);
    uint64_t end = kind == 1 ? offset + length : size;
    if (end > size) end = size;
    uint64_t old_length = end > offset ? end - offset : 0;
    char *old_bytes = malloc(old_length + 1);
    if (!old_bytes || pread(fd, old_bytes, old_length, (off_t)offset) != (ssize_t)old_length) abort();
    uint64_t header[5] = {kind, offset, length, size, old_length};
    struct iovec parts[3] = {
        {header, sizeof header}, {old_bytes, old_length}, {(void *)new_bytes, kind == 1 ? length : 0}};
    ssize_t all = (ssize_t)(parts[0].iov_len + parts[1].iov_len + parts[2].iov_len);
    if (writev(journal, parts, 3) != all) abort();
    free(old_bytes);
}

static ssize_t write_at(int fd, const void *bytes, size_t length, off_t offset) {
    static ssize_t (*pwrite_)(int, const void *, size_t, off_t);
    if (!pwrite_) pwrite_ = real("pwrite64");
    int journal = journal_of(fd);
    if (journal < 0) return pwrite_(fd, bytes, length, offset);
    if ((uint64_t)offset + length > size_of(fd) && (trouble("full") || trouble("quota"))) {
        errno = trouble("full") ? ENOSPC : EDQUOT;
        return -1;
    }
    pthread_mutex_lock(&lock);
    note(fd, journal, 1, (uint64_t)offset, bytes, length);
    ssize_t written = pwrite_(fd, bytes, length, offset);
    pthread_mutex_unlock(&lock);
    return written;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return write_at(fd, bytes, length, offset); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) { return write_at(fd, bytes, length, offset); }

ssize_t write(int fd, const void *bytes, size_t length) {
    static ssize_t (*write_)(int, const void *, size_t);
    if (!write_) write_ = real("write");
    int journal = journal_of(fd);
    if (journal < 0) return write_(fd, bytes, length);
    pthread_mutex_lock(&lock);
    note(fd, journal, 1, (uint64_t)lseek(fd, 0, SEEK_CUR), bytes, length);
    ssize_t written = write_(fd, bytes, length);
    pthread_mutex_unlock(&lock);
    return written;
}

static int truncate_to(int fd, off_t length) {
    static int (*ftruncate_)(int, off_t);
    if (!ftruncate_) ftruncate_ = real("ftruncate64");
    int journal = journal_of(fd);
    if (journal < 0) return ftruncate_(fd, length);
    pthread_mutex_lock(&lock);
    note(fd, journal, 2, (uint64_t)length, NULL, 0);
    int result = ftruncate_(fd, length);
    pthread_mutex_unlock(&lock);
    return result;
}

int ftruncate(int fd, off_t length) { return truncate_to(fd, length); }
int ftruncate64(int fd, off64_t length) { return truncate_to(fd, length); }

static int sync_to(int fd, const char *name) {
    int journal = journal_of(fd);
    if (journal < 0) {
        int (*sync_)(int) = real(name);
        return sync_(fd);
    }
    while (trouble("slow")) {
        char path[4096];
        snprintf(path, sizeof path, "%s/waiting", getenv("LOSSY_DISK_DIRECTORY"));
        close(open_real(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        usleep(1000);
    }
    if (trouble("broken")) {
        errno = EIO;
        return -1;
    }
    static int (*ftruncate_)(int, off_t);
    if (!ftruncate_) ftruncate_ = real("ftruncate64");
    pthread_mutex_lock(&lock);
    int result = ftruncate_(journal, 0);
    pthread_mutex_unlock(&lock);
    return result;
}

int fsync(int fd) { return sync_to(fd, "fsync"); }
int fdatasync(int fd) { return sync_to(fd, "fdatasync"); }

static int open_tracked(const char *path, int flags, mode_t mode) { return track(path, open_real(path, flags, mode)); }

#define OPEN_WITH_MODE                                \
    mode_t mode = 0;                                  \
    if (flags & (O_CREAT | O_TMPFILE)) {              \
        va_list arguments;                            \
        va_start(arguments, flags);                   \
        mode = (mode_t)va_arg(arguments, int);        \
        va_end(arguments);                            \
    }                                                 \
    return open_tracked(path, flags, mode);

int open(const char *path, int flags, ...) { OPEN_WITH_MODE }
int open64(const char *path, int flags, ...) { OPEN_WITH_MODE }

int close(int fd) {
    static int (*close_)(int);
    if (!close_) close_ = real("close");
    int journal = journal_of(fd);
    if (journal >= 0) {
        journals[fd] = 0;
        close_(journal);
    }
    return close_(fd);
}
