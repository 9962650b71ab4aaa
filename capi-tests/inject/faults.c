#define _GNU_SOURCE
#include "faults.h"
#include <dlfcn.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_uint armed, rate;
static atomic_long failed, shortened, accepted;
static atomic_ulong counter;
static unsigned long long seed;
static __thread int exempt;

enum { KEPT = 64 };
static struct { const char *call; int fd, error; } kept[KEPT];

/* The real calls. */
#define REAL(name) __typeof__ (name) *real = (__typeof__ (name) *) dlsym (RTLD_NEXT, #name)

static uint64_t draw (void)
{
    uint64_t x = seed * 0x9e3779b97f4a7c15ull + atomic_fetch_add (&counter, 1) * 0xbf58476d1ce4e5b9ull;
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9ull;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebull;
    return x ^ x >> 31;
}

/* Whether this call of that class is to fail. */
static int hit (unsigned class)
{
    if (exempt || !(atomic_load (&armed) & class))
        return 0;
    unsigned r = atomic_load (&rate);
    return r <= 1 || draw () % r == 0;
}

static int fail (const char *call, int fd, int error)
{
    long n = atomic_fetch_add (&failed, 1);
    kept[n % KEPT].call = call;
    kept[n % KEPT].fd = fd;
    kept[n % KEPT].error = error;
    errno = error;
    return -1;
}

#define FAIL(call, fd, ...)                                                                                             \
    do {                                                                                                                \
        static const int errors[] = {__VA_ARGS__};                                                                      \
        return fail (call, fd, errors[draw () % (sizeof errors / sizeof *errors)]);                                     \
    } while (0)

/* A connection that a call says is lost is lost. */
static int fail_socket (const char *call, int fd, int error)
{
    if (error == ECONNRESET || error == EPIPE || error == ETIMEDOUT)
        shutdown (fd, SHUT_RDWR);
    return fail (call, fd, error);
}

#define FAIL_SOCKET(call, fd, ...)                                                                                      \
    do {                                                                                                                \
        static const int errors[] = {__VA_ARGS__};                                                                      \
        return fail_socket (call, fd, errors[draw () % (sizeof errors / sizeof *errors)]);                              \
    } while (0)

static int is_socket (int fd)
{
    struct stat s;
    int keep = errno, yes = fstat (fd, &s) == 0 && S_ISSOCK (s.st_mode);
    errno = keep;
    return yes;
}

#define WRITES(call, fd)                                                                                                \
    if (is_socket (fd)) {                                                                                               \
        if (hit (F_SEND))                                                                                               \
            FAIL_SOCKET (call, fd, ENOBUFS, ENOMEM, ECONNRESET, EPIPE, ENOBUFS, ETIMEDOUT);                             \
        if (hit (F_AGAIN))                                                                                              \
            FAIL (call, fd, EAGAIN, EINTR);                                                                             \
    }
#define READS(call, fd)                                                                                                 \
    if (is_socket (fd)) {                                                                                               \
        if (hit (F_RECV))                                                                                               \
            FAIL_SOCKET (call, fd, ECONNRESET, ENOMEM, ENOBUFS, ETIMEDOUT);                                             \
        if (hit (F_AGAIN))                                                                                              \
            FAIL (call, fd, EAGAIN, EINTR);                                                                             \
    }

/* How much of so many octets is read or written. */
static size_t shorten (int fd, size_t size)
{
    if (size < 2 || !is_socket (fd) || !hit (F_SHORT))
        return size;
    atomic_fetch_add (&shortened, 1);
    return 1 + draw () % (size - 1);
}

ssize_t send (int fd, const void *b, size_t n, int flags)
{
    WRITES ("send", fd);
    return syscall (SYS_sendto, fd, b, shorten (fd, n), flags, NULL, 0);
}

ssize_t sendto (int fd, const void *b, size_t n, int flags, const struct sockaddr *a, socklen_t l)
{
    WRITES ("sendto", fd);
    return syscall (SYS_sendto, fd, b, n, flags, a, l);
}

/* How many buffers may be cut. */
#define BUFFERS 1024

/* As shorten, for a list of buffers: the first of them, of which the last may be cut, in `to`. Returns how many these are. */
static int shorten_all (int fd, struct iovec to[BUFFERS], const struct iovec *from, int count)
{
    size_t left = 0;
    int n;
    for (n = 0; n < count; n++)
        left += from[n].iov_len;
    left = shorten (fd, left);
    for (n = 0; n < count && left > 0; n++) {
        to[n] = from[n];
        if (to[n].iov_len > left)
            to[n].iov_len = left;
        left -= to[n].iov_len;
    }
    return n;
}

ssize_t sendmsg (int fd, const struct msghdr *m, int flags)
{
    WRITES ("sendmsg", fd);
    struct msghdr h = *m;
    struct iovec v[BUFFERS];
    if (h.msg_iovlen <= BUFFERS) {
        h.msg_iovlen = (size_t) shorten_all (fd, v, m->msg_iov, (int) m->msg_iovlen);
        h.msg_iov = v;
    }
    return syscall (SYS_sendmsg, fd, &h, flags);
}

ssize_t writev (int fd, const struct iovec *from, int count)
{
    WRITES ("writev", fd);
    struct iovec v[BUFFERS];
    return count > BUFFERS ? syscall (SYS_writev, fd, from, count)
                           : syscall (SYS_writev, fd, v, shorten_all (fd, v, from, count));
}

ssize_t write (int fd, const void *b, size_t n)
{
    WRITES ("write", fd);
    return syscall (SYS_write, fd, b, shorten (fd, n));
}

ssize_t recv (int fd, void *b, size_t n, int flags)
{
    READS ("recv", fd);
    return syscall (SYS_recvfrom, fd, b, shorten (fd, n), flags, NULL, NULL);
}

ssize_t recvfrom (int fd, void *b, size_t n, int flags, struct sockaddr *a, socklen_t *l)
{
    READS ("recvfrom", fd);
    return syscall (SYS_recvfrom, fd, b, n, flags, a, l);
}

ssize_t recvmsg (int fd, struct msghdr *m, int flags)
{
    READS ("recvmsg", fd);
    return syscall (SYS_recvmsg, fd, m, flags);
}

ssize_t readv (int fd, const struct iovec *from, int count)
{
    READS ("readv", fd);
    struct iovec v[BUFFERS];
    return count > BUFFERS ? syscall (SYS_readv, fd, from, count)
                           : syscall (SYS_readv, fd, v, shorten_all (fd, v, from, count));
}

ssize_t read (int fd, void *b, size_t n)
{
    READS ("read", fd);
    return syscall (SYS_read, fd, b, shorten (fd, n));
}

static int take (int fd, struct sockaddr *a, socklen_t *l, int flags)
{
    if (hit (F_ACCEPT))
        FAIL ("accept", fd, EMFILE, ENFILE, ENOBUFS, ENOMEM, ECONNABORTED, EINTR, EPROTO);
    int taken = (int) syscall (SYS_accept4, fd, a, l, flags);
    if (taken >= 0)
        atomic_fetch_add (&accepted, 1);
    return taken;
}

int accept4 (int fd, struct sockaddr *a, socklen_t *l, int flags)
{
    return take (fd, a, l, flags);
}

int accept (int fd, struct sockaddr *a, socklen_t *l)
{
    return take (fd, a, l, 0);
}

int socket (int domain, int type, int protocol)
{
    if (hit (F_CONNECT))
        FAIL ("socket", -1, EMFILE, ENFILE, ENOBUFS, ENOMEM);
    return (int) syscall (SYS_socket, domain, type, protocol);
}

int connect (int fd, const struct sockaddr *a, socklen_t l)
{
    if (hit (F_CONNECT))
        FAIL ("connect", fd, ECONNREFUSED, ETIMEDOUT, EADDRNOTAVAIL, ENETUNREACH, EAGAIN);
    return (int) syscall (SYS_connect, fd, a, l);
}

int epoll_ctl (int epoll, int op, int fd, struct epoll_event *event)
{
    return (int) syscall (SYS_epoll_ctl, epoll, op, fd, event);
}

int epoll_wait (int epoll, struct epoll_event *events, int count, int timeout)
{
    if (hit (F_WAIT))
        FAIL ("epoll_wait", epoll, EINTR);
    return (int) syscall (SYS_epoll_wait, epoll, events, count, timeout);
}

int eventfd (unsigned value, int flags)
{
    if (hit (F_EVENT))
        FAIL ("eventfd", -1, EMFILE, ENFILE, ENOMEM);
    return (int) syscall (SYS_eventfd2, value, flags);
}

int poll (struct pollfd *fds, nfds_t count, int timeout)
{
    if (hit (F_WAIT))
        FAIL ("poll", -1, EINTR);
    return (int) syscall (SYS_poll, fds, count, timeout);
}

int ppoll (struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
    if (hit (F_WAIT))
        FAIL ("ppoll", -1, EINTR);
    /* The system call writes the time that is left. */
    struct timespec left, *at = NULL;
    if (timeout) {
        left = *timeout;
        at = &left;
    }
    return (int) syscall (SYS_ppoll, fds, count, at, mask, 8);
}

long syscall (long number, ...)
{
    long a[6];
    va_list list;
    va_start (list, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg (list, long);
    va_end (list);
#ifdef SYS_epoll_pwait2
    if (number == SYS_epoll_pwait2 && hit (F_WAIT))
        FAIL ("epoll_pwait2", (int) a[0], EINTR);
#endif
    static __typeof__ (syscall) *real;
    if (!real)
        real = (__typeof__ (syscall) *) dlsym (RTLD_NEXT, "syscall");
    return real (number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* What is smaller than this doesn't fail: for the standard library's collections that is the end of the process. */
enum { LARGE = 1024 };

extern void *__libc_malloc (size_t);
extern void *__libc_calloc (size_t, size_t);
extern void *__libc_realloc (void *, size_t);
extern void *__libc_memalign (size_t, size_t);

static int starves (const char *call, size_t size)
{
    return size >= LARGE && hit (F_MALLOC) && fail (call, (int) size, ENOMEM);
}

void *malloc (size_t size)
{
    return starves ("malloc", size) ? NULL : __libc_malloc (size);
}

void *calloc (size_t count, size_t size)
{
    return starves ("calloc", count * size) ? NULL : __libc_calloc (count, size);
}

void *realloc (void *at, size_t size)
{
    return starves ("realloc", size) ? NULL : __libc_realloc (at, size);
}

int posix_memalign (void **at, size_t align, size_t size)
{
    if (starves ("posix_memalign", size))
        return ENOMEM;
    *at = __libc_memalign (align, size);
    return *at ? 0 : ENOMEM;
}

/* Answers for the kernel whether an epoll_ctl goes on. */
static int notifications = -1;

static void *supervise (void *unused)
{
    (void) unused;
    exempt = 1;
    union { struct seccomp_notif n; char room[4096]; } asked;
    union { struct seccomp_notif_resp r; char room[4096]; } answer;
    for (;;) {
        memset (&asked, 0, sizeof asked);
        if (ioctl (notifications, SECCOMP_IOCTL_NOTIF_RECV, &asked.n) < 0) {
            if (errno == EINTR || errno == ENOENT)
                continue;
            return NULL;
        }
        memset (&answer, 0, sizeof answer);
        answer.r.id = asked.n.id;
        answer.r.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        exempt = 0;
        if (hit (F_WATCH)) {
            int error = draw () % 2 ? ENOSPC : ENOMEM;
            fail ("epoll_ctl", (int) asked.n.data.args[2], error);
            answer.r.flags = 0;
            answer.r.error = -error;
        }
        exempt = 1;
        ioctl (notifications, SECCOMP_IOCTL_NOTIF_SEND, &answer.r);
    }
}

void faults_begin (unsigned long long s)
{
    seed = s;
    /* epoll_ctl with EPOLL_CTL_ADD asks the supervisor. Without seccomp, it never fails. */
    struct sock_filter filter[] = {
        BPF_STMT (BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_ctl, 0, 3),
        BPF_STMT (BPF_LD | BPF_W | BPF_ABS, 24),
        BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, EPOLL_CTL_ADD, 0, 1),
        BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    notifications = (int) syscall (SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
    pthread_t thread;
    if (notifications >= 0)
        pthread_create (&thread, NULL, supervise, NULL);
}

void faults_arm (unsigned mask, unsigned r)
{
    atomic_store (&rate, r);
    atomic_store (&armed, mask);
}

void faults_disarm (void)
{
    atomic_store (&armed, 0);
}

void faults_exempt (int yes)
{
    exempt = yes;
}

long faults_count (void)
{
    return atomic_load (&failed);
}

long faults_shortened (void)
{
    return atomic_load (&shortened);
}

long faults_accepted (void)
{
    return atomic_load (&accepted);
}

void faults_print (FILE *to)
{
    long n = atomic_load (&failed);
    for (long i = n > 24 ? n - 24 : 0; i < n; i++)
        fprintf (to, "    %s (%d): %s\n", kept[i % KEPT].call, kept[i % KEPT].fd, strerrorname_np (kept[i % KEPT].error));
}

const char *faults_name (unsigned mask)
{
    static const char *names[] = {"send", "short", "recv", "again", "accept", "connect", "watch", "wait", "event", "malloc"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (mask == 1u << i)
            return names[i];
    return "several";
}
